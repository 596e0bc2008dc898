import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

@Suite struct ReportPlannerTests {
  private static let zone = """
    _dmarc.example.com: [{TXT: v=DMARC1; p=none}]
    example.com._report._dmarc.yes.example.net: [{TXT: v=DMARC1}]
    example.com._report._dmarc.new.example.net: [{TXT: 'v=DMARC1; rua=mailto:n@new.example.net'}]
    example.com._report._dmarc.slow.example.net: [TIMEOUT]
    """
  private static let now = DestinationScene.now

  private func scene(
    _ configure: (inout ReportPlanSettings) -> Void = { _ in }
  ) throws -> DestinationScene {
    var scene = try DestinationScene(zone: Self.zone)
    configure(&scene.settings)
    return scene
  }

  @Test("every destination that was considered has a delivery that says what becomes of it")
  func everyDestination() throws {
    let scene = try scene()
    let plan = try scene.plan(
      "example.com",
      "mailto:a@example.com,mailto:b@yes.example.net,mailto:c@no.example.net,"
        + "mailto:d@new.example.net,mailto:e@slow.example.net,https://example.com/,f@example.com")
    #expect(
      plan.lines == [
        "planned a@example.com", "planned b@yes.example.net", "suppressed c@no.example.net",
        "suppressed d@new.example.net", "planned n@new.example.net",
        "deferred e@slow.example.net", "suppressed https://example.com/",
        "suppressed f@example.com",
      ])
    #expect(plan.note == nil)
    let reasons = plan.deliveries.map { $0.reason ?? "" }
    #expect(reasons.allSatisfy { !$0.isEmpty })
    #expect(reasons[1].contains("example.com._report._dmarc.yes.example.net"))
    #expect(reasons[2].contains("did not agree"))
    #expect(reasons[3].contains("n@new.example.net"))
    #expect(reasons[5].contains("timeout"))
    #expect(reasons[6] == "not used: reports are sent by mail only, not by https")
    #expect(
      plan.deliveries.map(\.nextAttemptAt) == [
        Self.now, Self.now, nil, nil, Self.now, Self.now + 1_800, nil, nil,
      ])
    #expect(
      try scene.store.deliveries(ofReport: "report1").map(\.reason) == plan.deliveries.map(\.reason)
    )
  }

  @Test("a record without a destination leaves no delivery but the reason")
  func noDestination() throws {
    let scene = try scene()
    let empty = try scene.plan("example.com", "")
    #expect(empty == .nowhere("the record of example.com names no destination (rua)"))
    let blank = try scene.plan("example.com", ",")
    #expect(blank.lines == ["suppressed (nothing)"])
    #expect(blank.deliveries.map(\.reason) == ["not used: nothing stands between two commas"])
    let useless = try scene.plan("example.com", "a@example.com")
    #expect(useless.note == "no destination that example.com names can be used")
    // Nobody could get it, so it was not built and nobody counted what passed.
    let unbuilt = try scene.plan("example.com", "https://example.com/", aligned: 0)
    #expect(unbuilt.note == useless.note)
  }

  @Test("switched off, nothing is planned and nobody is asked")
  func switchedOff() throws {
    let scene = try scene { $0.isEnabled = false }
    let plan = try scene.plan("example.com", "mailto:a@example.com,mailto:b@yes.example.net")
    #expect(plan == .nowhere("sending of reports is switched off"))
    #expect(scene.resolver.takeAsked().isEmpty)
    #expect(scene.resolver.prefetched.isEmpty)
  }

  @Test("a report does not leave in a form that failed its own check")
  func failedCheck() throws {
    let scene = try scene { $0.formats = [domain("example.net"): .rfc7489] }
    let plan = try scene.plan(
      "example.com", "mailto:a@example.com,mailto:b@yes.example.net",
      problems: [.rfc7489: "counts 3 messages, the ledger 2"])
    #expect(plan.lines == ["planned a@example.com", "suppressed b@yes.example.net"])
    #expect(
      plan.deliveries.last?.reason
        == "the report failed its own check in the form rfc7489: counts 3 messages, the ledger 2")
    #expect(scene.resolver.takeAsked().isEmpty)
  }

  @Test("takes a built report with its published destinations and the size of its files")
  func builtReport() throws {
    var scene = try ReportScene()
    var record = MessageRecord.test()
    record.evaluation.dmarc.recordText = "v=DMARC1; p=none; rua=mailto:a@example.com!1k, x"
    try scene.append(record)
    let built = try #require(try scene.build().first)
    let report = ReportToPlan(built)
    #expect(report.reportID == built.reportID)
    #expect(report.destinations.uris.map(\.description) == ["mailto:a@example.com!1024"])
    #expect(report.destinations.skipped.map(\.text) == ["x"])
    #expect(report.fileBytes[.rfc9990] ?? 0 > 100)
    #expect(report.problems.isEmpty)
  }

  @Test(
    "only the domains that are wanted get reports",
    arguments: [
      (ReportRecipients.aligned, 1, true), (.aligned, 0, false), (.all, 0, true),
      (.domains([domain("example.com")]), 0, true), (.domains([domain("com")]), 0, true),
      (.domains([domain("mail.example.com"), domain("ample.com")]), 5, false),
      (.domains([]), 5, false),
    ])
  func recipients(_ recipients: ReportRecipients, _ aligned: Int, _ isWanted: Bool) throws {
    let scene = try scene { $0.recipients = recipients }
    let plan = try scene.plan("example.com", "mailto:b@yes.example.net", aligned: aligned)
    #expect(plan.deliveries.map(\.state) == [isWanted ? .planned : .suppressed])
    #expect((plan.note == nil) == isWanted)
    // Strangers are not even asked.
    #expect(scene.resolver.takeAsked().isEmpty != isWanted)
  }

  @Test("the default is aligned")
  func defaultRecipients() throws {
    let plan = try scene().plan("example.com", "mailto:a@example.com", aligned: 0)
    #expect(plan.lines == ["suppressed a@example.com"])
    #expect(plan.note == "no message of the period passed aligned with example.com")
  }

  @Test("an aligned pass under one policy of a domain counts for its other reports of the period")
  func alignedTogether() throws {
    let scene = try scene()
    func report(_ id: String, _ name: String, _ aligned: Int) -> ReportToPlan {
      ReportToPlan(
        reportID: id, policyDomain: domain(name),
        destinations: ReportURIList("mailto:a@\(name)"), alignedMessages: aligned)
    }
    var before = report("before", "example.org", 1)
    before.isPlanned = true
    let reports = [
      report("morning", "example.com", 0), report("evening", "example.com", 1), before,
      report("rest", "example.org", 0), report("other", "example.net", 0),
    ]
    var lines: [String] = []
    try scene.planner.plan(reports, now: Self.now) { report, plan in
      lines += plan.lines.map { "\(report.reportID): \($0)" }
      try scene.keep(report, plan)
    }
    #expect(
      lines == [
        "morning: planned a@example.com", "evening: planned a@example.com",
        "rest: planned a@example.org", "other: suppressed a@example.net",
      ])
  }

  @Test("one address gets a report once")
  func duplicates() throws {
    let plan = try scene().plan(
      "example.com",
      "mailto:a@example.com,MAILTO:%61@EXAMPLE.COM,mailto:x@new.example.net,"
        + "mailto:n@new.example.net,mailto:y@new.example.net,a@example.com")
    #expect(
      plan.lines
        == [
          "planned a@example.com", "suppressed x@new.example.net", "planned n@new.example.net",
          "suppressed y@new.example.net", "suppressed a@example.com",
        ].dropLast())
  }

  @Test("a host is asked once for a report")
  func oneQuestion() throws {
    let scene = try scene()
    try scene.plan("example.com", "mailto:a@slow.example.net,mailto:b@slow.example.net")
    #expect(scene.resolver.takeAsked().count == 1)
  }

  @Test("considers only so many destinations, and says so")
  func manyDestinations() throws {
    let scene = try scene { $0.maximumDestinations = 2 }
    let rua = (1...2_000).map { "mailto:a@h\($0).example.net" }.joined(separator: ",")
    let plan = try scene.plan("example.com", rua)
    #expect(plan.deliveries.count == 2)
    #expect(plan.note == "1998 more destinations were not considered")
    #expect(scene.resolver.takeAsked().count == 2)
  }

  // MARK: - Suppression

  @Test(
    "a suppression holds for the policy domain, the host or the address",
    arguments: [
      (Suppression.Subject.domain("example.com"), false),
      (.domain("com"), false), (.domain("EXAMPLE.com."), false),
      (.domain("yes.example.net"), false), (.domain("example.net"), false),
      (.domain("ample.com"), true), (.domain("a.yes.example.net"), true),
      (.domain("sub.example.com"), true),
      (.address("b@yes.example.net"), false), (.address("B@Yes.Example.Net"), false),
      (.address("c@yes.example.net"), true), (.address("b@example.com"), true),
    ])
  func suppression(_ subject: Suppression.Subject, _ isPlanned: Bool) throws {
    let scene = try scene()
    try scene.store.suppress(
      Suppression(
        subject: subject, reason: "they asked us to", origin: .manual, createdAt: 1,
        expiresAt: nil))
    let plan = try scene.plan("example.com", "mailto:b@yes.example.net")
    #expect(plan.deliveries.map(\.state) == [isPlanned ? .planned : .suppressed])
    let reason = try #require(plan.deliveries.first?.reason)
    #expect(reason.hasSuffix("is suppressed: they asked us to") != isPlanned)
    #expect(scene.resolver.takeAsked().isEmpty != isPlanned)
  }

  @Test(
    "a suppression ends when it expires", arguments: [(0, true), (1, false)] as [(Int64, Bool)])
  func expiry(_ seconds: Int64, _ isPlanned: Bool) throws {
    let scene = try scene()
    try scene.store.suppress(
      Suppression(
        subject: .domain("example.com"), reason: "x", origin: .bounces, createdAt: 1,
        expiresAt: Self.now + seconds))
    let plan = try scene.plan("example.com", "mailto:a@example.com")
    #expect(plan.deliveries.map(\.state) == [isPlanned ? .planned : .suppressed])
  }

  @Test("an address named by a host instead is held back as any other")
  func suppressedOverride() throws {
    let scene = try scene()
    try scene.store.suppress(
      Suppression(
        subject: .address("n@new.example.net"), reason: "bounces", origin: .bounces, createdAt: 1,
        expiresAt: nil))
    let plan = try scene.plan("example.com", "mailto:x@new.example.net")
    #expect(plan.lines == ["suppressed x@new.example.net", "suppressed n@new.example.net"])
  }

  // MARK: - Cap, size, form

  @Test("an address gets so many reports a day and no more")
  func cap() throws {
    let scene = try scene { $0.dailyCap = 2 }
    // 03:33:20; the day has 20:26:40 left.
    let midnight: Int64 = Self.now + 73_600
    #expect(UTCDay(containing: midnight).begin == midnight)
    func states(_ rua: String, now: Int64) throws -> [DeliveryState] {
      try scene.plan("example.com", rua, now: now).deliveries.map(\.state)
    }
    #expect(try states("mailto:a@example.com", now: Self.now) == [.planned])
    #expect(try states("mailto:a@example.com", now: midnight - 1) == [.planned])
    let third = try scene.plan(
      "example.com", "mailto:a@example.com,mailto:b@example.com", now: midnight - 1)
    #expect(third.lines == ["suppressed a@example.com", "planned b@example.com"])
    #expect(
      third.deliveries.first?.reason
        == "a@example.com gets 2 reports on 2033-05-18 already, the cap is 2")
    #expect(try states("mailto:a@example.com", now: midnight) == [.planned])
  }

  @Test("what is undecided counts for the cap, what is suppressed does not")
  func capCounts() throws {
    let scene = try scene { $0.dailyCap = 1 }
    #expect(try scene.plan("example.com", "mailto:a@example.com", aligned: 0).lines.count == 1)
    #expect(
      try scene.plan("example.com", "mailto:a@example.com").lines == ["planned a@example.com"])
    let slow = "mailto:a@slow.example.net"
    #expect(try scene.plan("example.com", slow).lines == ["deferred a@slow.example.net"])
    #expect(try scene.plan("example.com", slow).lines == ["suppressed a@slow.example.net"])
  }

  @Test("size limits hold for reports in the form of RFC 7489, as attached")
  func sizeLimit() throws {
    // 57 octets are one line of 76 characters with its line end.
    #expect([0, 1, 3, 57, 58].map(PlanDraft.attachedBytes) == [0, 6, 6, 78, 84])
    let scene = try scene { $0.format = .rfc7489 }
    let plan = try scene.plan(
      "example.com", "mailto:a@example.com!77,mailto:b@example.com!78,mailto:c@slow.example.net!1",
      bytes: [.rfc7489: 57, .rfc9990: 1])
    #expect(
      plan.lines == [
        "suppressed a@example.com", "planned b@example.com", "suppressed c@slow.example.net",
      ])
    #expect(
      plan.deliveries.first?.reason
        == "the report has 78 octets as attached, a@example.com takes 77")
    #expect(
      try self.scene().plan("example.com", "mailto:a@example.com!1", bytes: [.rfc9990: 57]).lines
        == ["planned a@example.com"])
  }

  @Test("the host decides about the form")
  func form() throws {
    let scene = try scene {
      $0.formats = [
        domain("example.net"): .rfc7489, domain("yes.example.net"): .rfc9990,
        domain("ample.com"): .rfc7489,
      ]
    }
    let plan = try scene.plan(
      "example.com", "mailto:a@example.com,mailto:b@yes.example.net,mailto:n@new.example.net")
    #expect(plan.deliveries.map(\.format) == ["rfc9990", "rfc9990", "rfc7489"])
    let uris = ReportURIList("mailto:a@example.com,mailto:n@new.example.net").uris
    #expect(scene.settings.formats(for: uris) == [.rfc9990, .rfc7489])
    #expect(scene.settings.formats(for: Array(uris.prefix(1))) == [.rfc9990])
  }

  // MARK: - The same again

  @Test("the same reports and ledger give the same plan")
  func deterministic() throws {
    let rua = "mailto:c@no.example.net,mailto:x@new.example.net,mailto:a@example.com,zzz"
    let plans = try (0..<5).map { _ in try scene().plan("example.com", rua) }
    #expect(plans.allSatisfy { $0 == plans[0] })
  }

  @Test("tokens cannot be guessed, and survive a change of case")
  func tokens() {
    let tokens = (0..<100).map { _ in ReportPlanner.randomToken() }
    #expect(Set(tokens).count == 100)
    #expect(tokens.allSatisfy { $0.utf8.count == 26 && $0 == $0.lowercased() })
  }

  @Test("questions to the DNS are begun ahead")
  func ahead() throws {
    let scene = try scene()
    try scene.plan(
      "example.com", "mailto:b@yes.example.net,mailto:a@example.com,mailto:r@rep.example.com")
    #expect(
      Set(scene.resolver.prefetched).isSuperset(of: [
        "example.com._report._dmarc.yes.example.net", "_dmarc.example.com",
      ]))
  }

  @Test("failure reports have no form, and do not depend on aligned passes")
  func failureReport() throws {
    let plan = try scene().plan("example.com", "mailto:a@example.com", aligned: 0, tag: .ruf)
    #expect(plan.lines == ["planned a@example.com"])
    #expect(plan.deliveries.map(\.format) == [""])
  }
}

@Suite struct ReverificationTests {
  private static let name = "example.com._report._dmarc.rep.example.net"
  private static let now = DestinationScene.now
  private static let report = ReportToPlan(
    reportID: "report1", policyDomain: domain("example.com"), destinations: ReportURIList(),
    alignedMessages: 1)

  /// Plans a report about whose destination the DNS does not tell, then asks again.
  private func verifyAgain(
    _ record: String, after seconds: Int64 = 60, rua: String = "mailto:a%21%25@rep.example.net",
    _ prepare: (DestinationScene) throws -> Void = { _ in }
  ) throws -> Reverification {
    var scene = try DestinationScene(zone: "\(Self.name): [TIMEOUT]")
    scene.settings.dailyCap = 1
    let plan = try scene.plan("example.com", rua)
    #expect(plan.deliveries.map(\.state).first == .deferred)
    try scene.resolver.change(zone: "\(Self.name): [\(record)]")
    try prepare(scene)
    let delivery = try #require(try scene.store.deliveries(ofReport: "report1").first)
    return try scene.planner.verifyAgain(
      delivery, of: DestinationScene.stored(Self.report, now: Self.now), fileBytes: 10,
      now: Self.now + seconds)
  }

  @Test(
    "ends as the host says now",
    arguments: [
      ("{TXT: v=DMARC1}", DeliveryState.planned, Self.now + 60), ("{TXT: no}", .suppressed, nil),
      ("SERVFAIL", .deferred, Self.now + 60 + 1_800),
    ] as [(String, DeliveryState, Int64?)])
  func decided(_ record: String, _ state: DeliveryState, _ next: Int64?) throws {
    let again = try verifyAgain(record)
    #expect(again.changed.destination == "a!%@rep.example.net")
    #expect(again.changed.state == state)
    #expect(again.changed.nextAttemptAt == next)
    #expect(again.changed.changedAt == Self.now + 60)
    #expect(again.changed.reason?.contains("rep.example.net") == true)
    #expect(again.changed.id > 0)
    #expect(again.added.isEmpty)
  }

  @Test("is given up when it stays undecided, but not when it is decided late")
  func givenUp() throws {
    let late: Int64 = 172_800
    #expect(try verifyAgain("TIMEOUT", after: late - 1).changed.state == .deferred)
    let again = try verifyAgain("TIMEOUT", after: late)
    #expect(again.changed.state == .failed)
    #expect(again.changed.nextAttemptAt == nil)
    #expect(again.changed.reason?.contains("timeout") == true)
    #expect(try verifyAgain("{TXT: v=DMARC1}", after: late).changed.state == .planned)
  }

  @Test("what the host names instead is added, unless the report goes there already")
  func override() throws {
    let record = "{TXT: 'v=DMARC1; rua=mailto:n@rep.example.net'}"
    let again = try verifyAgain(record)
    #expect(again.changed.state == .suppressed)
    #expect(again.added.map(\.destination) == ["n@rep.example.net"])
    #expect(again.added.map(\.state) == [.planned])
    #expect(again.added.map(\.id) == [0])
    let known = try verifyAgain(record, rua: "mailto:a@rep.example.net,mailto:n@rep.example.net")
    #expect(known.changed.state == .suppressed)
    #expect(known.added.isEmpty)
  }

  @Test("is held back by a suppression that came since")
  func suppressed() throws {
    let again = try verifyAgain("{TXT: v=DMARC1}") { scene in
      try scene.store.suppress(
        Suppression(
          subject: .domain("example.net"), reason: "x", origin: .manual, createdAt: 1,
          expiresAt: nil))
    }
    #expect(again.changed.state == .suppressed)
    #expect(again.changed.reason == "example.net is suppressed: x")
  }
}
