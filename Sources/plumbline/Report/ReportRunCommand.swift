import ArgumentParser
import Foundation
import Ledger
import Reports

/// `plumbline report run`.
struct ReportRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Build what is to be built, then send what is due; for a timer.",
    discussion: """
      report build and report send one after the other, in one run; see there. Failure reports, \
      if they are switched on, come first and are not spread. With \
      report.enabled = false reports are built and nothing is sent.

      Exit status: 0 done, 1 at least one report was rejected, 64 bad usage, 70 a fault of our \
      own, 73 nothing can be handed over or written, 75 another run is at work or this one was \
      ended, 78 the configuration or the ledger cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Send at once instead of spreading.")
  var now = false

  @Flag(help: "Show what would be built, where it would go and what is due; change nothing.")
  var dryRun = false

  func run() throws {
    let configuration = try options.load()
    if dryRun {
      let parts = try ReportParts(configuration, isReadOnly: true)
      try FailurePreview(parts, output).show()
      let problems = try BuildPreview(parts, output).show(parts.calendar().due, domain: nil)
      try SendingPreview(parts, output).show(ReportFilter())
      if problems > 0 { throw ExitCode.failure }
      return
    }
    let built = try ReportWork.run(configuration) { work in
      try work.reportFailures(output)
      let built = try work.build(day: nil, domain: nil, output)
      guard configuration.report.isEnabled else {
        try ReportSendCommand.showSwitch(output)
        return built
      }
      let summary = try work.send(ReportFilter(), now: now)
      try output.show(ReportWording.summary(summary), SummaryJSON(summary))
      try summary.throwWhatEndedIt()
      return built
    }
    if built.rejected > 0 { throw ExitCode.failure }
  }
}
