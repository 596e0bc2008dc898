import Foundation
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
  /// The forms in which it failed its own check, and why; it does not leave in these.
  public var problems: [ReportFormat: String]
  /// Whether it was planned before: then it only counts for the others about the same domain.
  public var isPlanned: Bool

  /// Makes a report to plan.
  public init(
    reportID: String, tag: StoredAuthorization.Tag = .rua, policyDomain: DomainName,
    destinations: ReportURIList, alignedMessages: Int, fileBytes: [ReportFormat: Int] = [:],
    problems: [ReportFormat: String] = [:], isPlanned: Bool = false
  ) {
    self.reportID = reportID
    self.tag = tag
    self.policyDomain = policyDomain
    self.destinations = destinations
    self.alignedMessages = alignedMessages
    self.fileBytes = fileBytes
    self.problems = problems
    self.isPlanned = isPlanned
  }
}

extension ReportToPlan {
  /// Takes what matters of an aggregate report that was built.
  ///
  /// - Parameters:
  ///   - report: The report; its files are looked at for their sizes.
  ///   - isPlanned: Whether it was planned before.
  public init(_ report: BuiltReport, isPlanned: Bool = false) {
    self.init(
      reportID: report.reportID, policyDomain: report.policyDomain,
      destinations: ReportURIList(report.reportURIs), alignedMessages: report.alignedMessages,
      isPlanned: isPlanned)
    for file in report.files {
      problems[file.format] = file.problem
      // A file that cannot be looked at cannot be sent either; whoever tries that says so.
      let attributes = file.path.flatMap { try? FileManager.default.attributesOfItem(atPath: $0) }
      fileBytes[file.format] = attributes?[.size] as? Int
    }
  }
}
