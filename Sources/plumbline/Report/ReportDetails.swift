import Foundation
import Ledger
import MailAuth
import Reports

/// A report with its files, deliveries and their history.
struct ReportDetails {
  let report: StoredReport
  /// The files that are there.
  let files: [String]
  let deliveries: [StoredDelivery]
  /// For each delivery, what happened.
  let events: [[DeliveryEvent]]

  init(_ report: StoredReport, _ parts: ReportParts) throws {
    self.report = report
    files =
      report.kind == .failure
      ? []
      : ReportFormat.allCases.map { parts.archive.path(of: report, $0) }
        .filter { FileManager.default.fileExists(atPath: $0) }
    deliveries = try parts.store.deliveries(ofReport: report.reportID)
    events = try deliveries.map { try parts.store.events(ofDelivery: $0.id) }
  }
}

/// A report as JSON; the names stay.
struct ReportJSON: Encodable {
  struct Delivery: Encodable {
    struct Event: Encodable {
      let at: Int64
      let state: String
      let text: String?
    }
    let destination: String
    let format: String
    let state: String
    let reason: String?
    let answer: String?
    let attempts: Int
    let nextAttemptAt: Int64?
    let plannedAt: Int64
    let changedAt: Int64
    let events: [Event]?
  }

  let reportID: String
  let kind: String
  let policyDomain: String
  let begin: Int64
  let end: Int64
  let fileName: String
  let files: [String]?
  let messages: Int
  let lateMessages: Int
  let alignedMessages: Int
  let rows: Int
  let problem: String?
  let note: String?
  let builtAt: Int64
  let deliveries: [Delivery]

  /// All of it.
  init(_ details: ReportDetails) {
    self.init(details.report, details.deliveries, files: details.files, events: details.events)
  }

  /// Without files and history.
  init(_ report: StoredReport, _ deliveries: [StoredDelivery]) {
    self.init(report, deliveries, files: nil, events: nil)
  }

  private init(
    _ report: StoredReport, _ deliveries: [StoredDelivery], files: [String]?,
    events: [[DeliveryEvent]]?
  ) {
    reportID = report.reportID
    kind = report.kind.rawValue
    policyDomain = report.policyDomain.text
    begin = report.period.lowerBound
    end = report.period.upperBound
    fileName = report.fileName
    self.files = files
    messages = report.messages
    lateMessages = report.lateMessages
    alignedMessages = report.alignedMessages
    rows = report.rows
    problem = report.problem
    note = report.note
    builtAt = report.builtAt
    self.deliveries = deliveries.enumerated().map { index, delivery in
      Delivery(
        destination: delivery.destination, format: delivery.format,
        state: delivery.state.rawValue, reason: delivery.reason, answer: delivery.answer,
        attempts: delivery.attempts, nextAttemptAt: delivery.nextAttemptAt,
        plannedAt: delivery.plannedAt, changedAt: delivery.changedAt,
        events: events.flatMap { $0.indices.contains(index) ? $0[index] : nil }.map { events in
          events.map { Delivery.Event(at: $0.at, state: $0.state.rawValue, text: $0.text) }
        })
    }
  }
}

/// What was built of a day, as JSON.
struct DayJSON: Encodable {
  struct Report: Encodable {
    let reportID: String
    let policyDomain: String
    let messages: Int
    let problem: String?
    let note: String?
    let destinations: [Destination]?
  }
  /// Where a report would go; only in a dry run.
  struct Destination: Encodable {
    let destination: String
    let format: String
    let state: String
    let reason: String?
  }
  let day: String
  let built: Int
  let rejected: Int
  let messages: Int
  let lateMessages: Int
  let reportTraffic: Int
  let deliveries: [String: Int]
  let reports: [Report]

  /// What was built; with plans, what would be.
  init(_ result: ReportProduction.Result, _ plans: [String: DeliveryPlan] = [:]) {
    day = "\(result.day)"
    rejected = result.build.problems
    built = result.build.reports.count - rejected
    messages = result.build.messages
    lateMessages = result.build.lateMessages
    reportTraffic = result.build.reportTraffic
    deliveries = Dictionary(
      result.deliveries.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: +)
    reports = result.build.reports.map { report in
      let plan = plans[report.reportID]
      return Report(
        reportID: report.reportID, policyDomain: report.policyDomain.text,
        messages: report.messages, problem: report.problem, note: plan?.note,
        destinations: plan?.deliveries.map {
          Destination(
            destination: $0.destination, format: $0.format, state: $0.state.rawValue,
            reason: $0.reason)
        })
    }
  }
}

/// What a run sent, as JSON.
struct SummaryJSON: Encodable {
  let sent: Int
  let deferred: Int
  let suppressed: Int
  let failed: Int
  let inProgress: Int
  let left: Int
  let wasStopped: Bool

  init(_ summary: SendingRun.Summary) {
    sent = summary[.sent]
    deferred = summary[.deferred]
    suppressed = summary[.suppressed]
    failed = summary[.failed]
    inProgress = summary[.sending]
    left = summary.left
    wasStopped = summary.wasStopped
  }
}
