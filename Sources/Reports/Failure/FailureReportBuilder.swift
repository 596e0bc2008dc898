public import Ledger
import MailAuth

// How a failure report comes about:
//
//     message ──► asked for by fo? ──► redacted incident in the ledger, with the message
//     run     ──► alike incidents together ──► over the limit? ──► report, deliveries, incidents
//                 marked, in one transaction ──► sent like an aggregate report
//
// Near real time (RFC 9991 section 2) is therefore the interval between runs.

/// Makes failure reports of the incidents that wait in the ledger, and plans where they go.
public struct FailureReportBuilder {
  private let store: SQLiteStore
  private let planner: ReportPlanner
  private let settings: FailureReportSettings

  /// Incidents in memory at once; alike ones are merged within such a batch.
  private static let batch = 1_000

  /// Makes a builder.
  ///
  /// - Parameters:
  ///   - store: The ledger.
  ///   - planner: Decides where reports go.
  ///   - settings: How reports are made.
  public init(store: SQLiteStore, planner: ReportPlanner, settings: FailureReportSettings) {
    self.store = store
    self.planner = planner
    self.settings = settings
  }

  /// Reports or drops every incident that waits.
  ///
  /// Each report is kept together with its deliveries and with the note that its incidents are
  /// reported: whatever ends the run, none is lost or reported twice.
  ///
  /// - Parameters:
  ///   - now: Seconds since the epoch.
  ///   - isDryRun: Whether to write nothing but the planner's kept answers.
  /// - Returns: What became of them, or would have; a dry run looks at the oldest thousand.
  /// - Throws: What keeps the ledger from being read or written.
  public func run(now: Int64, isDryRun: Bool = false) throws -> FailureReportSummary {
    var run = Run(store: store, planner: planner, settings: settings, now: now, isDryRun: isDryRun)
    var previous: [Int64] = []
    while true {
      let waiting = try store.waitingIncidents(limit: Self.batch)
      let numbers = waiting.map(\.messageID)
      // The same again: a dry run, or another process is at it.
      guard !waiting.isEmpty, numbers != previous else { return run.summary }
      previous = numbers
      try run.take(waiting)
      if isDryRun { return run.summary }
    }
  }
}

/// One run of a ``FailureReportBuilder``.
private struct Run {
  let store: SQLiteStore
  let planner: ReportPlanner
  let settings: FailureReportSettings
  let now: Int64
  let isDryRun: Bool
  var summary = FailureReportSummary()
  /// Reports that a dry run would have made.
  private var imagined: [DomainName: Int] = [:]

  init(
    store: SQLiteStore, planner: ReportPlanner, settings: FailureReportSettings, now: Int64,
    isDryRun: Bool
  ) {
    self.store = store
    self.planner = planner
    self.settings = settings
    self.now = now
    self.isDryRun = isDryRun
  }

  mutating func take(_ waiting: [StoredIncident]) throws {
    var groups: [Likeness: [StoredIncident]] = [:]
    var order: [Likeness] = []
    for stored in waiting {
      guard let incident = stored.incident else {
        try drop([stored.messageID], "this version cannot read its details")
        continue
      }
      guard now - incident.arrivedAt <= settings.maximumAgeSeconds else {
        try drop([stored.messageID], "it waited too long for a run")
        continue
      }
      let likeness = Likeness(incident)
      if groups[likeness] == nil { order.append(likeness) }
      groups[likeness, default: []].append(stored)
    }
    // What happens most goes first where the limit does not let all through.
    let sorted = order.enumerated().sorted { left, right in
      let (many, few) = (groups[left.element]?.count ?? 0, groups[right.element]?.count ?? 0)
      return many != few ? many > few : left.offset < right.offset
    }
    for (_, likeness) in sorted { try report(groups[likeness] ?? []) }
  }

  private mutating func report(_ group: [StoredIncident]) throws {
    guard let sample = group.last?.incident else { return }
    let numbers = group.map(\.messageID)
    let made =
      try store.failureReportCount(about: sample.policyDomain, since: now - 3_600)
      + imagined[sample.policyDomain, default: 0]
    guard made < settings.perDomainHour else {
      try drop(
        numbers, "limit: \(settings.perDomainHour) failure reports an hour about one domain")
      return
    }
    let reportID = Self.reportID(sample, numbers, settings.receiver)
    let toPlan = ReportToPlan(
      reportID: reportID, tag: .ruf, policyDomain: sample.policyDomain,
      destinations: ReportURIList(sample.destinations.joined(separator: ",")),
      alignedMessages: 0)
    let body = FailureReportBody(
      incident: sample, count: group.count, reportID: reportID, settings: settings)
    let times = group.compactMap(\.incident?.arrivedAt)
    let period = (times.min() ?? now)..<((times.max() ?? now) + 1)
    try planner.plan([toPlan], now: now) { _, plan in
      let stored = StoredReport(
        kind: .failure, reportID: reportID, policyDomain: sample.policyDomain, period: period,
        fileName: "", messages: group.count,
        alignedMessages: group.count { $0.incident?.dmarcResult == .pass }, rows: 1,
        note: plan.note, content: body.octets, builtAt: now)
      if isDryRun {
        imagined[sample.policyDomain, default: 0] += 1
      } else if try !store.keep(stored, plan.deliveries, of: numbers) {
        return
      }
      summary.reports += 1
      summary.reported += group.count
      summary.deliveries += plan.deliveries.count { !$0.state.isFinal }
    }
  }

  private mutating func drop(_ incidents: [Int64], _ reason: String) throws {
    if !isDryRun { try store.drop(incidents, reason: reason) }
    summary.dropped[reason, default: 0] += incidents.count
  }

  /// Letters and digits; the same for the same incidents.
  private static func reportID(
    _ sample: FailureIncident, _ numbers: [Int64], _ receiver: DomainName
  ) -> String {
    let text =
      "failure \(receiver) \(sample.reportingHost) \(sample.policyDomain) \(sample.arrivedAt) "
      + numbers.map(String.init).joined(separator: ",")
    // SHA-256 is always there; the other form is unique within a ledger at least.
    return String((LibOpenSSL.sha256(Array(text.utf8)) ?? "f\(numbers.first ?? 0)").prefix(32))
  }
}

/// What incidents have in common that one report may stand for (RFC 9991 section 5).
private struct Likeness: Hashable {
  private let kind: FailureReportKind
  private let policyDomain: DomainName
  private let authorDomain: DomainName
  private let source: IPAddress
  private let failed: [AuthenticationMechanism]
  private let signatures: [String]
  private let spf: String
  private let delivery: FailureIncident.DeliveryResult?

  init(_ incident: FailureIncident) {
    kind = incident.kind
    policyDomain = incident.policyDomain
    authorDomain = incident.authorDomain
    source = incident.sourceAddress
    failed = incident.failedMechanisms
    signatures = incident.signatures.map { "\($0.domain) \($0.selector) \($0.cause.rawValue)" }
    spf = "\(incident.spf.domain?.text ?? "") \(incident.spf.result.rawValue)"
    delivery = incident.deliveryResult
  }
}
