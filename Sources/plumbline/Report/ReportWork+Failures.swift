import Foundation
import Ledger
import MailAuth
import Reports

extension ReportParts {
  /// Makes failure reports of what waits.
  func failureBuilder() throws -> FailureReportBuilder {
    guard let receiver = settings.receiver else {
      throw StartFailure(
        message: "report.receiver: not set, and milter.authserv_id is no domain name; set it")
    }
    var failures = FailureReportSettings(
      receiver: receiver, email: settings.email, product: "Plumbline/\(Plumbline.version)")
    failures.perDomainHour = wiring.configuration.failureReports.perDomainHour
    return FailureReportBuilder(
      store: store, planner: try planner(), settings: failures)
  }
}

extension ReportWork {
  /// What became of the messages that waited for a failure report, for programs.
  private struct Failures: Encodable {
    let failureReports: Int
    let messages: Int
    let sent: Int
    let dropped: [String: Int]
  }

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
      Failures(
        failureReports: made.reports, messages: made.reported, sent: sent[.sent],
        dropped: made.dropped))
  }
}

extension ReportWording {
  /// What became of the messages that waited for a failure report.
  static func failures(_ made: FailureReportSummary, sent: Int) -> String {
    let dropped = made.dropped.sorted { $0.key < $1.key }
      .map { "; \(counted($1, "message")) dropped: \($0)" }
    return "failure reports: \(counted(made.reports, "report")) about "
      + "\(counted(made.reported, "message")), \(sent) sent" + dropped.joined()
  }
}
