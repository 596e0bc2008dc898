import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

/// From incidents that wait to reports and deliveries (RFC 9991).
@Suite struct FailureReportTests {
  private static let now = DestinationScene.now

  private func lines(_ mail: String) -> [String] {
    // "\r\n" is one character.
    mail.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test func hasTheFieldsOfTheTable() throws {
    var scene = try FailureScene()
    try scene.receive()
    #expect(try scene.run().reports == 1)
    let mail = lines(try scene.mail())
    let redactor = try FailureScene.redactor()
    let sender = redactor.word(Array("sender".utf8))
    let start = try #require(mail.firstIndex(of: "Feedback-Type: auth-failure"))
    let end = try #require(mail[start...].firstIndex(of: ""))
    #expect(
      Array(mail[start..<end]) == [
        "Feedback-Type: auth-failure", "User-Agent: Plumbline/0.1", "Version: 1",
        "Auth-Failure: dmarc", "Authentication-Results: mx.receiver.example;",
        "\tdmarc=fail header.from=example.com", "Identity-Alignment: dkim, spf",
        "Reported-Domain: example.com", "Original-Mail-From: <\(sender)@example.com>",
        "Source-IP: 192.0.2.1", "Arrival-Date: Wed, 18 May 2033 03:33:20 +0000",
        "Reporting-MTA: dns; mx.receiver.example", "Incidents: 1", "Delivery-Result: reject",
        "DKIM-Domain: example.com", "DKIM-Identity: @example.com", "DKIM-Selector: s1",
        "SPF-DNS: txt : example.com :", "\t\"v=spf1 include:_spf.example.com -all\"",
        "SPF-DNS: txt : _spf.example.com :", "\t\"v=spf1 exp=\\\"\\\\x -all\"",
      ])
    let header = try #require(mail.firstIndex(of: "From: Receiver <dmarc@receiver.example>"))
    #expect(header == 0)
    #expect(mail.contains("Auto-Submitted: auto-generated"))
    let subject = redactor.word(Array("Lunch".utf8))
    #expect(mail.contains("Subject: FW: [redacted \(subject)]"))
    #expect(mail.contains("Subject: [redacted \(subject)]"))
    #expect(!mail.contains("Hello."))
  }

  @Test(arguments: [
    (
      "d", DKIMCause.bodyHashMismatch, "bodyhash",
      "dkim=fail header.d=example.com header.s=s1"
    ),
    ("d", .signatureMismatch, "signature", "dkim=fail header.d=example.com header.s=s1"),
    ("d", .keyRevoked, "revoked", "dkim=fail header.d=example.com header.s=s1"),
    ("s", .bodyHashMismatch, "spf", "spf=fail smtp.mailfrom=example.com"),
  ])
  func namesTheMechanismThatFailed(
    fo: String, cause: DKIMCause, failure: String, result: String
  ) throws {
    var scene = try FailureScene()
    try scene.receive(
      FailureScene.evaluation(fo: fo, dkim: [.test(.pass, isAligned: false), .test(.fail, cause)]))
    _ = try scene.run()
    let mail = lines(try scene.mail())
    #expect(mail.contains("Auth-Failure: \(failure)"))
    #expect(mail.contains("\t\(result)"))
  }

  @Test func alikeIncidentsGoIntoOneReport() throws {
    var scene = try FailureScene()
    for offset in 0..<3 { try scene.receive(at: Self.now - 10 + Int64(offset)) }
    let summary = try scene.run()
    #expect(summary.reports == 1)
    #expect(summary.reported == 3)
    let report = try #require(try scene.reports().first)
    #expect(report.messages == 3)
    #expect(report.period == Self.now - 10..<Self.now - 7)
    #expect(try scene.mail().contains("Incidents: 3\r\n"))
  }

  @Test func differentOnesDoNot() throws {
    var scene = try FailureScene()
    try scene.receive()
    try scene.receive(client: "192.0.2.2")
    try scene.receive(FailureScene.evaluation(dkim: []))
    try scene.receive(FailureScene.evaluation(policyDomain: "other.example"))
    #expect(try scene.run().reports == 4)
    #expect(Set(try scene.reports().map(\.reportID)).count == 4)
  }

  @Test func theLimitOfADomainDropsTheRestAndSaysWhy() throws {
    var scene = try FailureScene()
    scene.settings.perDomainHour = 2
    for number in 1...4 { try scene.receive(client: "192.0.2.\(number)") }
    // The most frequent failure goes first.
    try scene.receive(client: "192.0.2.4")
    try scene.receive(FailureScene.evaluation(policyDomain: "other.example"))
    let limit = "limit: 2 failure reports an hour about one domain"
    #expect(try scene.run().dropped == [limit: 2])
    #expect(try scene.reports().map(\.messages).sorted() == [1, 1, 2])
    #expect(try scene.store.droppedIncidents() == [limit: 2])

    try scene.receive(at: Self.now + 1800)
    #expect(try scene.run(now: Self.now + 1800).reports == 0)
    try scene.receive(at: Self.now + 3600)
    #expect(try scene.run(now: Self.now + 3600).reports == 1)
  }

  @Test func whatWaitedTooLongIsDropped() throws {
    var scene = try FailureScene()
    try scene.receive(at: Self.now - 86_401)
    let summary = try scene.run()
    #expect(summary.dropped == ["it waited too long for a run": 1])
    #expect(try scene.reports().isEmpty)
  }

  @Test func everyIncidentIsReportedOnceAndItsDetailsErased() throws {
    var scene = try FailureScene()
    try scene.receive()
    #expect(try scene.run().reports == 1)
    #expect(try scene.run() == FailureReportSummary())
    #expect(try scene.store.waitingIncidents(limit: 10).isEmpty)
  }

  /// The process that ends between two steps: there is one step.
  @Test func marksAndReportTogetherOrNotAtAll() throws {
    var scene = try FailureScene()
    try scene.receive()
    try scene.receive()
    let numbers = try scene.store.waitingIncidents(limit: 10).map(\.messageID)
    try scene.store.drop([numbers[1]], reason: "another process")
    let report = StoredReport(
      kind: .failure, reportID: "r1", policyDomain: domain("example.com"),
      period: 0..<1, fileName: "", messages: 2, builtAt: Self.now)
    #expect(try !scene.store.keep(report, [], of: numbers))
    #expect(try scene.reports().isEmpty)
    #expect(try scene.store.waitingIncidents(limit: 10).map(\.messageID) == [numbers[0]])
    // A report that is there already changes nothing either.
    #expect(try scene.store.keep(report, [], of: []))
    #expect(try !scene.store.keep(report, [], of: [numbers[0]]))
    #expect(try scene.store.waitingIncidents(limit: 10).count == 1)
  }

  @Test func aDryRunChangesNothing() throws {
    var scene = try FailureScene()
    scene.settings.perDomainHour = 1
    try scene.receive()
    try scene.receive(client: "192.0.2.2")
    let summary = try scene.run(isDryRun: true)
    #expect(summary.reports == 1)
    #expect(summary.dropped.values.reduce(0, +) == 1)
    #expect(try scene.reports().isEmpty)
    #expect(try scene.store.waitingIncidents(limit: 10).count == 2)
  }

  // MARK: - Destinations

  @Test func everyURIGetsIt() throws {
    var scene = try FailureScene()
    try scene.receive(
      FailureScene.evaluation(
        ruf: ["mailto:a@example.com", "mailto:b@example.com", "https://example.com/ruf"]))
    #expect(try scene.run().deliveries == 2)
    let deliveries = try scene.deliveries()
    #expect(deliveries[0].hasPrefix("planned a@example.com: "))
    #expect(deliveries[1].hasPrefix("planned b@example.com: "))
    #expect(deliveries[2].hasPrefix("suppressed https://example.com/ruf: not used: "))
  }

  @Test func anExternalDestinationHasToAgreeForRuf() throws {
    var scene = try FailureScene(
      zone: FailureScene.zone + """

        yes.example: []
        no.example: []
        example.com._report._dmarc.yes.example: [{TXT: "v=DMARC1; ruf=mailto:in@yes.example"}]
        """)
    try scene.receive(
      FailureScene.evaluation(ruf: ["mailto:x@no.example", "mailto:x@yes.example"]))
    _ = try scene.run()
    let deliveries = try scene.deliveries()
    #expect(deliveries[0].hasPrefix("suppressed x@no.example: no.example did not agree"))
    #expect(deliveries[1].hasPrefix("suppressed x@yes.example: "))
    #expect(deliveries[2].hasPrefix("planned in@yes.example: yes.example takes the reports"))
  }

  @Test func dnsTroubleIsNoConsentAndNoRefusal() throws {
    var scene = try FailureScene(
      zone: FailureScene.zone + """

        slow.example: []
        example.com._report._dmarc.slow.example: [TIMEOUT]
        """)
    try scene.receive(FailureScene.evaluation(ruf: ["mailto:x@slow.example"]))
    #expect(try scene.run().deliveries == 1)
    let delivery = try #require(
      try scene.reports().first.flatMap { try scene.store.deliveries(ofReport: $0.reportID).first })
    #expect(delivery.state == .deferred)
    #expect((delivery.nextAttemptAt ?? 0) > Self.now)
  }

  @Test func suppressedDomainsGetNone() throws {
    var scene = try FailureScene()
    try scene.store.suppress(
      Suppression(
        subject: .domain("example.com"), reason: "asked not to", origin: .manual, createdAt: 0,
        expiresAt: nil))
    try scene.receive()
    #expect(try scene.run().deliveries == 0)
    #expect(try scene.deliveries()[0].hasPrefix("suppressed ruf@example.com: "))
  }

  // MARK: - Loops

  private static let reportSigns = [
    HeaderField("Auto-Submitted", " auto-generated"),
    HeaderField("Auto-Submitted", " auto-replied (vacation)"),
    HeaderField("Content-Type", " multipart/report; report-type=feedback-report; boundary=x"),
    HeaderField("content-type", " Multipart/Report;\r\n\treport-type=delivery-status"),
    HeaderField("Content-Type", " message/feedback-report"),
    HeaderField("Subject", " Report Domain: example.com Submitter: mx.example"),
  ]

  @Test(arguments: reportSigns.indices) func neverReportsOnReports(index: Int) throws {
    let header = [HeaderField].test() + [Self.reportSigns[index]]
    #expect(try FailureScene.incident(header: header) == nil)
  }

  @Test func ordinaryMailIsNoReport() throws {
    let header =
      [HeaderField].test() + [
        HeaderField("Auto-Submitted", " no"), HeaderField("Content-Type", " text/plain"),
      ]
    #expect(try FailureScene.incident(header: header) != nil)
  }

  @Test(arguments: [
    ("", "user@receiver.example"), ("dmarc@receiver.example", "user@receiver.example"),
    ("a@example.com", "DMARC@receiver.example"),
    ("a@example.com", "dmarc-bounce+abc123@Receiver.Example"),
  ])
  func neverAboutMailFromOrToOurReportAddresses(from: String, to: String) throws {
    let envelope = Envelope.test(mailFrom: from, recipients: ["user@receiver.example", to])
    #expect(try FailureScene.incident(envelope: envelope) == nil)
  }

  @Test func aMessageThatComesAgainIsNotReportedEachTime() throws {
    let verdict = Verdict(
      disposition: .none, overrideReasons: [], authenticationResults: "",
      answer: .tempfail(SMTPReply(code: "451", enhancedCode: "4.7.1", text: "later")))
    #expect(try FailureScene.incident(verdict: verdict) == nil)
  }
}
