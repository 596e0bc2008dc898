public import Ledger
public import MailAuth

/// The mail that carries a failure report to one destination.
public struct FailureReportMail: Sendable {
  private let reportID: String
  private let content: MIMEMessage.Composed
  private let recipient: MailAddress
  private let token: String

  /// Takes the stored content of a report; nil when there is none that can be read.
  ///
  /// - Parameters:
  ///   - report: The report.
  ///   - recipient: The destination.
  ///   - token: Names the delivery: letters and digits, the same in every attempt.
  public init?(_ report: StoredReport, to recipient: MailAddress, token: String) {
    guard report.kind == .failure, let octets = report.content else { return nil }
    var header: [HeaderField] = []
    var reader = MessageReader()
    var body: [UInt8] = []
    for element in reader.read(octets) + reader.finish() {
      switch element {
      case .field(let field): header.append(field)
      case .endOfHeaders: break
      case .body(let piece): body += piece
      }
    }
    guard header.contains(where: { $0.isNamed("Content-Type") }), !body.isEmpty else { return nil }
    reportID = report.reportID
    content = MIMEMessage.Composed(header: header, body: body)
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
    guard OutgoingMail.isToken(reportID) else { throw .reportID(reportID) }
    let fields = [
      AddedField(
        name: "From", value: MailText.mailbox(settings.from, name: settings.displayName)),
      AddedField(name: "To", value: "\(recipient)"),
      AddedField(name: "Date", value: MailText.date(now)),
      // The same in every attempt, so that a mail that arrives twice can be recognized.
      AddedField(name: "Message-ID", value: "<\(reportID).\(token)@\(settings.from.domain)>"),
      // Nobody's answering machine may take it for a letter (RFC 3834 section 5).
      AddedField(name: "Auto-Submitted", value: "auto-generated"),
    ]
    let mail = MIMEMessage.Composed(
      header: fields.map { HeaderField(name: Array($0.name.utf8), value: $0.octets) }
        + content.header, body: content.body)
    return try mail.outgoing(
      token: token, from: settings.envelopeSender(token: token), to: recipient, signer: signer,
      now: now)
  }
}
