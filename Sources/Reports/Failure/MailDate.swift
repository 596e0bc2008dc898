import MailAuth

/// Dates of other people's header fields (RFC 5322 section 3.3).
enum MailDate {
  private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The value of a date field without comments, one blank between words; nil when it is no date.
  static func normalized(_ octets: [UInt8]) -> String? {
    // Comments such as "(UTC)" only ever stand at the end.
    let text = octets.prefix { $0 != UInt8(ascii: "(") }
    var words = text.split(whereSeparator: \.isBlank).map { String(decoding: $0, as: UTF8.self) }
    guard (4...6).contains(words.count) else { return nil }
    let normalized = words.joined(separator: " ")
    if let first = words.first, first.hasSuffix(",") {
      guard days.contains(String(first.dropLast())) else { return nil }
      words.removeFirst()
    }
    guard words.count == 5, isNumber(words[0], 1...2), months.contains(words[1]),
      isNumber(words[2], 4...4), isClock(words[3]), isZone(words[4])
    else { return nil }
    return normalized
  }

  private static func isNumber(_ text: String, _ digits: ClosedRange<Int>) -> Bool {
    digits.contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static func isClock(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return (2...3).contains(parts.count) && parts.allSatisfy { isNumber(String($0), 2...2) }
  }

  private static func isZone(_ text: String) -> Bool {
    if ["GMT", "UT", "UTC", "Z"].contains(text) { return true }
    return (text.hasPrefix("+") || text.hasPrefix("-")) && isNumber(String(text.dropFirst()), 4...4)
  }
}
