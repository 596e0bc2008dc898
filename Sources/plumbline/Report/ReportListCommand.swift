import ArgumentParser
import Foundation
import Ledger
import Reports

/// `plumbline report list`.
struct ReportListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List reports and where they went.",
    discussion: """
      A line for each report, below it one for each destination. JSON is one object a line.

      Exit status: 0 done, 64 bad usage, 70 a fault of our own, 78 the configuration or the ledger \
      cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var selection: ReportFilterOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let parts = try ReportParts(try options.load(), isReadOnly: true)
    let reports = try internally { try parts.store.reports(selection.filter) }
    for report in reports {
      let deliveries = try internally {
        try parts.store.deliveries(ofReport: report.reportID)
      }
      try output.show(Self.text(report, deliveries), ReportJSON(report, deliveries))
    }
    if reports.isEmpty, output.format == .text { print("No reports.") }
  }

  private static func text(_ report: StoredReport, _ deliveries: [StoredDelivery]) -> String {
    let day = UTCDay(containing: report.period.lowerBound)
    var lines = [
      "\(day)  \(report.reportID)  \(report.policyDomain)  \(counted(report.messages, "message"))"
    ]
    if let problem = report.problem { lines.append("  rejected: \(problem)") }
    if let note = report.note { lines.append("  \(note)") }
    lines += deliveries.map { "  \(ReportWording.delivery($0))" }
    return lines.joined(separator: "\n")
  }
}
