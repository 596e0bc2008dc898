import MailAuth
import TestSupport
import Testing

@testable import Ledger

/// What became of reports: windows, deliveries, suppression, the lease.
@Suite struct ReportStoreTests {
  private let directory: TemporaryDirectory
  private let store: SQLiteStore
  private let day: Range<Int64> = 86_400..<172_800

  init() throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
  }

  private func report(_ id: String, problem: String? = nil) throws -> StoredReport {
    StoredReport(
      kind: .aggregate, reportID: id, policyDomain: try #require(DomainName("example.com")),
      period: day, fileName: "a!b!1!2!\(id).xml.gz", messages: 5, lateMessages: 1,
      alignedMessages: 3, rows: 2, problem: problem, note: "a note", builtAt: 200_000)
  }

  private func delivery(
    _ report: String, to destination: String, _ state: DeliveryState = .planned, due: Int64? = 0
  ) -> StoredDelivery {
    StoredDelivery(
      reportID: report, destination: destination, format: "rfc9990", state: state,
      nextAttemptAt: due, plannedAt: 200_000, changedAt: 200_000, token: report + destination)
  }

  /// SQLite gives the numbers of deleted rows at the end again, if it is left to it.
  @Test func whatComesLateIsLateAlsoWhenMessagesWereDeleted() throws {
    try store.append(.test(queueID: "A", at: 100_000))
    try store.append(.test(queueID: "B", at: 100_001))
    _ = try store.closeWindow(day, now: 173_000)
    let deleted = try Program.run(
      "/usr/bin/sqlite3",
      [directory.path("ledger.sqlite"), "PRAGMA foreign_keys = ON; DELETE FROM message"])
    #expect(deleted.status == 0, "\(deleted.errors)")
    try store.append(.test(queueID: "LATE", at: 100_002))
    let next = try store.closeWindow(172_800..<259_200, now: 260_000)
    let late = try store.read { snapshot in
      try snapshot.policies(of: try snapshot.members(of: next), policyDomain: nil)
        .map(\.lateMessages)
    }
    #expect(late == [1])
  }

  @Test func windowsKeepTheirMembers() throws {
    try store.append(.test(queueID: "A", at: 100_000))
    try store.append(.test(queueID: "B", at: 100_001))
    let first = try store.closeWindow(day, now: 173_000)
    try store.append(.test(queueID: "LATE", at: 100_002))
    #expect(first.afterMessageID == 0)
    #expect(first.throughMessageID == 2)
    #expect(try store.closeWindow(day, now: 999_999) == first)

    let second = try store.closeWindow(172_800..<259_200, now: 260_000)
    #expect(second.afterMessageID == 2)
    #expect(second.throughMessageID == 3)
    try store.windowIsPlanned(day, now: 300_000)
    try store.windowIsPlanned(day, now: 400_000)
    #expect(try store.reportWindows().map(\.plannedAt) == [300_000, nil])
  }

  @Test func keepsAReportOnceWithItsDeliveries() throws {
    let planned = [
      delivery("r1", to: "a@x.example"), delivery("r1", to: "b@x.example", .suppressed, due: nil),
    ]
    #expect(try store.keep(report("r1"), planned))
    #expect(try !store.keep(report("r1"), [delivery("r1", to: "c@x.example")]))
    #expect(try store.reports(ReportFilter()) == [report("r1")])
    let stored = try store.deliveries(ofReport: "r1")
    #expect(stored.map(\.destination) == ["a@x.example", "b@x.example"])
    #expect(try store.delivery(token: "r1a@x.example") == stored[0])
  }

  @Test func replacesAReportThatFailedItsCheck() throws {
    #expect(try store.keep(report("r1", problem: "broken"), []))
    #expect(try store.keep(report("r1"), [delivery("r1", to: "a@x.example")]))
    #expect(try store.reports(ReportFilter()).map(\.problem) == [nil])
  }

  /// All or nothing: a report without its deliveries would never leave.
  @Test func keepsNothingWhenADeliveryCannotBeKept() throws {
    let twice = [delivery("r1", to: "a@x.example"), delivery("r1", to: "a@x.example")]
    #expect(throws: LedgerError.self) { try store.keep(report("r1"), twice) }
    #expect(try store.reports(ReportFilter()).isEmpty)
  }

  @Test func changesADeliveryOnlyFromTheExpectedState() throws {
    _ = try store.keep(report("r1"), [delivery("r1", to: "a@x.example")])
    var changed = try #require(try store.deliveries(ofReport: "r1").first)
    changed.state = .sending
    changed.attempts = 1
    changed.changedAt = 200_100
    #expect(try store.change(changed, from: .planned))
    #expect(try !store.change(changed, from: .planned))
    changed.state = .sent
    changed.answer = "250 queued"
    changed.changedAt = 200_200
    #expect(try store.change(changed, from: .sending))
    #expect(try store.deliveries(ofReport: "r1") == [changed])
    #expect(
      try store.events(ofDelivery: changed.id) == [
        DeliveryEvent(at: 200_000, state: .planned, text: nil),
        DeliveryEvent(at: 200_100, state: .sending, text: nil),
        DeliveryEvent(at: 200_200, state: .sent, text: "250 queued"),
      ])
  }

  @Test func findsWhatIsDue() throws {
    _ = try store.keep(
      report("r1"),
      [
        delivery("r1", to: "late@x.example", .deferred, due: 500),
        delivery("r1", to: "now@x.example", .planned, due: 100),
        delivery("r1", to: "done@x.example", .sent, due: nil),
      ])
    func found(_ now: Int64?, _ filter: ReportFilter = ReportFilter()) throws -> [String] {
      try store.deliveries(in: [.planned, .deferred], dueAt: now, filter).map(\.destination)
    }
    #expect(try found(99).isEmpty)
    #expect(try found(100) == ["now@x.example"])
    #expect(try found(500) == ["now@x.example", "late@x.example"])
    #expect(try found(nil) == ["now@x.example", "late@x.example"])
    #expect(try found(nil, ReportFilter(reportID: "other")).isEmpty)
    #expect(try found(nil, ReportFilter(period: 0..<86_400)).isEmpty)
    #expect(try found(nil, ReportFilter(policyDomain: DomainName("example.com"))).count == 2)
  }

  @Test func countsDeliveriesAndBouncesOfAnAddress() throws {
    _ = try store.keep(report("r1"), [delivery("r1", to: "a@x.example", .bounced, due: nil)])
    _ = try store.keep(report("r2"), [delivery("r2", to: "a@x.example", .suppressed, due: nil)])
    #expect(try store.deliveryCount(to: "a@x.example", plannedIn: 172_800..<259_200) == 1)
    #expect(try store.deliveryCount(to: "a@x.example", plannedIn: 0..<200_000) == 0)
    #expect(try store.bounceCount(of: "a@x.example", since: 200_000) == 1)
    #expect(try store.bounceCount(of: "a@x.example", since: 200_001) == 0)
  }

  @Test func keepsSuppressionsUntilTheyAreRemoved() throws {
    var entry = Suppression(
      subject: .address("a@x.example"), reason: "asked us", origin: .manual, createdAt: 10,
      expiresAt: 20)
    try store.suppress(entry)
    entry.reason = "asked us again"
    try store.suppress(entry)
    #expect(try store.suppressions() == [entry])
    #expect(entry.isActive(at: 19) && !entry.isActive(at: 20))
    #expect(try !store.unsuppress(.domain("a@x.example")))
    #expect(try store.unsuppress(.address("a@x.example")))
    #expect(try store.suppressions().isEmpty)
  }

  @Test func forgetsAnAuthorizationWhenItExpires() throws {
    let answer = StoredAuthorization(
      policyDomain: try #require(DomainName("blue.example.com")),
      host: try #require(DomainName("red.example.net")), tag: .rua, isAuthorized: true,
      overrides: ["mailto:x@red.example.net"], reason: "v=DMARC1", expiresAt: 100)
    try store.keep(answer)
    func found(_ tag: StoredAuthorization.Tag, at now: Int64) throws -> StoredAuthorization? {
      try store.authorization(
        policyDomain: answer.policyDomain, host: answer.host, tag: tag, now: now)
    }
    #expect(try found(.rua, at: 99) == answer)
    #expect(try found(.rua, at: 100) == nil)
    #expect(try found(.ruf, at: 99) == nil)
  }

  @Test func givesTheLeaseToOneHolder() throws {
    func take(_ holder: String, at now: Int64, isGone: Bool = false) throws -> String? {
      try store.takeLease(
        ReportLease(
          holder: holder, host: "h", process: 1, processStart: "s", expiresAt: now + 60),
        now: now, isGone: { _ in isGone })?.holder
    }
    #expect(try take("one", at: 0) == nil)
    #expect(try take("two", at: 59) == "one")
    #expect(try take("one", at: 59) == nil)
    #expect(try take("two", at: 118) == "one")
    #expect(try take("two", at: 118, isGone: true) == nil)
    try store.releaseLease(holder: "one")
    #expect(try take("one", at: 119) == "two")
    try store.releaseLease(holder: "two")
    #expect(try take("one", at: 119) == nil)
  }

  @Test func refusesChangesWhenOpenedForReading() throws {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    let reader = try SQLiteStore(path: store.path, settings: settings)
    #expect(throws: LedgerError.self) { try reader.closeWindow(day, now: 1) }
    #expect(try reader.reportWindows().isEmpty)
  }
}
