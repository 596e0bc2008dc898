import ArgumentParser
import Foundation
import MailAuth
import Reports

/// `plumbline report`: aggregate reports out of the ledger.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Build aggregate reports from the ledger.",
    subcommands: [Build.self])

  /// `plumbline report build`.
  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "build", abstract: "Write the reports of one day.",
      discussion: """
        One RFC 9990 report for each policy domain and published policy, compressed, checked \
        against the schema and against the ledger's counts. A report that fails its check is kept \
        under rejected/ with the reason. Building a day again gives the same files. Exit status: \
        0 all built, 1 at least one report was rejected, 64 bad usage, 70 a fault of our own, \
        73 the directory cannot be made, 78 the configuration or the ledger cannot be used.
        """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The day to report, in UTC.")
    var day: UTCDay

    @Option(help: "Only the reports about this policy domain.")
    var domain: DomainName?

    @Option(help: "The directory for the files; made when it does not exist.")
    var out: String

    func validate() throws {
      guard !out.isEmpty else { throw ValidationError("--out: empty (allowed: a directory)") }
      guard day <= Self.today else {
        throw ValidationError("--day: \(day) lies in the future (allowed: up to \(Self.today))")
      }
    }

    private static var today: UTCDay {
      UTCDay(containing: Int64(Date().timeIntervalSince1970))
    }

    func run() throws {
      if day == Self.today {
        let warning = "plumbline: \(day) has not ended; its reports will change\n"
        FileHandle.standardError.write(Data(warning.utf8))
      }
      try makeDirectory()
      let wiring = Wiring(configuration: try options.load())
      let builder = try starting {
        ReportBuilder(
          store: try wiring.ledger(readOnly: true), settings: try wiring.reportSettings())
      }
      let reports = try internally { try builder.build(day: day, domain: domain, into: out) }
      reports.forEach(Self.show)
      let rejected = reports.count { $0.problem != nil }
      let messages = reports.reduce(0) { $0 + $1.messages }
      print(
        "\(day): \(counted(reports.count - rejected, "report")) built, \(rejected) rejected, "
          + counted(messages, "message"))
      if rejected > 0 { throw ExitCode.failure }
    }

    private func makeDirectory() throws {
      do {
        try FileManager.default.createDirectory(
          atPath: out, withIntermediateDirectories: true)
      } catch {
        throw CannotCreate(
          message: "--out: the directory \(out) cannot be made: \(error.localizedDescription)")
      }
    }

    private static func show(_ report: BuiltReport) {
      let subject =
        "\(report.policyDomain): \(counted(report.messages, "message")) in "
        + counted(report.rows, "row")
      print("\(subject)\n  \(report.path ?? "no file")")
      if let problem = report.problem { print("  rejected: \(problem)") }
    }
  }
}
