import Foundation
import Ledger
import MailAuth
import Reports

extension ReportParts {
  /// Makes failure reports of what waits.
  ///
  /// - Parameter keepsAnswers: Whether what the DNS says of destinations is kept in the ledger.
  /// - Returns: The builder.
  /// - Throws: ``StartFailure`` when the configuration does not suffice.
  func failureBuilder(keepsAnswers: Bool = true) throws -> FailureReportBuilder {
    guard let receiver = settings.receiver else {
      throw StartFailure(
        message: "report.receiver: not set, and milter.authserv_id is no domain name; set it")
    }
    var failures = FailureReportSettings(
      receiver: receiver, email: settings.email, product: "Plumbline/\(Plumbline.version)")
    failures.perDomainHour = wiring.configuration.failureReports.perDomainHour
    return FailureReportBuilder(
      store: store, planner: try planner(keepsAnswers: keepsAnswers), settings: failures)
  }
}

/// What became of the messages that waited for a failure report, for programs.
private struct FailuresJSON: Encodable {
  let failureReports: Int
  let messages: Int
  /// None in a dry run.
  let sent: Int?
  let dropped: [String: Int]
}

/// Shows what failure reports would be made; records nothing and has no way to send.
struct FailurePreview {
  private let parts: ReportParts
  private let output: OutputOptions

  /// Takes parts with a ledger opened for reading.
  init(_ parts: ReportParts, _ output: OutputOptions) {
    self.parts = parts
    self.output = output
  }

  /// Shows nothing where failure reports are switched off or none is to be made.
  func show() throws {
    guard parts.wiring.configuration.failureReports.isEnabled, parts.settings.isEnabled else {
      return
    }
    let builder = try parts.failureBuilder(keepsAnswers: false)
    let made = try internally { try builder.run(now: currentTime(), isDryRun: true) }
    guard made != FailureReportSummary() else { return }
    try output.show(
      "would make " + ReportWording.failures(made, sent: nil),
      FailuresJSON(
        failureReports: made.reports, messages: made.reported, sent: nil, dropped: made.dropped))
  }
}

extension ReportWork {
  /// Makes failure reports of the messages that wait for one, and sends them at once: they are about
  /// what happens now, and few.
  ///
  /// With failure reports switched off what waits stays, until they are on again or it is too old.
  func reportFailures(_ output: OutputOptions) throws {
    let isOn = parts.wiring.configuration.failureReports.isEnabled
    guard isOn, parts.settings.isEnabled else { return }
    let builder = try parts.failureBuilder()
    let made = try making { try builder.run(now: currentTime()) }
    guard made != FailureReportSummary() else { return }
    let sent = try send(ReportFilter(kind: .failure), now: true)
    try output.show(
      ReportWording.failures(made, sent: sent[.sent]),
      FailuresJSON(
        failureReports: made.reports, messages: made.reported, sent: sent[.sent],
        dropped: made.dropped))
  }
}

extension ReportWording {
  /// What became of the messages that waited for a failure report.
  static func failures(_ made: FailureReportSummary, sent: Int?) -> String {
    let dropped = made.dropped.sorted { $0.key < $1.key }
      .map { "; \(counted($1, "message")) dropped: \($0)" }
    return "failure reports: \(counted(made.reports, "report")) about "
      + counted(made.reported, "message") + (sent.map { ", \($0) sent" } ?? "")
      + dropped.joined()
  }
}
