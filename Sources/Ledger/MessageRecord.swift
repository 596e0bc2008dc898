public import MailAuth

/// One message as the ledger keeps it: who received it when, its envelope, and everything that was
/// found out about it.
public struct MessageRecord: Sendable, Equatable {
  /// The name of the mail host that received the message.
  public var host: String
  /// The MTA's queue ID; with ``host`` and ``receivedAt`` it identifies the message.
  public var queueID: String
  /// Time of evaluation, seconds since the epoch, UTC.
  public var receivedAt: Int64
  /// The SMTP envelope.
  public var envelope: Envelope
  /// What was found out.
  public var evaluation: Evaluation
  /// What was done.
  public var verdict: Verdict
  /// The ARC set that was put on the message; nil when it was not sealed.
  public var addedARCSet: AddedARCSet?
  /// Whether the message is about our own reports, such as a bounce of one; it is not reported.
  public var isReportTraffic: Bool
  /// What a failure report about the message will say; nil when none is wanted.
  ///
  /// What is read from the ledger never has it.
  public var failureIncident: FailureIncident?
  /// What is kept of the message to evaluate it again; nil when nothing is.
  ///
  /// What is read from the ledger never has it; see ``LedgerSnapshot/capture(ofMessage:)``.
  public var capture: MessageCapture?

  /// Makes a record.
  public init(
    host: String, queueID: String, receivedAt: Int64, envelope: Envelope, evaluation: Evaluation,
    verdict: Verdict, addedARCSet: AddedARCSet? = nil, isReportTraffic: Bool = false,
    failureIncident: FailureIncident? = nil, capture: MessageCapture? = nil
  ) {
    self.host = host
    self.queueID = queueID
    self.receivedAt = receivedAt
    self.envelope = envelope
    self.evaluation = evaluation
    self.verdict = verdict
    self.addedARCSet = addedARCSet
    self.isReportTraffic = isReportTraffic
    self.failureIncident = failureIncident
    self.capture = capture
  }
}
