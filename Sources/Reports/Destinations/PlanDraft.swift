import Ledger
import MailAuth

/// A plan in the making: the deliveries of one report, one for each address.
struct PlanDraft {
  private let report: ReportToPlan
  private let settings: ReportPlanSettings
  private let now: Int64
  private let makeToken: @Sendable () -> String

  /// What was found out about hosts.
  var verdicts: [DomainName: DestinationVerdict] = [:]
  /// Addresses for which the report is counted already.
  var counted: Set<String> = []
  /// What is to be said of the whole.
  var note: String?
  private var deliveries: [StoredDelivery] = []

  init(
    report: ReportToPlan, settings: ReportPlanSettings, now: Int64,
    makeToken: @escaping @Sendable () -> String
  ) {
    self.report = report
    self.settings = settings
    self.now = now
    self.makeToken = makeToken
  }

  var plan: DeliveryPlan { DeliveryPlan(deliveries: deliveries, note: note) }

  /// Whether there is a delivery to this address.
  func has(_ uri: ReportURI) -> Bool { deliveries.contains { $0.destination == uri.address } }

  /// Adds a delivery that does not take place.
  mutating func suppress(_ uri: ReportURI, _ reason: String) { add(uri, .suppressed, reason) }

  /// Adds a delivery unless there is one to this address.
  mutating func add(
    _ uri: ReportURI, _ state: DeliveryState, _ reason: String, nextAttemptAt: Int64? = nil
  ) {
    guard !has(uri) else { return }
    let format = report.tag == .rua ? settings.format(for: uri.host).rawValue : ""
    append(uri.address, format, state, reason, nextAttemptAt)
  }

  /// Adds the members of the list that cannot be used.
  mutating func addSkipped() {
    for skipped in report.destinations.skipped.prefix(settings.maximumDestinations) {
      let text = skipped.text.isEmpty ? "(nothing)" : skipped.text
      guard !deliveries.contains(where: { $0.destination == text }) else { continue }
      append(text, "", .suppressed, "not used: \(skipped.problem)", nil)
    }
    if report.destinations.uris.isEmpty, note == nil {
      note = "no destination that \(report.policyDomain) names can be used"
    }
  }

  /// Says how many destinations were left out.
  mutating func noteDestinationsNotConsidered() {
    let count = report.destinations.uris.count - settings.maximumDestinations
    if count > 0 { note = "\(count) more destinations were not considered" }
  }

  /// Why a report cannot be had in the form for a destination; nil when it can.
  func formObstacle(_ uri: ReportURI) -> String? {
    let format = settings.format(for: uri.host)
    guard report.tag == .rua, let problem = report.problems[format] else { return nil }
    return "the report failed its own check in the form \(format.rawValue): \(problem)"
  }

  /// Why a report is too large for a destination; nil when it is not.
  ///
  /// Limits are a matter of RFC 7489 (section 6.2); in RFC 9990 there are none.
  func sizeObstacle(_ uri: ReportURI) -> String? {
    guard report.tag == .rua, settings.format(for: uri.host) == .rfc7489,
      let limit = uri.sizeLimitBytes, let bytes = report.fileBytes[.rfc7489]
    else { return nil }
    let attached = Self.attachedBytes(bytes)
    return attached > limit
      ? "the report has \(attached) octets as attached, \(uri.address) takes \(limit)" : nil
  }

  /// The octets of a file as base64 in lines of 76 characters (RFC 2045 section 6.8).
  static func attachedBytes(_ fileBytes: Int) -> Int64 {
    let characters = (Int64(clamping: max(fileBytes, 0)) / 3 + (fileBytes % 3 > 0 ? 1 : 0)) * 4
    return characters + (characters + 75) / 76 * 2
  }

  private mutating func append(
    _ destination: String, _ format: String, _ state: DeliveryState, _ reason: String,
    _ nextAttemptAt: Int64?
  ) {
    deliveries.append(
      StoredDelivery(
        reportID: report.reportID, destination: destination, format: format, state: state,
        reason: reason, nextAttemptAt: nextAttemptAt, plannedAt: now, changedAt: now,
        token: makeToken()))
  }
}
