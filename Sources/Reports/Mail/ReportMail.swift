public import MailAuth

/// What the mails of an installation have in common.
public struct ReportMailSettings: Sendable, Equatable {
  /// The envelope sender of report mails.
  public enum EnvelopeSender: Sendable, Equatable {
    /// `<>`: nothing bounces.
    case null
    /// One address for all.
    case fixed(MailAddress)
    /// One address for each delivery.
    case perDelivery(BounceAddress)
  }

  /// The address in From.
  public var from: MailAddress
  /// The name in From; nil for none.
  public var displayName: String?
  /// The receiver in Subject (RFC 9990 section 3.5.2).
  public var receiver: DomainName
  /// Where to ask about reports, for people: a mail address, and perhaps a web page.
  public var contacts: [String]
  /// The envelope sender.
  public var envelopeSender: EnvelopeSender

  /// Makes settings.
  public init(
    from: MailAddress, displayName: String?, receiver: DomainName, contacts: [String],
    envelopeSender: EnvelopeSender
  ) {
    self.from = from
    self.displayName = displayName
    self.receiver = receiver
    self.contacts = contacts
    self.envelopeSender = envelopeSender
  }

  /// The envelope sender for a delivery.
  ///
  /// - Throws: ``ReportMailError`` when the token does not fit into an address.
  func envelopeSender(token: String) throws(ReportMailError) -> MailAddress? {
    switch envelopeSender {
    case .null: return nil
    case .fixed(let address): return address
    case .perDelivery(let addresses):
      guard let address = addresses.address(for: token) else { throw .token(token) }
      return address
    }
  }
}

/// The mail that carries an aggregate report to one destination (RFC 9990 section 3.5).
public struct ReportMail: Sendable {
  /// The largest attachment, in octets before encoding.
  public static let largestAttachment = 50 * 1024 * 1024

  /// Letters and digits.
  public var reportID: String
  /// The domain that the report is about.
  public var policyDomain: DomainName
  /// The period, seconds since the epoch; the upper bound does not belong to it.
  public var period: Range<Int64>
  /// How many messages the report counts.
  public var messages: Int
  /// The name of the attachment (RFC 9990 section 3.5.1).
  public var fileName: String
  /// The report; gzip when the name ends in `.gz`.
  public var attachment: [UInt8]
  /// The destination.
  public var recipient: MailAddress
  /// Names the delivery: letters and digits, the same in every attempt.
  public var token: String

  /// Makes a mail.
  public init(
    reportID: String, policyDomain: DomainName, period: Range<Int64>, messages: Int,
    fileName: String, attachment: [UInt8], recipient: MailAddress, token: String
  ) {
    self.reportID = reportID
    self.policyDomain = policyDomain
    self.period = period
    self.messages = messages
    self.fileName = fileName
    self.attachment = attachment
    self.recipient = recipient
    self.token = token
  }

  /// Writes the mail.
  ///
  /// - Parameters:
  ///   - settings: What all mails have in common.
  ///   - signer: Signs it; nil leaves it unsigned.
  ///   - now: The time in Date and in the signature, seconds since the epoch.
  /// - Returns: The mail.
  /// - Throws: ``ReportMailError``.
  public func compose(
    _ settings: ReportMailSettings, signer: DKIMSigner?, now: Int64
  ) throws(ReportMailError) -> OutgoingMail {
    guard attachment.count <= Self.largestAttachment else { throw .tooLarge(attachment.count) }
    guard OutgoingMail.isToken(reportID) else { throw .reportID(reportID) }
    let fields = [
      AddedField(
        name: "From", value: MailText.mailbox(settings.from, name: settings.displayName)),
      AddedField(name: "To", value: "\(recipient)"),
      AddedField(name: "Subject", value: subject(settings)),
      AddedField(name: "Date", value: MailText.date(now)),
      AddedField(name: "Message-ID", value: messageID(settings)),
      AddedField(name: "Auto-Submitted", value: "auto-generated"),
    ]
    let isCompressed = fileName.hasSuffix(".gz")
    let message = MIMEMessage(
      fields: fields, subtype: "mixed",
      parts: [
        .text(text(settings)),
        MIMEPart(
          type: isCompressed ? "application/gzip" : "text/xml", fileName: fileName,
          encoding: .base64, content: attachment),
      ], boundarySeed: reportID + token)
    return try message.outgoing(
      token: token, from: settings.envelopeSender(token: token), to: recipient, signer: signer,
      now: now)
  }

  /// The subject, as software reads it.
  ///
  /// RFC 9990 section 3.5.2 allows the ID with and without brackets. RFC 7489 section 7.2.1.1 has
  /// them always, so a reader of either form finds the ID in them.
  private func subject(_ settings: ReportMailSettings) -> String {
    "Report Domain: \(policyDomain) Submitter: \(settings.receiver) Report-ID: <\(reportID)>"
  }

  /// The same in every attempt, so that a mail that arrives twice can be recognized.
  private func messageID(_ settings: ReportMailSettings) -> String {
    "<\(reportID).\(token)@\(settings.from.domain)>"
  }

  private func text(_ settings: ReportMailSettings) -> String {
    let begin = MailText.moment(period.lowerBound)
    let end = MailText.moment(max(period.lowerBound, period.upperBound - 1))
    let count = messages == 1 ? "1 message" : "\(messages) messages"
    let organization = MailText.oneLine(settings.displayName ?? settings.receiver.text)
    let lines = [
      "This is a DMARC aggregate report about \(policyDomain).", "",
      "\(organization) received \(count) that used this domain", "from \(begin) to \(end) UTC.",
      "The attached file lists them by sending host and by the results of",
      "SPF, DKIM and DMARC.", "", "Report ID: \(reportID)",
      "It is sent to \(recipient) because the DMARC record of the", "domain asks for it (rua=).",
      "",
    ]
    let contacts = settings.contacts.map { "Contact: \(MailText.oneLine($0))" }
    return (lines + contacts).map { $0 + "\n" }.joined()
  }
}

/// Why a mail cannot be composed.
public enum ReportMailError: Error, Equatable, CustomStringConvertible {
  /// The attachment has more octets than ``ReportMail/largestAttachment``.
  case tooLarge(Int)
  /// The report ID holds something other than letters and digits.
  case reportID(String)
  /// The token holds something other than letters and digits, or is too long for the address.
  case token(String)
  /// It cannot be signed.
  case unsigned(DKIMSigningError)

  /// What is wrong.
  public var description: String {
    switch self {
    case .tooLarge(let octets):
      "the report has \(octets) octets; at most \(ReportMail.largestAttachment) go into a mail"
    case .reportID(let text):
      "the report ID \(text.utf8.printable(limit: 80)) is not 1 to 64 letters and digits"
    case .token(let text):
      "the token \(text.utf8.printable(limit: 80)) is not letters and digits, or too long for"
        + " a bounce address"
    case .unsigned(let error): "\(error)"
    }
  }
}
