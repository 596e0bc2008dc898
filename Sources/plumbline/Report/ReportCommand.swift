import ArgumentParser
import Foundation
import Ledger
import MailAuth
import Reports

/// `plumbline report`: aggregate reports, from the ledger to the domain owners.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Build, send and look after aggregate reports.",
    subcommands: [
      ReportRunCommand.self, ReportBuildCommand.self, ReportSendCommand.self,
      ReportListCommand.self, ReportShowCommand.self, ReportResendCommand.self,
      ReportBounceCommand.self, ReportSuppressCommand.self, ReportUnsuppressCommand.self,
    ])
}

/// Which reports a command is about.
struct ReportFilterOptions: ParsableArguments {
  @Option(help: "Only reports of this day, in UTC.")
  var day: UTCDay?

  @Option(help: "Only reports about this policy domain.")
  var domain: DomainName?

  var filter: ReportFilter { ReportFilter(period: day?.window, policyDomain: domain) }
}

/// How a command prints.
struct OutputOptions: ParsableArguments {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Option(help: "text or json.")
  var format = Format.text

  /// Prints one line of text, or one object as a line of JSON.
  func show(_ text: @autoclosure () -> String, _ object: some Encodable) throws {
    switch format {
    case .text: print(text().withoutControls)
    case .json: print(try Self.line(object))
    }
  }

  static func line(_ object: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(object), as: UTF8.self)
  }
}

/// The wall clock, in seconds since the epoch.
@Sendable func currentTime() -> Int64 { Int64(Date().timeIntervalSince1970) }

/// Writes a line for the administrator to standard error.
func notice(_ text: String) {
  FileHandle.standardError.write(Data("plumbline: \(text.withoutControls)\n".utf8))
}
