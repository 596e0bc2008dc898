/// Text in YAML.
enum YAMLText {
  /// A scalar in double quotes on one line.
  static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\":
        quoted += "\\"
        quoted.unicodeScalars.append(scalar)
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case _ where !isPlain(scalar): quoted += escape(scalar.value)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// Such scalars as a list on one line.
  static func list(_ texts: [String]) -> String {
    "[" + texts.map(quoted).joined(separator: ", ") + "]"
  }

  /// A text for a comment: on one line.
  static func comment(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { isPlain($0) ? $0 : "?" }))
  }

  /// Octets as a literal block.
  ///
  /// - Parameters:
  ///   - octets: Line ends are CRLF.
  ///   - indent: Blanks in front of each line, two more than in front of the key.
  /// - Returns: What stands behind the key, and the lines; nil when a block cannot hold the octets.
  static func block(_ octets: [UInt8], indent: Int) -> [String]? {
    guard let text = String(validating: octets, as: UTF8.self) else { return nil }
    var lines: [String] = [""]
    var endsWithCR = false
    for scalar in text.unicodeScalars {
      if endsWithCR != (scalar == "\n") { return nil }
      endsWithCR = scalar == "\r"
      switch scalar {
      case "\r": break
      case "\n": lines.append("")
      case _ where scalar == "\t" || isPlain(scalar):
        lines[lines.count - 1].unicodeScalars.append(scalar)
      default: return nil
      }
    }
    if endsWithCR { return nil }
    let isEnded = lines.last == ""
    if isEnded { lines.removeLast() }
    // "2" is how far it is indented, which the first line need not show; "+" keeps all line ends.
    let blanks = String(repeating: " ", count: indent)
    return [isEnded ? "|2+" : "|2-"] + lines.map { $0.isEmpty ? "" : blanks + $0 }
  }

  /// Whether a reader of YAML takes it as it stands.
  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E, 0xA1...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
      0x1_0000...0x10_FFFF:
      true
    default: false
    }
  }

  private static func escape(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    let (letter, width) = value <= 0xFF ? ("x", 2) : value <= 0xFFFF ? ("u", 4) : ("U", 8)
    return "\\\(letter)" + String(repeating: "0", count: width - digits.utf8.count) + digits
  }
}
