public import MailAuth

/// A report that was built, whether it is sent or not.
public struct StoredReport: Sendable, Equatable {
  /// What it is a report of.
  public enum Kind: String, Sendable, CaseIterable {
    /// An aggregate report (RFC 9990).
    case aggregate
    /// A failure report (RFC 9991).
    case failure
  }

  /// What it is a report of.
  public var kind: Kind
  /// The report ID: letters and digits, unique.
  public var reportID: String
  /// The policy domain it is about.
  public var policyDomain: DomainName
  /// The period, seconds since the epoch; of a failure report from its first to its last message.
  public var period: Range<Int64>
  /// The name of its file without a directory (RFC 9990 section 3.5.1); empty for a failure report.
  public var fileName: String
  /// How many messages it counts.
  public var messages: Int
  /// How many of them are late ones; see ``ReportWindow``.
  public var lateMessages: Int
  /// How many of them had an aligned pass.
  public var alignedMessages: Int
  /// How many rows it has.
  public var rows: Int
  /// Why it failed its own check and does not leave; nil when it did not fail.
  public var problem: String?
  /// What is to be said of where it goes, such as why it goes nowhere; nil for nothing.
  public var note: String?
  /// A failure report's mail without the fields that depend on its way: Subject, the MIME fields,
  /// an empty line and the body, CRLF line ends; nil for an aggregate report.
  public var content: [UInt8]?
  /// When it was built, seconds since the epoch.
  public var builtAt: Int64

  /// Makes a report.
  public init(
    kind: Kind, reportID: String, policyDomain: DomainName, period: Range<Int64>,
    fileName: String, messages: Int, lateMessages: Int = 0, alignedMessages: Int = 0,
    rows: Int = 0, problem: String? = nil, note: String? = nil, content: [UInt8]? = nil,
    builtAt: Int64
  ) {
    self.kind = kind
    self.reportID = reportID
    self.policyDomain = policyDomain
    self.period = period
    self.fileName = fileName
    self.messages = messages
    self.lateMessages = lateMessages
    self.alignedMessages = alignedMessages
    self.rows = rows
    self.problem = problem
    self.note = note
    self.content = content
    self.builtAt = builtAt
  }
}
