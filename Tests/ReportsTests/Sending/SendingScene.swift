import Foundation
import Ledger
import MailAuth
import Synchronization
import TestSupport

@testable import Reports

/// A ledger with messages of one day, a DNS, a mail server and a clock.
final class SendingScene {
  static let day = UTCDay(containing: testTime)

  let directory: TemporaryDirectory
  let store: SQLiteStore
  let resolver: ScriptedResolver
  let server = FakeServer()
  let clock = Mutex(SendingScene.day.window.upperBound + 3_600)
  var planSettings = ReportPlanSettings()
  var schedule = RetrySchedule()

  /// Puts one aligned message of each policy domain into the ledger, whose record asks for reports
  /// at `rua`, by default at the domain itself.
  init(domains: [String], rua: [String: String] = [:], zone: String = "") throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    let records = domains.map { "_dmarc.\($0): [{TXT: v=DMARC1; p=none}]\n" }.joined()
    resolver = ScriptedResolver(zone: try ZoneResolver(yaml: records + zone, source: "test"))
    for (number, name) in domains.enumerated() {
      let record = DMARCPolicyRecord.test(.reject) {
        $0.aggregateReportURIs = [rua[name] ?? "mailto:dmarc@\(name)"]
      }
      try store.append(
        .test(
          queueID: "\(number)", at: Self.day.begin + 3_600, authorDomain: name,
          dmarc: .test(.pass, policyDomain: name, record: record, spfAligned: true)))
    }
  }

  var now: Int64 { clock.withLock { $0 } }

  func pass(seconds: Int64) { clock.withLock { $0 += seconds } }

  // MARK: Parts

  func planner(_ store: any ReportStore) -> ReportPlanner {
    ReportPlanner(
      settings: planSettings, store: store,
      verifier: DestinationVerifier(resolver: resolver, discovery: .treewalk, store: store))
  }

  private var archive: ReportArchive { ReportArchive(directory: directory.path("reports")) }

  private var builder: ReportBuilder {
    ReportBuilder(
      store: store,
      settings: ReportSettings(
        receiver: domain("mx.receiver.example"), organization: "Receiver Example",
        email: "postmaster@receiver.example", generator: "Plumbline 0.1"))
  }

  func production(_ store: any ReportStore) -> ReportProduction {
    ReportProduction(
      store: store, builder: builder, planner: planner(store), settings: planSettings,
      archive: archive, now: { self.now })
  }

  func sender(_ store: any ReportStore, _ transport: any ReportTransport) throws -> ReportSender {
    guard let from = MailAddress("noreply-dmarc@receiver.example"),
      let bounces = MailAddress("dmarc-bounce@receiver.example")
    else { throw FixtureError("no address") }
    let settings = ReportMailSettings(
      from: from, displayName: "Receiver Example", receiver: domain("mx.receiver.example"),
      contacts: [], envelopeSender: .perDelivery(BounceAddress(bounces)))
    let composer = ReportComposer(
      source: ReportSource(archive: archive, builder: builder, store: store), archive: archive,
      settings: settings, signer: nil)
    return ReportSender(
      store: store, planner: planner(store), transport: transport, composer: composer,
      schedule: schedule, now: { self.now })
  }

  // MARK: Steps

  func plan() throws { _ = try production(store).make(day: Self.day) }

  @discardableResult
  func run() throws -> SendingRun.Summary {
    try SendingRun(sender: sender(store, server), store: store, now: { self.now }).run()
  }

  func deliveries() throws -> [StoredDelivery] {
    try store.deliveries(in: Set(DeliveryState.allCases), dueAt: nil, ReportFilter())
  }

  func onlyDelivery() throws -> StoredDelivery {
    let all = try deliveries()
    guard let first = all.first, all.count == 1 else { throw FixtureError("\(all.count) of them") }
    return first
  }

  func path(of delivery: StoredDelivery) throws -> String {
    guard let report = try store.reports(ReportFilter(reportID: delivery.reportID)).first,
      let format = ReportFormat(rawValue: delivery.format)
    else { throw FixtureError("no report of \(delivery)") }
    return archive.path(of: report, format)
  }
}

/// A mail server behind a program that keeps what became of each mail, as the spool of
/// ``SendmailTransport`` does.
final class FakeServer: ReportTransport {
  private struct State {
    var answers: [TransportAnswer] = []
    var kept: [String: TransportAnswer] = [:]
    var mails: [OutgoingMail] = []
  }

  private let state = Mutex(State())

  /// The mails that were handed over, accepted or not.
  var mails: [OutgoingMail] { state.withLock { $0.mails } }

  /// What it says to the next mails; then it accepts.
  func say(_ answers: [TransportAnswer]) { state.withLock { $0.answers = answers } }

  /// What it knows of a mail that an earlier process was handing over.
  func keep(_ answer: TransportAnswer?, of token: String) {
    state.withLock { $0.kept[token] = answer }
  }

  func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer {
    state.withLock { state in
      if let kept = state.kept[mail.token] { return kept }
      state.mails.append(mail)
      let answer =
        state.answers.isEmpty
        ? TransportAnswer(.accepted, "queued as \(state.mails.count)")
        : state.answers.removeFirst()
      state.kept[mail.token] = answer
      return answer
    }
  }

  func earlierAnswer(token: String) throws(ReportTransportError) -> TransportAnswer? {
    state.withLock { $0.kept[token] }
  }

  func finish(token: String) throws(ReportTransportError) {
    state.withLock { $0.kept[token] = nil }
  }
}
