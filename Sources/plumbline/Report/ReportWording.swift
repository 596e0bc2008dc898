import Ledger
import MailAuth
import Reports

/// What the report commands say, in words.
enum ReportWording {
  /// What was built of a day.
  static func day(_ result: ReportProduction.Result) -> String {
    let build = result.build
    var lines = build.reports.compactMap { report in
      report.problem.map { "\(report.policyDomain): rejected: \($0)" }
    }
    let built = build.reports.count - build.problems
    var summary =
      "\(result.day): \(counted(built, "report")) built, \(build.problems) rejected, "
      + counted(build.messages, "message")
    if build.lateMessages > 0 { summary += ", \(build.lateMessages) of them late" }
    if build.reportTraffic > 0 {
      summary += ", \(build.reportTraffic) about our own reports left out"
    }
    let states = DeliveryState.allCases.compactMap { state in
      result.deliveries[state].map { "\($0) \(state.rawValue)" }
    }
    if !states.isEmpty { summary += "; deliveries: " + states.joined(separator: ", ") }
    lines.append(summary)
    return lines.joined(separator: "\n")
  }

  /// Days that nobody will build by themselves; nil when there are none.
  static func tooOld(_ days: [UTCDay], _ settings: Configuration.Report) -> String? {
    guard let first = days.first, let last = days.last else { return nil }
    let range = days.count == 1 ? "\(first)" : "\(days.count) days from \(first) to \(last)"
    return "not reported, older than report.max_days_back = \(settings.maxDaysBack): \(range);"
      + " report build --day builds one"
  }

  /// What a run sent.
  static func summary(_ summary: SendingRun.Summary) -> String {
    let counts = [DeliveryState.sent, .deferred, .suppressed, .failed].map { state in
      "\(summary[state]) \(state.rawValue)"
    }
    let unsure = summary[.sending] > 0 ? ", \(summary[.sending]) still being handed over" : ""
    let stopped = summary.wasStopped ? "; ended before all was done" : ""
    return counts.joined(separator: ", ") + unsure + "; \(summary.left) left" + stopped
  }

  /// A delivery on one line.
  static func delivery(_ delivery: StoredDelivery) -> String {
    var text = "\(delivery.destination): \(delivery.state.rawValue)"
    if let next = delivery.nextAttemptAt, !delivery.state.isFinal {
      text += ", next attempt \(UTCDay.timeText(next))"
    }
    if delivery.attempts > 0 { text += ", \(counted(delivery.attempts, "attempt"))" }
    if let words = delivery.reason ?? delivery.answer { text += ": \(words)" }
    return text
  }

  /// A report with everything known about it.
  static func report(_ details: ReportDetails) -> String {
    let report = details.report
    var lines = [
      "Report     \(report.reportID) (\(report.kind.rawValue))",
      "About      \(report.policyDomain)",
      "Period     \(UTCDay.timeText(report.period.lowerBound)) to "
        + "\(UTCDay.timeText(report.period.upperBound - 1)) UTC",
      "Messages   \(report.messages) in \(counted(report.rows, "row")), "
        + "\(report.alignedMessages) with an aligned pass, \(report.lateMessages) late",
      "Built      \(UTCDay.timeText(report.builtAt)) UTC",
      "Name       \(report.fileName)",
    ]
    lines += details.files.map { "File       \($0)" }
    if details.files.isEmpty {
      lines.append("File       none; it is built again when it is needed")
    }
    if let problem = report.problem { lines.append("Rejected   \(problem)") }
    if let note = report.note { lines.append("Note       \(note)") }
    for (delivery, events) in zip(details.deliveries, details.events) {
      lines.append("To         \(Self.delivery(delivery))")
      lines += events.map { event in
        "  \(UTCDay.timeText(event.at))  \(event.state.rawValue)"
          + (event.text.map { ": \($0)" } ?? "")
      }
    }
    if details.deliveries.isEmpty { lines.append("To         nobody") }
    return lines.map(\.withoutControls).joined(separator: "\n")
  }
}
