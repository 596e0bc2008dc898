public import MailAuth

/// A message's header as a failure report may show it (RFC 9991 section 7, RFC 6590).
///
/// Nothing is passed on as it came: what is in the report was read, checked and written anew. A field
/// whose value cannot be read is left out; of one that is not known here only the name stays.
public struct HeaderRedactor: Sendable {
  /// Makes words.
  public let redactor: Redactor
  /// Whether the subject stays readable.
  public let keepsSubject: Bool

  private static let mostOctets = 16_000
  private static let mostFieldOctets = 2_000
  private static let mostUnknownFields = 30

  /// Makes a redactor of headers.
  public init(redactor: Redactor, keepsSubject: Bool) {
    self.redactor = redactor
    self.keepsSubject = keepsSubject
  }

  /// The subject of a message, redacted; nil when it has none.
  public func subject(_ header: [HeaderField]) -> String? {
    header.first { $0.isNamed("Subject") }.map { subject($0.value) }
  }

  /// The header with CRLF line ends, one at the end; empty when nothing can be shown.
  public func text(_ header: [HeaderField]) -> String {
    var counts: [String: Int] = [:]
    var fields: [(text: String, isKnown: Bool)] = []
    for field in header {
      let name = String(decoding: field.name, as: UTF8.self)
      guard Self.isPlainName(field.name) else { continue }
      let kind = Kind(name)
      let counted = kind == .unknown ? "unknown" : name.asciiLowercased()
      counts[counted, default: 0] += 1
      guard counts[counted, default: 0] <= kind.most, let value = value(field.value, kind) else {
        continue
      }
      let text = "\(name): \(value)\r\n"
      if text.utf8.count <= Self.mostFieldOctets { fields.append((text, kind != .unknown)) }
    }
    return Self.fitted(fields)
  }

  /// Fields of known names first where there is not room for all; the order stays.
  private static func fitted(_ fields: [(text: String, isKnown: Bool)]) -> String {
    var room = mostOctets
    var chosen: Set<Int> = []
    for isKnown in [true, false] {
      for (index, field) in fields.enumerated() where field.isKnown == isKnown {
        guard field.text.utf8.count <= room else { break }
        room -= field.text.utf8.count
        chosen.insert(index)
      }
    }
    return fields.enumerated().filter { chosen.contains($0.offset) }.map(\.element.text).joined()
  }

  private static func isPlainName(_ name: [UInt8]) -> Bool {
    (1...60).contains(name.count) && name.allSatisfy { $0.isPlain || $0 == UInt8(ascii: "-") }
  }

  // MARK: - Fields

  private enum Kind {
    case addresses, messageID, date, received, signature, subject, contentType, word, product
    case listID, omitted, unknown

    init(_ name: String) {
      switch name.asciiLowercased() {
      case "from", "sender", "reply-to", "to", "cc", "return-path", "resent-from", "resent-sender",
        "resent-to", "resent-cc", "errors-to", "delivered-to", "x-original-to":
        self = .addresses
      case "message-id", "resent-message-id": self = .messageID
      case "date", "resent-date": self = .date
      case "received": self = .received
      case "dkim-signature", "arc-message-signature", "arc-seal": self = .signature
      case "subject": self = .subject
      case "content-type": self = .contentType
      case "mime-version", "content-transfer-encoding", "precedence", "auto-submitted",
        "importance", "priority", "x-priority":
        self = .word
      case "user-agent", "x-mailer": self = .product
      case "list-id": self = .listID
      // They hold addresses in places of their own, and what they say is not for the reader.
      case "authentication-results", "arc-authentication-results", "received-spf", "bcc",
        "resent-bcc", "in-reply-to", "references", "domainkey-signature":
        self = .omitted
      default: self = .unknown
      }
    }

    /// How many fields of one name are shown, of unknown ones together.
    var most: Int {
      switch self {
      case .received: 20
      case .signature: 10
      case .unknown: HeaderRedactor.mostUnknownFields
      default: 3
      }
    }
  }

  private func value(_ octets: [UInt8], _ kind: Kind) -> String? {
    switch kind {
    case .addresses: addresses(octets)
    case .messageID: messageID(octets)
    case .date: MailDate.normalized(octets)
    case .received: ReceivedRedactor(redactor: redactor).value(octets)
    case .signature: SignatureRedactor(redactor: redactor).value(octets)
    case .subject: subject(octets)
    case .contentType: Self.contentType(octets)
    case .word: Self.words(octets, besides: "-", limit: 40)
    case .product: Self.words(octets, besides: " ./-_()", limit: 100)
    case .listID: Self.listID(octets)
    case .omitted: nil
    case .unknown: "[redacted]"
    }
  }

  private func subject(_ octets: [UInt8]) -> String {
    let unfolded = octets.filter { $0 != 0x0D && $0 != 0x0A }.trimmingBlanks()
    if keepsSubject, let text = redactor.text(unfolded), text.utf8.count <= 500 { return text }
    return "[redacted \(redactor.word(unfolded))]"
  }

  /// The addresses alone: display names and comments are as personal as local parts.
  private func addresses(_ octets: [UInt8]) -> String? {
    guard let addresses = FieldAddress.list(octets), !addresses.isEmpty else { return nil }
    return addresses.prefix(20).map { "<\(redactor.address($0))>" }.joined(separator: ",\r\n\t")
  }

  private func messageID(_ octets: [UInt8]) -> String? {
    let trimmed = octets.trimmingBlanks()
    guard trimmed.first == UInt8(ascii: "<"), trimmed.last == UInt8(ascii: ">") else { return nil }
    return "<\(redactor.path(Array(trimmed.dropFirst().dropLast())))>"
  }

  private static func contentType(_ octets: [UInt8]) -> String? {
    let type = Array(octets.prefix { $0 != UInt8(ascii: ";") }).trimmingBlanks()
    let parts = type.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ part in
        (1...40).contains(part.count)
          && part.allSatisfy { $0.isPlain || "-+.".utf8.contains($0) }
      })
    else { return nil }
    return String(decoding: type, as: UTF8.self)
  }

  /// A value of letters, digits and some other characters; comments end it.
  private static func words(_ octets: [UInt8], besides others: String, limit: Int) -> String? {
    let trimmed = octets.trimmingBlanks()
    guard (1...limit).contains(trimmed.count),
      trimmed.allSatisfy({ $0.isPlain || $0 == UInt8(ascii: ".") || others.utf8.contains($0) })
    else { return nil }
    return String(decoding: trimmed, as: UTF8.self)
  }

  private static func listID(_ octets: [UInt8]) -> String? {
    guard let start = octets.lastIndex(of: UInt8(ascii: "<")),
      let end = octets.lastIndex(of: UInt8(ascii: ">")), start < end,
      let name = DomainName(bytes: Array(octets[(start + 1)..<end]))
    else { return nil }
    return "<\(name)>"
  }
}

extension UInt8 {
  /// An ASCII letter or digit.
  var isPlain: Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) && self < 0x80
  }

  /// SP, HTAB, CR or LF.
  var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0D || self == 0x0A }
}

extension [UInt8] {
  /// The octets without folding white space at either end.
  func trimmingBlanks() -> [UInt8] {
    guard let last = lastIndex(where: { !$0.isBlank }) else { return [] }
    return Array(self[...last].drop(while: \.isBlank))
  }
}
