import ArgumentParser
import Foundation
import Ledger
import Reports

/// `plumbline report show`.
struct ReportShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show a report, its files, and what happened to it.",
    discussion: """
      Exit status: 0 done, 64 bad usage, 66 there is no such report, 70 a fault of our own, 78 the \
      configuration or the ledger cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var output: OutputOptions

  @Argument(help: "The report ID.")
  var id: String

  func run() throws {
    let parts = try ReportParts(try options.load(), isReadOnly: true)
    let report = try parts.report(id)
    let details = try internally { try ReportDetails(report, parts) }
    switch output.format {
    case .text: print(ReportWording.report(details))
    case .json: print(try OutputOptions.line(ReportJSON(details)))
    }
  }
}

extension ReportParts {
  /// The report with an ID.
  ///
  /// - Throws: ``UnreadableInput`` when there is none.
  func report(_ id: String) throws -> StoredReport {
    let found = try internally { try store.reports(ReportFilter(reportID: id)).first }
    guard let found else {
      throw UnreadableInput(message: "there is no report \(id); report list shows all")
    }
    return found
  }
}
