import Foundation
import MailAuth

/// Texts of header fields that we write (RFC 5322, RFC 2047).
enum MailText {
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// The value of Date in UTC, such as `Fri, 20 Nov 2026 23:43:31 +0000`.
  static func date(_ epochSeconds: Int64) -> String {
    let day = UTCDay(containing: epochSeconds)
    let parts = day.description.split(separator: "-")
    // 1970-01-01 was a Thursday.
    let weekday = Int(((day.daysSinceEpoch + 4) % 7 + 7) % 7)
    guard parts.count == 3, let month = Int(parts[1]), months.indices.contains(month - 1) else {
      return day.description
    }
    return "\(days[weekday]), \(parts[2]) \(months[month - 1]) \(parts[0])"
      + " \(time(epochSeconds)) +0000"
  }

  /// A moment for people, such as `2026-11-20 23:43:31`.
  static func moment(_ epochSeconds: Int64) -> String {
    "\(UTCDay(containing: epochSeconds)) \(time(epochSeconds))"
  }

  private static func time(_ epochSeconds: Int64) -> String {
    let second = ((epochSeconds % 86_400) + 86_400) % 86_400
    return [second / 3600, second / 60 % 60, second % 60]
      .map { ($0 < 10 ? "0" : "") + String($0) }.joined(separator: ":")
  }

  /// An address with an optional name in front, as From and To have it.
  static func mailbox(_ address: MailAddress, name: String?) -> String {
    guard let name, !name.isEmpty else { return "\(address)" }
    return "\(phrase(name)) <\(address)>"
  }

  /// A display name: as it is, as a quoted string, or as encoded words.
  static func phrase(_ text: String) -> String {
    let clean = oneLine(text)
    guard clean.utf8.allSatisfy({ $0 < 0x80 }) else { return encodedWords(clean) }
    let isPlain = clean.utf8.allSatisfy { octet in
      (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet)
        || (0x61...0x7A).contains(octet) || octet == 0x20 || octet == UInt8(ascii: "-")
    }
    // "=?" in a quoted string would be read as an encoded word by some.
    if clean.contains("=?") { return encodedWords(clean) }
    if isPlain { return clean }
    let escaped = clean.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    return "\"\(escaped)\""
  }

  /// Encoded words, none longer than 75 characters, none with half a character (RFC 2047).
  private static func encodedWords(_ text: String) -> String {
    // 75 minus "=?UTF-8?B?" and "?=" leaves 63 characters, of which 60 hold 45 octets.
    let most = 45
    var words: [[UInt8]] = [[]]
    for scalar in text.unicodeScalars {
      let octets = Array(String(scalar).utf8)
      if let last = words.last, last.count + octets.count > most { words.append([]) }
      words[words.count - 1] += octets
    }
    return words.map { "=?UTF-8?B?\(Data($0).base64EncodedString())?=" }.joined(separator: " ")
  }

  /// The text with control characters and runs of white space as single blanks.
  static func oneLine(_ text: String) -> String {
    text.unicodeScalars.split { scalar in
      switch scalar.value {
      case 0...0x20, 0x7F...0xA0, 0x2028, 0x2029: true
      default: false
      }
    }.map { String($0) }.joined(separator: " ")
  }
}
