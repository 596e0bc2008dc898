public import Ledger
import MailAuth

// Who gets a report:
//
//     rua ──► usable? ──► wanted by us? ──► suppressed? ──► does the host agree? ──► the same URI, or
//     the ones that the host names instead ──► suppressed? ──► too large? ──► over the cap? ──► planned
//
// Each "no" leaves a delivery that says why. What asks the DNS comes after all that does not.

/// Decides where reports go (RFC 9990 sections 3.5 and 4).
///
/// The order of reports and of their destinations decides which of them a cap lets through, so the
/// same reports and the same ledger give the same plan.
public struct ReportPlanner: Sendable {
  private let settings: ReportPlanSettings
  private let store: any ReportStore
  private let verifier: DestinationVerifier
  private let makeToken: @Sendable () -> String

  /// How many reports ahead the questions to the DNS are begun.
  private static let reportsAhead = 32

  /// Makes a planner.
  ///
  /// - Parameters:
  ///   - settings: The choices of the administrator.
  ///   - store: Knows what is suppressed and what was planned before; nothing is written to it here
  ///     but the verifier's answers.
  ///   - verifier: Asks hosts.
  ///   - makeToken: Gives ``StoredDelivery/token``, each time another one that cannot be guessed.
  public init(
    settings: ReportPlanSettings, store: any ReportStore, verifier: DestinationVerifier,
    makeToken: @escaping @Sendable () -> String = ReportPlanner.randomToken
  ) {
    self.settings = settings
    self.store = store
    self.verifier = verifier
    self.makeToken = makeToken
  }

  /// Letters and digits worth 130 random bits, in lower case because mail servers may change case.
  ///
  /// Whoever could guess a token could have somebody else's destination suppressed by bounces that
  /// he made up.
  public static func randomToken() -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    var generator = SystemRandomNumberGenerator()
    let octets = (0..<26).compactMap { _ in alphabet.randomElement(using: &generator) }
    return String(decoding: octets, as: UTF8.self)
  }

  /// Plans reports one after the other.
  ///
  /// - Parameters:
  ///   - reports: All reports of a period; those that were planned before are passed over.
  ///   - now: Seconds since the epoch.
  ///   - keep: Called with each plan, in order; must have stored it when it returns, because the
  ///     cap counts what is stored. What it throws ends the planning.
  /// - Throws: ``LedgerError`` when the ledger cannot be read, and whatever `keep` throws.
  public func plan(
    _ reports: [ReportToPlan], now: Int64, keep: (ReportToPlan, DeliveryPlan) throws -> Void
  ) throws {
    let suppressions = SuppressionList(try store.suppressions(), now: now)
    let waiting = Self.countedTogether(reports)
    for (index, report) in waiting.enumerated() {
      if index % Self.reportsAhead == 0 {
        waiting[index...].prefix(Self.reportsAhead).forEach { prefetch($0, suppressions) }
      }
      try keep(report, try plan(report, suppressions, now: now))
    }
  }

  /// Plans one report; as ``plan(_:now:keep:)``.
  ///
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  public func plan(
    _ report: ReportToPlan, _ suppressions: SuppressionList, now: Int64
  ) throws(LedgerError) -> DeliveryPlan {
    if let reason = reasonForNoDelivery(report) { return .nowhere(reason) }
    var draft = PlanDraft(report: report, settings: settings, now: now, makeToken: makeToken)
    // A report that nobody could get is not built, so how many passed is not known.
    if !report.destinations.uris.isEmpty, let refusal = refusal(of: report) {
      for uri in report.destinations.uris { draft.suppress(uri, refusal) }
      draft.note = refusal
    } else {
      for uri in report.destinations.uris.prefix(settings.maximumDestinations) {
        try consider(uri, of: report, suppressions, now: now, in: &draft)
      }
      draft.noteDestinationsNotConsidered()
    }
    draft.addSkipped()
    return draft.plan
  }

  /// Asks again about a destination whose delivery is deferred because the DNS did not tell.
  ///
  /// Such a delivery is one in state ``DeliveryState/deferred`` with no attempt. The reasons that
  /// the whole report had are not looked at again.
  ///
  /// - Parameters:
  ///   - delivery: The delivery.
  ///   - report: Its report.
  ///   - fileBytes: The size of the file in the form of the delivery, compressed, in octets; nil
  ///     for a failure report.
  ///   - now: Seconds since the epoch.
  /// - Returns: The delivery as it is now, planned, deferred, suppressed or failed, and the ones to
  ///   be added because the host names other destinations.
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  public func verifyAgain(
    _ delivery: StoredDelivery, of report: StoredReport, fileBytes: Int?, now: Int64
  ) throws(LedgerError) -> Reverification {
    let bytes = ReportFormat(rawValue: delivery.format).flatMap { format in
      fileBytes.map { [format: $0] }
    }
    let list = ReportURIList(ReportURI.text(ofAddress: delivery.destination))
    let again = ReportToPlan(
      reportID: report.reportID, tag: report.kind == .failure ? .ruf : .rua,
      policyDomain: report.policyDomain, destinations: list, alignedMessages: 0,
      fileBytes: bytes ?? [:])
    var changed = delivery
    changed.changedAt = now
    changed.nextAttemptAt = nil
    guard let uri = list.uris.first else {
      changed.state = .suppressed
      changed.reason = reasonForNoDelivery(again)
      return Reverification(changed: changed, added: [])
    }
    var draft = PlanDraft(report: again, settings: settings, now: now, makeToken: makeToken)
    // It is counted already, and other deliveries of the report are not to be doubled.
    draft.counted = [delivery.destination]
    let suppressions = SuppressionList(try store.suppressions(), now: now)
    try consider(uri, of: again, suppressions, now: now, in: &draft)
    let known = Set(try store.deliveries(ofReport: report.reportID).map(\.destination))
    for new in draft.plan.deliveries where new.destination == delivery.destination {
      changed.state = new.state
      changed.reason = new.reason
      changed.nextAttemptAt = new.nextAttemptAt
    }
    if changed.state == .deferred, now - delivery.plannedAt >= settings.giveUpSeconds {
      changed.state = .failed
      changed.nextAttemptAt = nil
    }
    return Reverification(
      changed: changed, added: draft.plan.deliveries.filter { !known.contains($0.destination) })
  }

  // MARK: - What concerns the whole report

  /// The reports to be planned, each with the aligned messages of all about the same domain.
  private static func countedTogether(_ reports: [ReportToPlan]) -> [ReportToPlan] {
    let aligned = Dictionary(
      reports.map { ($0.policyDomain, $0.alignedMessages) }, uniquingKeysWith: +)
    return reports.filter { !$0.isPlanned }.map { report in
      var counted = report
      counted.alignedMessages = aligned[report.policyDomain] ?? 0
      return counted
    }
  }

  private func reasonForNoDelivery(_ report: ReportToPlan) -> String? {
    if !settings.isEnabled { return "sending of reports is switched off" }
    guard report.destinations.uris.isEmpty, report.destinations.skipped.isEmpty else { return nil }
    return "the record of \(report.policyDomain) names no destination (\(report.tag.rawValue))"
  }

  /// Failure reports have rules of their own for whom they are made at all.
  private func refusal(of report: ReportToPlan) -> String? {
    guard report.tag == .rua else { return nil }
    return settings.recipients.refusal(
      of: report.policyDomain, alignedMessages: report.alignedMessages)
  }

  private func prefetch(_ report: ReportToPlan, _ suppressions: SuppressionList) {
    guard reasonForNoDelivery(report) == nil, refusal(of: report) == nil else { return }
    let uris = report.destinations.uris.prefix(settings.maximumDestinations).filter {
      suppressions.reason(against: $0, about: report.policyDomain) == nil
    }
    verifier.prefetch(uris.map(\.host), about: report.policyDomain)
  }

  // MARK: - One destination

  private func consider(
    _ uri: ReportURI, of report: ReportToPlan, _ suppressions: SuppressionList, now: Int64,
    in draft: inout PlanDraft
  ) throws(LedgerError) {
    if let reason = suppressions.reason(against: uri, about: report.policyDomain) {
      draft.suppress(uri, reason)
      return
    }
    if let reason = draft.formObstacle(uri) {
      draft.suppress(uri, reason)
      return
    }
    let verdict = try verdict(on: uri, of: report, now: now, in: &draft)
    guard verdict.decision != .undecided else {
      // Whether it is too large must be seen now: a limit is not kept with a delivery.
      if let reason = try obstacle(uri, now: now, in: draft) {
        draft.suppress(uri, reason)
      } else {
        draft.add(uri, .deferred, verdict.reason, nextAttemptAt: now + settings.retrySeconds)
      }
      return
    }
    let destinations = verdict.destinations(of: uri).prefix(settings.maximumDestinations)
    if !destinations.contains(where: { $0.address == uri.address }) {
      draft.suppress(uri, verdict.reason)
    }
    for destination in destinations where !draft.has(destination) {
      if let reason = suppressions.reason(against: destination, about: report.policyDomain) {
        draft.suppress(destination, reason)
      } else if let reason = try obstacle(destination, now: now, in: draft) {
        draft.suppress(destination, reason)
      } else {
        draft.add(destination, .planned, verdict.reason, nextAttemptAt: now)
      }
    }
  }

  /// One question for each host, whatever its answer: undecided ones are not kept in the ledger.
  private func verdict(
    on uri: ReportURI, of report: ReportToPlan, now: Int64, in draft: inout PlanDraft
  ) throws(LedgerError) -> DestinationVerdict {
    if let known = draft.verdicts[uri.host] { return known }
    let verdict = try verifier.verdict(
      on: uri.host, about: report.policyDomain, tag: report.tag, now: now)
    draft.verdicts[uri.host] = verdict
    return verdict
  }

  /// Why a destination that may be used is not: the report is too large, or there were too many.
  private func obstacle(
    _ uri: ReportURI, now: Int64, in draft: PlanDraft
  ) throws(LedgerError) -> String? {
    if let reason = draft.sizeObstacle(uri) { return reason }
    guard !draft.counted.contains(uri.address) else { return nil }
    let day = UTCDay(containing: now)
    let count = try store.deliveryCount(to: uri.address, plannedIn: day.window)
    guard count >= settings.dailyCap else { return nil }
    return "\(uri.address) gets \(count) reports on \(day) already, the cap is \(settings.dailyCap)"
  }
}

/// What became of a delivery when a host was asked again.
public struct Reverification: Sendable, Equatable {
  /// The delivery with its new state.
  public var changed: StoredDelivery
  /// Deliveries that take its place.
  public var added: [StoredDelivery]
}
