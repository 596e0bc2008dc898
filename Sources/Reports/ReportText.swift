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
    isPlainName(text.utf8) ? text : name(Array(text.utf8))
  }

  /// The same for octets.
  static func name(_ octets: [UInt8]) -> String {
    if isPlainName(octets) { return String(decoding: octets, as: UTF8.self) }
    return DomainName(bytes: octets)?.text ?? octets.printable(limit: 253)
  }

  /// Whether this is a domain name in the form that a report shows: nearly every one is, and
  /// parsing each took a good part of the time.
  private static func isPlainName(_ octets: some Collection<UInt8>) -> Bool {
    guard (1...253).contains(octets.count) else { return false }
    var labelLength = 0
    for octet in octets {
      switch octet {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"):
        labelLength += 1
        if labelLength > 63 { return false }
      case UInt8(ascii: "."):
        if labelLength == 0 { return false }
        labelLength = 0
      default: return false
      }
    }
    return labelLength > 0
  }

  /// A selector: as published when it is ASCII, its case included, otherwise A-labels.
  static func selector(_ text: String) -> String {
    if isPlainName(text.utf8) { return text }
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.printable(limit: 253) }
    return name(text)
  }
}
