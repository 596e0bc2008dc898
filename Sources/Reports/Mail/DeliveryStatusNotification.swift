public import MailAuth

/// What a mail server says became of a mail: a delivery status notification (RFC 3464), as a bounce
/// brings it.
///
/// Everything in it is the word of whoever sent it: texts are made printable and cut.
public struct DeliveryStatusNotification: Sendable, Equatable {
  /// What became of the mail for one recipient (RFC 3464 section 2.3.3).
  public enum Action: String, Sendable, CaseIterable {
    /// It will not be delivered.
    case failed
    /// It is still tried.
    case delayed
    /// It was delivered.
    case delivered
    /// It went to a server that sends no notifications.
    case relayed
    /// It went to several recipients behind this one.
    case expanded
  }

  /// One recipient of the mail.
  public struct Recipient: Sendable, Equatable {
    /// Where it was to be delivered at last: Final-Recipient without its type.
    public var finalRecipient: String
    /// Where its sender sent it; nil when that is not said.
    public var originalRecipient: String?
    /// What became of it.
    public var action: Action
    /// The status code, such as `5.1.1` (RFC 3463); nil when there is none.
    public var status: String?
    /// The words of the server that decided; nil when there are none.
    public var diagnostic: String?
  }

  /// What the notification means as a whole.
  public enum Outcome: String, Sendable, CaseIterable {
    /// At least one recipient will not get the mail.
    case failure
    /// It is late for at least one, and given up for none.
    case delay
    /// Neither.
    case success
  }

  /// At least one.
  public let recipients: [Recipient]
  /// The server that speaks: Reporting-MTA without its type; nil when it does not say.
  public let reportingServer: String?
  /// Message-ID of the mail that it is about, with its brackets; nil when it is not returned.
  public let messageID: String?
  /// The report ID in the subject of that mail; nil when there is none.
  public let reportID: String?
  /// The token in the address that the notification was sent to; nil when no address has one.
  public let token: String?

  /// The octets of a notification that are read; a returned report may be large.
  public static let longestMail = 100 * 1024 * 1024
  private static let maximumRecipients = 100

  /// Reads a mail.
  ///
  /// - Parameters:
  ///   - octets: The whole mail, LF or CRLF.
  ///   - bounceAddress: What our envelope senders look like; nil when they have no token.
  ///   - envelopeRecipient: The address that the mail was delivered to, where the mail server says
  ///     so; otherwise its header is asked.
  /// - Throws: ``DeliveryStatusError``.
  public init(
    parsing octets: [UInt8], bounceAddress: BounceAddress? = nil, envelopeRecipient: String? = nil
  ) throws(DeliveryStatusError) {
    guard octets.count <= Self.longestMail else { throw .tooLarge(octets.count) }
    let mail = try Self.unlessUnreadable { () throws(MIMEError) in
      try MIMEEntity(parsing: octets)
    }
    let leaves = mail.leaves
    guard let status = leaves.first(where: { Self.statusTypes.contains($0.mediaType) }) else {
      throw .noStatus(
        mediaType: mail.mediaType.utf8.printable(limit: 80),
        subject: (mail.text(of: "Subject") ?? "").utf8.printable(limit: 120))
    }
    let statusBody = try Self.unlessUnreadable { () throws(MIMEError) in
      try status.decodedBody()
    }
    let groups = Self.groups(of: statusBody)
    recipients = groups.prefix(Self.maximumRecipients + 1).compactMap(Self.recipient)
    guard !recipients.isEmpty else { throw .noRecipient }
    reportingServer = groups.first.flatMap { Self.value(of: "Reporting-MTA", in: $0) }
      .map(Self.withoutType)
    let returned =
      leaves.first { Self.returnedTypes.contains($0.mediaType) }
      .map(Self.returnedHeader) ?? []
    messageID = Self.value(of: "Message-ID", in: returned)
    reportID = Self.value(of: "Subject", in: returned).flatMap(Self.reportID(inSubject:))
    token = Self.token(mail, bounceAddress, envelopeRecipient)
  }

  /// What the notification means as a whole.
  public var outcome: Outcome {
    if recipients.contains(where: { $0.action == .failed }) { return .failure }
    return recipients.contains { $0.action == .delayed } ? .delay : .success
  }

  private static func unlessUnreadable<Value>(
    _ read: () throws(MIMEError) -> Value
  ) throws(DeliveryStatusError) -> Value {
    do { return try read() } catch { throw .unreadable(error) }
  }

  // MARK: - Status

  private static let statusTypes = ["message/delivery-status", "message/global-delivery-status"]
  private static let returnedTypes = [
    "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers",
  ]

  /// The groups of fields, divided by empty lines: one about the mail, then one for each recipient.
  private static func groups(of body: [UInt8]) -> [[HeaderField]] {
    var groups: [[HeaderField]] = []
    var lines: [UInt8] = []
    func end() {
      guard !lines.isEmpty else { return }
      groups.append(fields(of: lines))
      lines = []
    }
    for line in body.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let isEmpty = line.allSatisfy { [0x0D, 0x20, 0x09].contains($0) }
      if isEmpty { end() } else { lines += line + [0x0A] }
    }
    end()
    return groups
  }

  private static func fields(of octets: [UInt8]) -> [HeaderField] {
    var reader = MessageReader()
    return (reader.read(octets) + reader.finish()).compactMap { piece in
      if case .field(let field) = piece { field } else { nil }
    }
  }

  private static func recipient(_ group: [HeaderField]) -> Recipient? {
    let original = value(of: "Original-Recipient", in: group).map(withoutType)
    guard let final = value(of: "Final-Recipient", in: group).map(withoutType) ?? original else {
      return nil
    }
    let status = value(of: "Status", in: group)
      .map { String($0.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }) }
      .flatMap { $0.isEmpty ? nil : $0 }
    // Action is required; servers that leave it out mean what the status says.
    let word = value(of: "Action", in: group)?.asciiLowercased()
      .prefix { $0 != " " && $0 != "(" }
    guard let action = word.flatMap({ Action(rawValue: String($0)) }) ?? status.flatMap(action(of:))
    else { return nil }
    return Recipient(
      finalRecipient: final, originalRecipient: original, action: action, status: status,
      diagnostic: value(of: "Diagnostic-Code", in: group).map(withoutType))
  }

  private static func action(of status: String) -> Action? {
    switch status.first {
    case "2": .delivered
    case "4": .delayed
    case "5": .failed
    default: nil
    }
  }

  /// The first field of a name, unfolded, printable, at most 500 characters; nil when it is empty.
  private static func value(of name: String, in fields: [HeaderField]) -> String? {
    guard let field = fields.first(where: { $0.isNamed(name) }) else { return nil }
    let unfolded = field.value.filter { $0 != 0x0D && $0 != 0x0A }
    let words = Array(unfolded.split { $0 == 0x20 || $0 == 0x09 }.joined(separator: [0x20]))
    return words.isEmpty ? nil : words.printable(limit: 500)
  }

  /// `rfc822; user@example.org` without what stands in front of the semicolon.
  private static func withoutType(_ text: String) -> String {
    guard let semicolon = text.firstIndex(of: ";") else { return text }
    return String(text[text.index(after: semicolon)...].drop { $0 == " " })
  }

  // MARK: - The returned mail

  private static func returnedHeader(_ part: MIMEEntity) -> [HeaderField] {
    // A mail returned in part, or with a damaged encoding, is better than none.
    fields(of: (try? part.decodedBody()) ?? Array(part.encodedBody))
  }

  /// The ID behind `Report-ID:`, with or without brackets (RFC 9990 section 3.5.2).
  static func reportID(inSubject subject: String) -> String? {
    let mark = "report-id:"
    let octets = Array(subject.utf8)
    let start = octets.indices.first { index in
      octets[index...].prefix(mark.utf8.count).equalsIgnoringASCIICase(mark)
    }
    guard let start else { return nil }
    let rest = octets[start...].dropFirst(mark.utf8.count)
      .drop { $0 == 0x20 || $0 == UInt8(ascii: "<") }
    let text = String(
      decoding: rest.prefix { $0 != 0x20 && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: ";") },
      as: UTF8.self)
    return text.isEmpty ? nil : text
  }

  // MARK: - Whom it was sent to

  private static func token(
    _ mail: MIMEEntity, _ bounceAddress: BounceAddress?, _ envelopeRecipient: String?
  ) -> String? {
    guard let bounceAddress else { return nil }
    if let envelopeRecipient { return bounceAddress.token(in: envelopeRecipient) }
    // What our own mail server wrote comes before what the other one did.
    for name in ["X-Original-To", "Delivered-To", "Envelope-To", "To"] {
      for field in mail.fields where field.isNamed(name) {
        let separators = Array(" \t\r\n,;<>\"".utf8)
        for word in field.value.split(whereSeparator: { separators.contains($0) }) {
          if let token = bounceAddress.token(in: String(decoding: word, as: UTF8.self)) {
            return token
          }
        }
      }
    }
    return nil
  }
}

/// Why a mail is not taken for a delivery status notification.
public enum DeliveryStatusError: Error, Equatable, CustomStringConvertible {
  /// The mail has no part with a delivery status; its media type and its subject.
  case noStatus(mediaType: String, subject: String)
  /// The part with the delivery status names no recipient with an action.
  case noRecipient
  /// The mail cannot be divided into its parts.
  case unreadable(MIMEError)
  /// The mail has more octets than ``DeliveryStatusNotification/longestMail``.
  case tooLarge(Int)

  /// What is wrong.
  public var description: String {
    switch self {
    case .noStatus(let mediaType, let subject):
      "the mail is no delivery status notification (RFC 3464): it is \(mediaType), and no part of"
        + " it is message/delivery-status; its subject is \"\(subject)\""
    case .noRecipient:
      "the delivery status in the mail names no recipient and what became of the mail for it"
    case .unreadable(let error): "the mail cannot be read: \(error)"
    case .tooLarge(let octets):
      "the mail has \(octets) octets; at most \(DeliveryStatusNotification.longestMail) are read"
    }
  }
}
