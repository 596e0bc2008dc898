public import Ledger
public import MailAuth

/// A report as far as its way matters.
public struct ReportToPlan: Sendable, Equatable {
  /// ``StoredReport/reportID``.
  public var reportID: String
  /// What kind of destinations it goes to: `rua` of an aggregate report, `ruf` of a failure report.
  public var tag: StoredAuthorization.Tag
  /// What it is about.
  public var policyDomain: DomainName
  /// The destinations that the newest record of the period names.
  public var destinations: ReportURIList
  /// How many of its messages had an aligned pass; does not matter for a failure report.
  ///
  /// Reports about one domain that are planned together count together: a policy that changed in
  /// the course of a day must not cost its owner a part of the day.
  public var alignedMessages: Int
  /// The size of the file in each form that was built, compressed, in octets.
  public var fileBytes: [ReportFormat: Int]
  /// Why it failed its own check and so goes nowhere; nil when it did not.
  public var problem: String?
  /// Whether it was planned before: then it only counts for the others about the same domain.
  public var isPlanned: Bool

  /// Makes a report to plan.
  public init(
    reportID: String, tag: StoredAuthorization.Tag = .rua, policyDomain: DomainName,
    destinations: ReportURIList, alignedMessages: Int, fileBytes: [ReportFormat: Int] = [:],
    problem: String? = nil, isPlanned: Bool = false
  ) {
    self.reportID = reportID
    self.tag = tag
    self.policyDomain = policyDomain
    self.destinations = destinations
    self.alignedMessages = alignedMessages
    self.fileBytes = fileBytes
    self.problem = problem
    self.isPlanned = isPlanned
  }
}

/// Where a report goes, and where it does not go and why.
public struct ReportPlan: Sendable, Equatable {
  /// One for each destination that was considered, none of them stored yet.
  public var deliveries: [StoredDelivery]
  /// What is to be said of all of it, such as why it goes nowhere; nil for nothing.
  public var note: String?

  /// The plan for a report that goes nowhere, and about whose destinations nothing is said.
  static func nowhere(_ note: String) -> ReportPlan { ReportPlan(deliveries: [], note: note) }
}
