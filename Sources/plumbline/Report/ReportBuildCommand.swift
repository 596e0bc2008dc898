import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// `plumbline report build`.
struct ReportBuildCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "build",
    abstract: "Build the reports of days that have ended, and plan where they go.",
    discussion: """
      Without --out, each day that has ended and was not built yet is closed: from now on its \
      reports are the same whenever they are built, and later messages go to the next day's. One \
      report for each policy domain and published policy is written below report.directory, \
      compressed, checked against the schema and against the ledger's counts, and recorded with \
      its destinations. A report that fails its check is kept under rejected/ with the reason, \
      and nothing of it is sent. --day builds this day, also when it is older than \
      report.max_days_back or was built before.

      With --out the files of one day are written there as the ledger is now; nothing is recorded.

      --dry-run builds into a temporary directory, says where the reports would go, for which it \
      asks the DNS about external destinations, and keeps nothing.

      Exit status: 0 all built, 1 at least one report was rejected, 64 bad usage, 70 a fault of \
      our own, 73 the files cannot be written, 75 another run is at work or this one was ended, \
      78 the configuration or the ledger cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var selection: ReportFilterOptions
  @OptionGroup var output: OutputOptions

  @Option(help: "Write the files of the day to this directory and record nothing.")
  var out: String?

  @Option(help: "With --out, the form of the reports: rfc9990 or rfc7489.")
  var form = ReportFormat.rfc9990

  @Flag(help: "Show what would be built, change nothing.")
  var dryRun = false

  func validate() throws {
    if out?.isEmpty == true { throw ValidationError("--out: empty (allowed: a directory)") }
    if out != nil, selection.day == nil { throw ValidationError("--out: needs --day") }
    let today = UTCDay(containing: currentTime())
    if let day = selection.day, day > today {
      throw ValidationError("--day: \(day) lies in the future (allowed: up to \(today))")
    }
  }

  func run() throws {
    let configuration = try options.load()
    if let out, let day = selection.day { return try write(day, to: out, configuration) }
    let settleSeconds = Int64(configuration.report.settleMinutes) * 60
    if let day = selection.day,
      !ReportCalendar.hasSettled(day, now: currentTime(), settleSeconds: settleSeconds)
    {
      throw ValidationError(
        "--day: \(day) has not ended, or less than report.settle_minutes ago; --out shows it")
    }
    if dryRun {
      let parts = try ReportParts(configuration, isReadOnly: true)
      let days = try selection.day.map { [$0] } ?? parts.calendar().due
      let problems = try BuildPreview(parts, output).show(days, domain: selection.domain)
      if days.isEmpty, output.format == .text { print("No day is to be built.") }
      if problems > 0 { throw ExitCode.failure }
      return
    }
    let built = try ReportWork.run(configuration) { work in
      try work.build(day: selection.day, domain: selection.domain, output)
    }
    if built.days.isEmpty, output.format == .text { print("No day is to be built.") }
    if built.rejected > 0 { throw ExitCode.failure }
  }

  // MARK: A copy to look at

  private func write(_ day: UTCDay, to directory: String, _ configuration: Configuration) throws {
    if day == UTCDay(containing: currentTime()) {
      notice("\(day) has not ended; its reports will change")
    }
    if !dryRun { try makeDirectory(directory) }
    let parts = try ReportParts(configuration, isReadOnly: true)
    let build = try BuildPreview.inDirectory(dryRun ? nil : directory) { directory in
      try parts.builder().build(
        day: day,
        ReportBuilder.Request(policyDomain: selection.domain, directories: [form: directory]))
    }
    try show(ReportProduction.Result(day: day, build: build), withFiles: !dryRun)
  }

  private func makeDirectory(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw CannotCreate(
        message: "--out: the directory \(path) cannot be made: \(error.localizedDescription)")
    }
  }

  private func show(_ result: ReportProduction.Result, withFiles: Bool) throws {
    if output.format == .text {
      for report in result.build.reports { Self.show(report, withFiles: withFiles) }
    }
    try output.show(ReportWording.day(result), DayJSON(result))
    if result.build.problems > 0 { throw ExitCode.failure }
  }

  private static func show(_ report: BuiltReport, withFiles: Bool) {
    for file in report.files {
      print(
        "\(report.policyDomain): \(counted(report.messages, "message")) in "
          + counted(file.rows, "row"))
      if withFiles { print("  \(file.path ?? "no file")") }
    }
  }
}
