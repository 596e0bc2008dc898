public import MailAuth

/// What became of the reports of a period.
public struct ReportBuild: Sendable, Equatable {
  /// Each report, in order of the policy domains.
  public var reports: [BuiltReport]
  /// How many messages were left out because they are about our own reports.
  public var reportTraffic: Int

  /// How many reports have a problem.
  public var problems: Int { reports.count { $0.problem != nil } }
  /// How many messages the reports count.
  public var messages: Int { reports.reduce(0) { $0 + $1.messages } }
  /// How many of them belong to another period.
  public var lateMessages: Int { reports.reduce(0) { $0 + $1.lateMessages } }
}

/// What became of one report.
public struct BuiltReport: Sendable, Equatable {
  /// The report in one of its forms.
  public struct File: Sendable, Equatable {
    /// The form.
    public var format: ReportFormat
    /// Where it is: under its final name, or below `rejected/` when there is a problem; nil when it
    /// was not written.
    ///
    /// The last part is ``BuiltReport/fileName`` unless that is too long for a file system.
    public var path: String?
    /// The number of records in it.
    public var rows: Int
    /// Why it does not count as built; nil when it does.
    public var problem: String?
  }

  /// The report ID, the same in all forms and whenever it is built again.
  public var reportID: String
  /// The policy domain that the report is about.
  public var policyDomain: DomainName
  /// The policy records that share the report, by their numbers in the ledger.
  public var policyIDs: [Int64]
  /// `rua` of that one of them which was in force for the newest message: its members as published,
  /// for ``ReportURIList``.
  public var reportURIs: [String]
  /// The name of its attachment, the same in all forms (RFC 9990 section 3.5.1).
  public var fileName: String
  /// The number of messages that it counts, as the ledger has them.
  public var messages: Int
  /// How many of them belong to another period and came too late for the report of that.
  public var lateMessages: Int
  /// How many of them had an aligned pass; 0 when no form was asked for or its build failed.
  public var alignedMessages: Int
  /// For how many of them some DNS question was not answered; 0 as ``alignedMessages``.
  public var unansweredMessages: Int
  /// One for each form asked for, in the order of ``ReportFormat``.
  public var files: [File]

  /// The name under which a report with this ``fileName`` lies on disk, see ``File/path``.
  public static func storedName(of fileName: String) -> String {
    ReportFile.storedName(of: fileName)
  }

  /// What is wrong in the first form with a problem; nil when nothing is.
  public var problem: String? { files.lazy.compactMap(\.problem).first }
}
