import Foundation
import Ledger
import MailAuth
import Reports
import Synchronization
import TestSupport

/// A ledger and a DNS in which destinations are looked for.
struct DestinationScene {
  /// 2033-05-18 03:33:20 UTC.
  static let now: Int64 = 2_000_000_000

  let directory: TemporaryDirectory
  let store: SQLiteStore
  let resolver: ScriptedResolver
  var settings = ReportPlanSettings()
  var keepsAnswers = true
  /// Where the planner gets its tokens from.
  private let tokens = TokenSource("token")
  private let reportIDs = TokenSource("report")

  init(zone: String) throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    resolver = ScriptedResolver(zone: try ZoneResolver(yaml: zone, source: "test"))
  }

  var verifier: DestinationVerifier {
    DestinationVerifier(
      resolver: resolver, discovery: .treewalk, store: store, keepsAnswers: keepsAnswers)
  }

  func verdict(
    on host: String, about policyDomain: String, tag: StoredAuthorization.Tag = .rua,
    now: Int64 = Self.now
  ) throws -> DestinationVerdict {
    try verifier.verdict(on: domain(host), about: domain(policyDomain), tag: tag, now: now)
  }

  var planner: ReportPlanner {
    let tokens = tokens
    return ReportPlanner(
      settings: settings, store: store, verifier: verifier, makeToken: { tokens.next() })
  }

  /// Plans one report and keeps it.
  @discardableResult
  func plan(
    _ policyDomain: String, _ rua: String, aligned: Int = 1, bytes: [ReportFormat: Int] = [:],
    tag: StoredAuthorization.Tag = .rua, problems: [ReportFormat: String] = [:],
    now: Int64 = Self.now
  ) throws -> DeliveryPlan {
    let report = ReportToPlan(
      reportID: reportIDs.next(), tag: tag, policyDomain: domain(policyDomain),
      destinations: ReportURIList(rua), alignedMessages: aligned, fileBytes: bytes,
      problems: problems)
    var plans: [DeliveryPlan] = []
    try planner.plan([report], now: now) { report, plan in
      plans.append(plan)
      try keep(report, plan, now: now)
    }
    guard let plan = plans.first, plans.count == 1 else { throw FixtureError("not one plan") }
    return plan
  }

  func keep(_ report: ReportToPlan, _ plan: DeliveryPlan, now: Int64 = Self.now) throws {
    let stored = Self.stored(report, note: plan.note, now: now)
    guard try store.keep(stored, plan.deliveries) else { throw FixtureError("kept before") }
  }

  static func stored(_ report: ReportToPlan, note: String? = nil, now: Int64) -> StoredReport {
    StoredReport(
      kind: report.tag == .rua ? .aggregate : .failure, reportID: report.reportID,
      policyDomain: report.policyDomain, period: now - 86_400..<now, fileName: "x.xml.gz",
      messages: 1, note: note, builtAt: now)
  }
}

extension DeliveryPlan {
  /// The deliveries, a line each: state and destination.
  var lines: [String] { deliveries.map { "\($0.state) \($0.destination)" } }
}

/// Tokens that are different and predictable.
private final class TokenSource: Sendable {
  private let given = Mutex(0)
  private let prefix: String

  init(_ prefix: String) { self.prefix = prefix }

  func next() -> String {
    given.withLock { count in
      count += 1
      return "\(prefix)\(count)"
    }
  }
}

/// A zone that remembers what it was asked, and can have wildcards and TTLs.
final class ScriptedResolver: Resolver {
  private struct State {
    var zone: ZoneResolver
    var ttlSeconds = 0
    var wildcards: [String: String] = [:]
    var asked: [String] = []
    var prefetched: [String] = []
  }

  private let state: Mutex<State>

  init(zone: ZoneResolver) { state = Mutex(State(zone: zone)) }

  /// The names asked for since last time.
  func takeAsked() -> [String] {
    state.withLock { state in
      defer { state.asked = [] }
      return state.asked
    }
  }

  /// The names that were announced.
  var prefetched: [String] { state.withLock { $0.prefetched } }

  /// Puts another zone in place.
  func change(zone yaml: String) throws {
    let zone = try ZoneResolver(yaml: yaml, source: "test")
    state.withLock { $0.zone = zone }
  }

  /// Gives all answers a TTL.
  func change(ttlSeconds: Int) { state.withLock { $0.ttlSeconds = ttlSeconds } }

  /// Answers TXT below `name` with `text` where the zone has nothing (RFC 4592).
  func addWildcard(below name: String, _ text: String) {
    state.withLock { $0.wildcards["." + name] = text }
  }

  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    state.withLock { state in
      state.asked.append(question.name)
      var answer = state.zone.answer(question, deadline: deadline)
      let wildcard = state.wildcards.first { question.name.hasSuffix($0.key) }
      if answer.outcome == .nxdomain, let wildcard {
        answer = DNSAnswer(outcome: .answer, records: [.txt([Array(wildcard.value.utf8)])])
      }
      answer.ttlSeconds = state.ttlSeconds
      return answer
    }
  }

  func prefetch(_ questions: [DNSQuestion]) {
    state.withLock { $0.prefetched += questions.map(\.name) }
  }
}
