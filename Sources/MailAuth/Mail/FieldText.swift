/// Parts of structured header fields that we write, out of text that a sender chose.
enum FieldText {
  /// Octets of a value that are kept: a domain name always fits.
  static let longestWord = 255

  /// A value as a token where it is one, otherwise as a quoted string.
  static func word(_ value: String) -> String {
    let isToken = !value.isEmpty && !value.hasOctet(where: { !isTokenOctet($0) })
    return isToken && value.utf8.count <= longestWord ? value : quoted(value)
  }

  /// Whether these are the octets of a MIME token (RFC 2045 section 5.1).
  static func isToken(_ octets: some Collection<UInt8>) -> Bool {
    !octets.isEmpty && octets.allSatisfy(isTokenOctet)
  }

  private static func isTokenOctet(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "@"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"),
      UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "["),
      UInt8(ascii: "]"), UInt8(ascii: "?"), UInt8(ascii: "="), 0x20:
      false
    default: octet.isPrintableASCII
    }
  }

  /// A quoted string.
  ///
  /// Besides octets that are not printable ASCII those become "?" that could make a careless reader
  /// see an entry of its own in it: `;`, `"` and `\`.
  static func quoted(_ value: String) -> String {
    "\"" + safe(value, limit: longestWord) + "\""
  }

  /// A comment; parentheses in it become brackets; `;`, `"` and `\` become "?".
  static func comment(_ text: String) -> String {
    let brackets = text.replacing("(", with: "[").replacing(")", with: "]")
    return "(\(safe(brackets, limit: 300)))"
  }

  /// The inside of a quoted string, cut to `limit` octets.
  static func safe(_ value: String, limit: Int = longestWord) -> String {
    if value.utf8.count <= limit, !value.hasOctet(where: { !isSafe($0) }) { return value }
    let octets = value.utf8.prefix(limit).map { isSafe($0) ? $0 : UInt8(ascii: "?") }
    return String(decoding: octets, as: UTF8.self)
  }

  private static func isSafe(_ octet: UInt8) -> Bool {
    octet.isPrintableASCII && octet != UInt8(ascii: ";") && octet != UInt8(ascii: "\"")
      && octet != UInt8(ascii: "\\")
  }
}
