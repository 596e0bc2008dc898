import MailAuth

/// Text of others made fit for a report: XML 1.0 characters only, one line, of bounded length.
enum ReportText {
  /// Characters that XML 1.0 forbids or that break a line become `\xNN` or `\u{NNNN}`; what is
  /// longer than `limit` octets ends in `...`.
  static func sanitized(_ text: String, limit: Int = 500) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if result.utf8.count >= limit {
        result += "..."
        break
      }
      let hexadecimal = String(scalar.value, radix: 16, uppercase: true)
      switch scalar.value {
      case 0...0x1F, 0x7F...0x9F:
        result += "\\x" + (hexadecimal.utf8.count == 1 ? "0" : "") + hexadecimal
      case 0xFFFE, 0xFFFF, 0x2028, 0x2029:
        result += "\\u{\(hexadecimal)}"
      default:
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A name as reports carry it: A-labels where it is a domain name, otherwise printable ASCII.
  static func name(_ text: String) -> String {
    name(Array(text.utf8))
  }

  /// The same for octets.
  static func name(_ octets: [UInt8]) -> String {
    DomainName(bytes: octets)?.text ?? octets.printable(limit: 253)
  }

  /// A selector: as published when it is ASCII, its case included, otherwise A-labels.
  static func selector(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.printable(limit: 253) }
    return name(text)
  }
}
