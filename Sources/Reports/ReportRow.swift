public import Ledger
import MailAuth

/// The row of an aggregate report that one message makes, before it is counted with others.
public struct ReportRow: Sendable, Equatable {
  /// The policy in force; rows of one policy share a report.
  public let policy: AggregateReport.PolicyPublished
  /// The row in the words of RFC 9990.
  public let record: AggregateReport.Record

  /// Makes the row of a message; nil when no report has it: there is no policy record, or no
  /// Author Domain, or the message is about our own reports.
  public init?(_ message: MessageRecord) {
    let dmarc = message.evaluation.dmarc
    guard let reportable = ReportableMessage(message), let record = dmarc.record,
      let domain = dmarc.policyDomain
    else { return nil }
    let published = AggregateReport.PolicyPublished(
      StoredPolicy(
        id: 0, policyDomain: domain, discovery: dmarc.discovery, record: record, text: nil,
        messages: 1, lastSeenAt: message.receivedAt))
    policy = published
    self.record = RowAssembler(policy: published).record(of: reportable)
  }

  /// The `record` element with a count of 1, as a report of this form has it.
  ///
  /// - Parameter format: The form.
  /// - Returns: Lines indented by two blanks a level, without an XML declaration.
  /// - Throws: Why libxml2 could not write it.
  public func xml(_ format: ReportFormat = .rfc9990) throws -> String {
    try ReportXML.element(of: record.inWords(of: format, under: policy), format)
  }
}
