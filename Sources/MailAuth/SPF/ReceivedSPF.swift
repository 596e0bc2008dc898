/// The Received-SPF field (RFC 7208 section 9.1): one, about the reverse-path, or about the HELO
/// name when that is null; always the result that Authentication-Results gives.
enum ReceivedSPF {
  /// The name of the field.
  static let fieldName = "Received-SPF"

  /// Whether an incoming field must go, because it names us as the receiver or cannot be read.
  static func speaksFor(authservID: String, value: [UInt8]) -> Bool {
    var scanner = KeyScanner(value)
    let isOurs = scanner.values(of: "receiver").contains {
      AuthenticationResults.isSame($0, authservID)
    }
    return isOurs || scanner.isBroken
  }

  /// The value of our field on one line.
  static func text(authservID: String, outcome: SPFOutcome, envelope: Envelope) -> String {
    let isHELO = envelope.hasNullReversePath
    var pairs = [("client-ip", envelope.clientAddress.description)]
    if !isHELO {
      pairs.append(("envelope-from", String(decoding: envelope.mailFrom, as: UTF8.self)))
    }
    pairs += [
      ("helo", String(decoding: envelope.helo, as: UTF8.self)), ("receiver", authservID),
      ("identity", isHELO ? "helo" : "mailfrom"), ("mechanism", outcome.term ?? "default"),
    ]
    if outcome.result == .temperror || outcome.result == .permerror {
      pairs.append(("problem", outcome.cause.rawValue))
    }
    let text = pairs.map { "\($0.0)=\(value($0.1))" }.joined(separator: "; ")
    return "\(outcome.result.rawValue) \(FieldText.comment(outcome.explanation)) \(text)"
  }

  /// A dot-atom or a quoted string, which is what RFC 7208 asks for; a token is not enough.
  private static func value(_ text: String) -> String {
    let isAtom =
      text.utf8.allSatisfy { octet in
        octet.isASCIILetter || octet.isASCIIDigit || "-_.".utf8.contains(octet)
      } && !text.hasPrefix(".") && !text.hasSuffix(".") && !text.contains("..")
    return isAtom ? FieldText.word(text) : FieldText.quoted(text)
  }
}

/// Finds `key=value` pairs in a Received-SPF field, comments and quoted strings respected.
private struct KeyScanner {
  private let octets: [UInt8]
  /// Whether a comment or quoted string does not end.
  private(set) var isBroken = false

  init(_ octets: [UInt8]) { self.octets = octets }

  /// The value of each pair with this key, whatever stands around it.
  mutating func values(of key: String) -> [[UInt8]] {
    var found: [[UInt8]] = []
    let words = words()
    for index in words.indices.dropFirst(2)
    where words[index - 1] == Array("=".utf8) && words[index - 2].equalsIgnoringASCIICase(key) {
      found.append(words[index])
    }
    return found
  }

  /// Tokens and the contents of quoted strings; `=` and `;` each alone.
  private mutating func words() -> [[UInt8]] {
    var words: [[UInt8]] = []
    var word: [UInt8] = []
    var depth = 0
    var isQuoted = false
    var rest = octets[...]
    func flushed() -> [[UInt8]] { word.isEmpty ? [] : [word] }
    while let octet = rest.popFirst() {
      if octet == UInt8(ascii: "\\"), isQuoted || depth > 0 {
        if let escaped = rest.popFirst(), isQuoted { word.append(escaped) }
      } else if isQuoted {
        if octet == UInt8(ascii: "\"") { isQuoted = false } else { word.append(octet) }
      } else if octet == UInt8(ascii: "(") {
        depth += 1
      } else if depth > 0 {
        if octet == UInt8(ascii: ")") { depth -= 1 }
      } else if octet == UInt8(ascii: "\"") {
        isQuoted = true
      } else if octet.isFoldingWhitespace || octet == UInt8(ascii: "=")
        || octet == UInt8(ascii: ";")
      {
        words += flushed()
        word = []
        if !octet.isFoldingWhitespace { words.append([octet]) }
      } else {
        word.append(octet)
      }
    }
    isBroken = isQuoted || depth > 0
    return words + flushed()
  }
}
