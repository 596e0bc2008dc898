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
        One report for each policy domain and published policy, compressed, checked against the \
        schema and against the ledger's counts. A report that fails its check is kept under \
        rejected/ with the reason. The files show the ledger as it is: building a day again gives \
        the same files unless messages were added to it. Exit status: 0 all built, 1 at least one \
        report was rejected, 64 bad usage, 70 a fault of our own, 73 the files cannot be written, \
        78 the configuration or the ledger cannot be used.
        """)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "The day to report, in UTC.")
    var day: UTCDay

    @Option(help: "Only the reports about this policy domain.")
    var domain: DomainName?

    @Option(help: "The directory for the files; made when it does not exist.")
    var out: String

    @Option(help: "The form of the reports.")
    var format = ReportFormat.rfc9990

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
        let ledger = try wiring.ledger(readOnly: true)
        return ReportBuilder(store: ledger, settings: try wiring.reportSettings(ledger))
      }
      let request = ReportBuilder.Request(policyDomain: domain, directories: [format: out])
      let build = try writing { try builder.build(day: day, request) }
      build.reports.forEach(Self.show)
      let built = build.reports.count - build.problems
      print(
        "\(day): \(counted(built, "report")) built, \(build.problems) rejected, "
          + counted(build.messages, "message")
          + (build.reportTraffic > 0
            ? ", \(build.reportTraffic) about our own reports left out" : ""))
      if build.problems > 0 { throw ExitCode.failure }
    }

    /// Tells files that cannot be written from faults of our own.
    private func writing<Value>(_ body: () throws -> Value) throws -> Value {
      do {
        return try body()
      } catch let error as CannotWriteReport {
        throw CannotCreate(message: "\(error)")
      } catch {
        throw InternalFault(message: "\(error)")
      }
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
      for file in report.files {
        let subject =
          "\(report.policyDomain): \(counted(report.messages, "message")) in "
          + counted(file.rows, "row")
        print("\(subject)\n  \(file.path ?? "no file")")
        if let problem = file.problem { print("  rejected: \(problem)") }
      }
    }
  }
}
