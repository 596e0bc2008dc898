public import MailAuth

/// What became of one report.
public struct BuiltReport: Sendable, Equatable {
  /// The file: under its final name, or below `rejected/` when there is a problem; nil when not
  /// even that could be written.
  public var path: String?
  /// The report ID.
  public var reportID: String
  /// The policy domain that the report is about.
  public var policyDomain: DomainName
  /// The number of messages that it counts, as the ledger has them.
  public var messages: Int
  /// The number of records in it.
  public var rows: Int
  /// Why the report does not count as built; nil when it does.
  public var problem: String?
}
