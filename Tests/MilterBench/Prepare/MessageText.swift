import Foundation
import MailAuth

/// Composes messages as a mailing service would send them; the same ones in every run.
struct MessageText {
  private static let words = [
    "account", "agenda", "an", "and", "answer", "are", "autumn", "before", "between", "chapter",
    "colleague", "comes", "draft", "each", "evening", "figures", "for", "from", "garden", "has",
    "in", "invoice", "it", "ladder", "later", "letter", "meeting", "morning", "needs", "new",
    "of", "office", "on", "order", "our", "paper", "please", "project", "quarter", "question",
    "reads", "room", "see", "some", "station", "the", "this", "to", "window", "with", "your",
  ]

  private var state: UInt64
  private let number: Int

  /// Begins the message with this number.
  init(number: Int) {
    self.number = number
    state = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15 | 1
  }

  /// The fields of a message, from the top down, folded with CRLF; without Received fields.
  mutating func header(from domain: String, contentType: String) -> [HeaderField] {
    let person = "\(word()).\(word())"
    let earlier = "<\(number - 1).\(number % 97)@\(domain)>"
    return [
      HeaderField("Date", " Sat, 21 Nov 2026 \(Self.time(number)) +0000"),
      HeaderField("From", " \(person.capitalized) <\(person)@\(domain)>"),
      HeaderField("Reply-To", " \(person)@\(domain)"),
      HeaderField("To", " Recipient <user\(number % 50)@receiver.example>"),
      HeaderField("Message-ID", " <\(number).\(number % 89)@\(domain)>"),
      HeaderField("In-Reply-To", " \(earlier)"),
      HeaderField("References", " <1.\(number % 83)@\(domain)>\r\n\t\(earlier)"),
      HeaderField("Subject", " Re: \(sentence(8))"),
      HeaderField("MIME-Version", " 1.0"),
      HeaderField("Content-Type", contentType),
      HeaderField("Content-Transfer-Encoding", " 7bit"),
      HeaderField("X-Mailer", " Quarter Mailer 4.2"),
      HeaderField("Feedback-ID", " \(number):\(domain):mailing"),
      HeaderField(
        "List-Unsubscribe",
        " <mailto:unsubscribe-\(number)@\(domain)>,\r\n <https://\(domain)/unsubscribe/\(number)>"),
    ]
  }

  /// The field that a host puts on top when it takes the message.
  func received(from host: String, address: String, by: String) -> HeaderField {
    HeaderField(
      "Received",
      " from \(host) (\(host) [\(address)])\r\n\tby \(by) (Postfix) with ESMTPS id 4\(number)X;\r\n"
        + "\tSat, 21 Nov 2026 \(Self.time(number)) +0000 (UTC)")
  }

  /// Lines of words, `octets` or a little more.
  mutating func words(octets: Int) -> [UInt8] {
    var body: [UInt8] = []
    while body.count < octets {
      body += Array("\(sentence(12)).\r\n".utf8)
    }
    return body
  }

  /// A text and an attachment in base64, `octets` or a little more.
  mutating func attachment(octets: Int, boundary: String) -> [UInt8] {
    var body = Array(
      "--\(boundary)\r\nContent-Type: text/plain\r\n\r\n\(sentence(10)).\r\n\r\n--\(boundary)\r\n"
        .utf8)
    body += Array(
      "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n".utf8)
    // Each 64 KB alike, so that it takes no time to make.
    var block: [UInt8] = []
    while block.count < 65_536 {
      let line = Data((0..<57).map { _ in UInt8(truncatingIfNeeded: random()) })
      block += Array("\(line.base64EncodedString())\r\n".utf8)
    }
    while body.count < octets { body += block.prefix(max(78, (octets - body.count) / 78 * 78)) }
    return body + Array("--\(boundary)--\r\n".utf8)
  }

  private mutating func sentence(_ count: Int) -> String {
    (0..<count).map { _ in word() }.joined(separator: " ")
  }

  private mutating func word() -> String {
    Self.words[Int(random() % UInt64(Self.words.count))]
  }

  private mutating func random() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state >> 11
  }

  private static func time(_ number: Int) -> String {
    let parts = [number / 3600 % 24, number / 60 % 60, number % 60]
    return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
  }
}
