import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// `plumbline report send`.
struct ReportSendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send", abstract: "Send the reports that are due.",
    discussion: """
      First finds out what became of mail during which an earlier run ended; then sends what is \
      planned, and what is due again. The mail is spread evenly over report.spread_minutes; SIGTERM \
      and SIGINT end the run between two mails, and nothing is lost or sent twice.

      --dry-run shows what would be sent; it opens the ledger for reading and has nothing to send \
      with.

      Exit status: 0 done, also when mail was refused or has to wait, 64 bad usage, 70 a fault of \
      our own, 73 nothing can be handed over or written, 75 another run is at work or this one was \
      ended, 78 the configuration or the ledger cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var selection: ReportFilterOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Send at once instead of spreading.")
  var now = false

  @Flag(help: "Show what would be sent, change nothing.")
  var dryRun = false

  func run() throws {
    let configuration = try options.load()
    if dryRun {
      let parts = try ReportParts(configuration, isReadOnly: true)
      try FailurePreview(parts, output).show()
      return try SendingPreview(parts, output).show(selection.filter)
    }
    guard configuration.report.isEnabled else { return try Self.showSwitch(output) }
    let summary = try ReportWork.run(configuration) { work in
      try work.reportFailures(output)
      return try work.send(selection.filter, now: now)
    }
    try output.show(ReportWording.summary(summary), SummaryJSON(summary))
    try summary.throwWhatEndedIt()
  }

  /// Says that nothing is sent on purpose.
  static func showSwitch(_ output: OutputOptions) throws {
    notice("nothing is sent: report.enabled is false")
    if output.format == .json {
      print(try OutputOptions.line(SummaryJSON(SendingRun.Summary())))
    }
  }
}

extension SendingRun.Summary {
  /// Makes the exit status tell what ended a run before everything was done.
  func throwWhatEndedIt() throws {
    if let obstacle { throw CannotCreate(message: obstacle) }
    if wasStopped { throw ReportsInterrupted() }
  }
}

/// Shows what would be sent; has no way to send it.
struct SendingPreview {
  private let parts: ReportParts
  private let output: OutputOptions

  init(_ parts: ReportParts, _ output: OutputOptions) {
    self.parts = parts
    self.output = output
  }

  private struct Line: Encodable {
    let reportID: String
    let policyDomain: String
    let destination: String
    let state: String
    let action: String
    let reason: String?
  }

  func show(_ filter: ReportFilter) throws {
    let now = currentTime()
    let store = parts.store
    let (due, reports, suppressions) = try internally {
      (
        try store.deliveries(in: [.planned, .deferred], dueAt: now, filter),
        try store.reports(filter), SuppressionList(try store.suppressions(), now: now)
      )
    }
    let byID = Dictionary(
      reports.map { ($0.reportID, $0) }, uniquingKeysWith: { first, _ in first })
    for delivery in due {
      guard let report = byID[delivery.reportID] else { continue }
      let reason = ReportURI(address: delivery.destination).flatMap {
        suppressions.reason(against: $0, about: report.policyDomain)
      }
      let isUndecided = delivery.state == .deferred && delivery.attempts == 0
      let action =
        !parts.settings.isEnabled
        ? "wait" : reason != nil ? "suppress" : isUndecided ? "verify" : "send"
      let line = Line(
        reportID: report.reportID, policyDomain: report.policyDomain.text,
        destination: delivery.destination, state: delivery.state.rawValue, action: action,
        reason: reason)
      try output.show(
        "would \(action): \(report.policyDomain) to \(delivery.destination), "
          + "report \(report.reportID)" + (reason.map { ": \($0)" } ?? ""), line)
    }
    if due.isEmpty, output.format == .text { print("Nothing is due.") }
  }
}
