/// Parts of structured header fields that we write, out of text that a sender chose.
enum FieldText {
  /// Octets of a value that are kept: a domain name always fits.
  static let longestWord = 255

  /// A value as a token where it is one, otherwise as a quoted string.
  static func word(_ value: String) -> String {
    isToken(value.utf8) && value.utf8.count <= longestWord ? value : quoted(value)
  }

  /// Whether these are the octets of a MIME token (RFC 2045 section 5.1).
  static func isToken(_ octets: some Collection<UInt8>) -> Bool {
    !octets.isEmpty
      && octets.allSatisfy { octet in
        (0x21...0x7E).contains(octet) && !"()<>@,;:\\\"/[]?=".utf8.contains(octet)
      }
  }

  /// A quoted string.
  ///
  /// Besides octets that are not printable ASCII those become "?" that could make a careless reader
  /// see an entry of its own in it: `;`, `"` and `\`.
  static func quoted(_ value: String) -> String {
    "\"\(safe(value, without: ";\"\\", limit: longestWord))\""
  }

  /// A comment; parentheses in it become brackets; `;`, `"` and `\` become "?".
  static func comment(_ text: String) -> String {
    let brackets = text.replacing("(", with: "[").replacing(")", with: "]")
    return "(\(safe(brackets, without: ";\"\\", limit: 300)))"
  }

  private static func safe(_ value: String, without refused: String, limit: Int) -> String {
    let octets = value.utf8.prefix(limit).map { octet in
      (0x20...0x7E).contains(octet) && !refused.utf8.contains(octet) ? octet : UInt8(ascii: "?")
    }
    return String(decoding: octets, as: UTF8.self)
  }
}
