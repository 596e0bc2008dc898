import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// What reports there are, what they are called, what they count.
@Suite struct ReportBuilderTests {
  private static let begin = 1_795_132_800

  @Test func writesTheHeadOfAReport() throws {
    var scene = try ReportScene()
    scene.settings.extraContact = "https://receiver.example/dmarc?a=1&b=2"
    let policy = DMARCPolicyRecord.test(.reject) {
      $0.nonexistentSubdomainPolicy = .quarantine
      $0.dkimAlignment = .strict
      $0.failureOptions = "1:d"
      $0.isTesting = true
      $0.problems = ["sp is not a policy and was ignored", "<rf> was ignored"]
    }
    try scene.append(.test(dmarc: .test(.pass, record: policy, spfAligned: true)))

    let built = try #require(try scene.build().first)
    let report = try scene.onlyReport()

    #expect(
      report["report_metadata"]?.leaves == [
        "org_name=Receiver Example", "email=postmaster@receiver.example",
        "extra_contact_info=https://receiver.example/dmarc?a=1&b=2",
        "report_id=\(built.reportID)",
        "error=<rf> was ignored; sp is not a policy and was ignored", "generator=Plumbline 0.1",
      ])
    #expect(
      report["report_metadata/date_range"]?.leaves == ["begin=1795132800", "end=1795219199"])
    #expect(
      report["policy_published"]?.leaves == [
        "domain=example.com", "discovery_method=treewalk", "p=reject", "sp=reject",
        "np=quarantine", "fo=1:d", "adkim=s", "aspf=r", "testing=y",
      ])
    #expect(report.text("version") == "1.0")
  }

  @Test func namesTheFileAfterReceiverDomainPeriodAndID() throws {
    var scene = try ReportScene()
    try scene.append(.test())
    let built = try #require(try scene.build().first)
    let isPlain = built.reportID.utf8.allSatisfy {
      ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66)
    }
    #expect(built.reportID.utf8.count == 32 && isPlain)
    let name =
      "mx.receiver.example!example.com!1795132800!1795219199!\(built.reportID).xml.gz"
    #expect(built.path == scene.directory.path("reports") + "/" + name)
    #expect(try scene.files() == [name])
    #expect(built.policyDomain == domain("example.com"))
    #expect(built.messages == 1)
    #expect(built.rows == 1)
    #expect(built.problem == nil)
  }

  /// The hash is fixed by what goes into it; a change here changes the IDs of reports already sent.
  @Test func keepsTheReportIDOfAnEarlierVersion() throws {
    var scene = try ReportScene()
    try scene.append(.test())
    #expect(try scene.build().first?.reportID == "ca5fc2b1fea4d88520530893601f023a")
  }

  @Test func countsEqualRowsTogetherAndOrdersThem() throws {
    var scene = try ReportScene()
    func client(_ address: String) -> MessageRecord { .test(envelope: .test(client: address)) }
    try scene.append(client("2001:db8::1"), count: 2)
    try scene.append(client("192.0.2.10"), count: 3)
    try scene.append(client("192.0.2.9"), count: 4)
    var subdomain = client("192.0.2.9")
    subdomain.evaluation.authorDomain = domain("a.example.com")
    try scene.append(subdomain)
    // The same message in other words: nothing of this shows in a report.
    var other = client("192.0.2.9")
    other.host = "mx2.receiver.example"
    other.receivedAt -= 3_600
    other.envelope.helo = Array("elsewhere.example".utf8)
    other.envelope.mailFrom = Array("somebody.else@example.com".utf8)
    other.envelope.recipients = []
    other.evaluation.mailFromSPF.explanation = "in other words"
    other.evaluation.dkim[0].explanation = "in other words"
    try scene.append(other)

    let rows = try scene.onlyReport().all("record").map { record in
      let row = "\(record.text("row/count") ?? "") \(record.text("row/source_ip") ?? "")"
      return "\(row) \(record.text("identifiers/header_from") ?? "")"
    }

    #expect(
      rows == [
        "1 192.0.2.9 a.example.com", "5 192.0.2.9 example.com", "3 192.0.2.10 example.com",
        "2 2001:db8::1 example.com",
      ])
    let built = try #require(try scene.build().first)
    #expect(built.messages == 11)
    #expect(built.rows == 4)
  }

  @Test func splitsRowsByEverythingTheyShow() throws {
    var scene = try ReportScene()
    let base = MessageRecord.test(dmarc: .test(.fail), disposition: .reject)
    var variants = [base]
    func vary(_ change: (inout MessageRecord) -> Void) {
      var copy = base
      change(&copy)
      variants.append(copy)
    }
    vary { $0.envelope.clientAddress = IPAddress("192.0.2.2") ?? $0.envelope.clientAddress }
    vary {
      $0.verdict.disposition = .quarantine; $0.verdict.overrideReasons = [.init(.other)]
    }
    vary { $0.verdict.overrideReasons = [.init(.other, comment: "a")] }
    vary { $0.verdict.overrideReasons = [.init(.other, comment: "a"), .init(.mailingList)] }
    vary { $0.evaluation.dmarc.dkimAligned = true }
    vary { $0.evaluation.dmarc.spfAligned = true }
    vary { $0.evaluation.authorDomain = domain("a.example.com") }
    vary { $0.envelope.mailFrom = Array("a@b.example".utf8) }
    vary { $0.envelope.mailFrom = [] }
    vary { $0.evaluation.mailFromSPF.domain = "b.example" }
    vary { $0.evaluation.mailFromSPF.result = .neutral }
    vary { $0.evaluation.dkim[0].domain = "b.example" }
    vary { $0.evaluation.dkim[0].selector = "s2" }
    vary { $0.evaluation.dkim[0].result = .fail }
    vary {
      $0.evaluation.dkim[0].result = .fail; $0.evaluation.dkim[0].cause = .noKey
    }
    vary { $0.evaluation.dkim.append($0.evaluation.dkim[0]) }
    vary { $0.evaluation.dkim = [] }
    for variant in variants { try scene.append(variant, count: 2) }

    let built = try #require(try scene.build().first)

    #expect(built.problem == nil)
    #expect(built.rows == variants.count)
    #expect(built.messages == 2 * variants.count)
  }

  @Test func makesAReportPerDomainAndPolicy() throws {
    var scene = try ReportScene()
    try scene.append(.test(), count: 2)
    try scene.append(.test(dmarc: .test(.pass, record: .test(.none), spfAligned: true)), count: 3)
    try scene.append(.test(dmarc: .test(.pass, discovery: .psl, spfAligned: true)), count: 4)
    try scene.append(
      .test(dmarc: .test(.pass, policyDomain: "bank.example", spfAligned: true)), count: 5)
    // Another text of the same policy: what differs does not show in a report.
    var other = MessageRecord.test()
    other.evaluation.dmarc.recordText = "v=DMARC1;p=reject;rua=mailto:b@example.com"
    other.evaluation.dmarc.record?.aggregateReportURIs = ["mailto:b@example.com"]
    other.evaluation.dmarc.record?.subdomainPolicy = .reject
    try scene.append(other, count: 6)
    try scene.append(.test(authorDomain: "nodmarc.example", dmarc: .testWithoutRecord))
    try scene.append(.test(authorDomain: nil, dmarc: .test(.permerror, .noFrom)))

    let built = try scene.build()

    #expect(built.map(\.problem) == [nil, nil, nil, nil])
    #expect(
      built.map(\.policyDomain.text)
        == ["bank.example", "example.com", "example.com", "example.com"])
    #expect(built.map(\.messages) == [5, 4, 3, 8])
    #expect(Set(built.map(\.reportID)).count == 4)
    let published = try built.map { report in
      let tree = try XMLTree.read(try #require(report.path))
      return ["discovery_method", "p"].map { tree.text("policy_published/\($0)") ?? "" }
    }
    #expect(
      published == [
        ["treewalk", "reject"], ["psl", "reject"], ["treewalk", "none"],
        ["treewalk", "reject"],
      ])
    #expect(try scene.files().count == 4)
  }

  @Test func reportsASubdomainUnderTheRecordThatApplied() throws {
    var scene = try ReportScene()
    try scene.append(.test(authorDomain: "foo.example.com"))
    try scene.append(.test())
    let report = try scene.onlyReport()
    #expect(report.text("policy_published/domain") == "example.com")
    #expect(
      report.all("record").map { $0.text("identifiers/header_from") }
        == ["example.com", "foo.example.com"])
  }

  @Test func countsOnlyTheMessagesOfTheDay() throws {
    var scene = try ReportScene()
    for offset in [-1, 0, 86_399, 86_400] {
      try scene.append(.test(at: Int64(Self.begin + offset)))
    }
    #expect(try scene.build().map(\.messages) == [2])
  }

  @Test func buildsOnlyTheDomainAskedFor() throws {
    var scene = try ReportScene()
    try scene.append(.test())
    try scene.append(.test(dmarc: .test(.pass, policyDomain: "bank.example", spfAligned: true)))
    let built = try scene.build(domain: domain("bank.example"))
    #expect(built.map(\.policyDomain.text) == ["bank.example"])
    #expect(built.map(\.problem) == [nil])
    #expect(try scene.build(domain: domain("nobody.example")).isEmpty)
  }

  @Test func buildsTheSameBytesTwice() throws {
    var scene = try ReportScene()
    for number in 1...50 {
      try scene.append(.test(envelope: .test(client: "192.0.2.\(number * 7 % 50)")), count: 2)
    }
    let first = try #require(try scene.build(into: "first").first)
    let second = try #require(try scene.build(into: "second").first)
    #expect(first.reportID == second.reportID)
    #expect(try scene.files("first") == scene.files("second"))
    let bytes = try [first, second].map {
      try Data(contentsOf: URL(filePath: try #require($0.path)))
    }
    #expect(bytes[0] == bytes[1])
    // Gzip's header: no time, no name, no system but "Unix", which zlib writes everywhere here.
    #expect(Array(bytes[0].prefix(10)) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3])
  }

  @Test func replacesAnEarlierBuildOfTheSameReport() throws {
    var scene = try ReportScene()
    try scene.append(.test())
    let first = try scene.build()
    try scene.append(.test())
    let second = try scene.build()
    #expect(first.map(\.path) == second.map(\.path))
    #expect(second.map(\.messages) == [2])
    #expect(try scene.onlyReport().text("record/row/count") == "2")
    #expect(try scene.files().count == 1)
  }

  @Test func setsARefusedReportAsideAndGoesOn() throws {
    var scene = try ReportScene()
    let bad = DMARCPolicyRecord.test(.none) { $0.failureOptions = "x" }
    try scene.append(.test(dmarc: .test(.pass, policyDomain: "bad.example", record: bad)))
    try scene.append(.test())

    let built = try scene.build()

    try #require(built.count == 2)
    let problem = "<fo> holds an unknown option"
    #expect(built[0].problem == problem)
    #expect(built[0].policyDomain == domain("bad.example"))
    #expect(built[1].problem == nil)
    let name = try #require(built[0].path?.split(separator: "/").last.map(String.init))
    #expect(built[0].path == scene.directory.path("reports") + "/rejected/" + name)
    #expect(try scene.files("reports/rejected") == [name, name + ".txt"])
    let reason = scene.directory.path("reports") + "/rejected/" + name + ".txt"
    #expect(try String(contentsOfFile: reason, encoding: .utf8) == problem + "\n")
    #expect(try scene.files().filter { $0.hasPrefix(".") } == [])
    #expect(try scene.files().count == 2)
  }

  @Test func refusesAReportThatDoesNotCountWhatTheLedgerCounts() throws {
    let directory = try TemporaryDirectory()
    let policy = StoredPolicy(
      id: 1, policyDomain: domain("example.com"), discovery: .treewalk, record: .test(.none),
      text: nil, messages: 3, lastSeenAt: testTime)
    let settings = try ReportScene().settings
    let built = try ReportBuilder(store: LyingLedger(policy: policy), settings: settings)
      .build(
        day: ReportScene.day, ReportBuilder.Request(directories: [.rfc9990: directory.path("out")])
      ).reports
    #expect(built.map(\.problem) == ["counts 2 messages, the ledger 3"])
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.path("out"))
    #expect(files == ["rejected"])
  }

  @Test func saysWhenTheDirectoryCannotBeMade() throws {
    let scene = try ReportScene()
    try scene.directory.write("", to: "reports")
    #expect(throws: (any Error).self) { try scene.build() }
  }

  @Test(arguments: [(ReportFormat.rfc9990, ""), (.rfc7489, "-rfc7489")])
  func matchesTheGoldenReport(_ format: ReportFormat, _ ending: String) throws {
    var scene = try ReportScene()
    for sample in RowTests.results { try scene.append(sample.record, count: 2) }
    for (number, report) in try scene.build(as: format).enumerated() {
      let text = String(decoding: try uncompressed(try #require(report.path)), as: UTF8.self)
      try expectGolden(text, "report-\(number + 1)\(ending).xml")
    }
    let file = try #require(scene.files().first)
    let schema = try ReportSchema(format)
    let findings = try schema.findings(inFile: scene.directory.path("reports") + "/" + file)
    #expect(findings.problems == [])
  }
}

/// A ledger that says of a policy that it has three messages, and then gives two.
private struct LyingLedger: LedgerStore, LedgerSnapshot {
  let policy: StoredPolicy

  func append(_ record: MessageRecord, meanwhile work: () -> Void) throws(LedgerError) { work() }

  func read<Result>(_ body: (any LedgerSnapshot) throws -> Result) throws -> Result {
    try body(self)
  }

  func messages(in window: Range<Int64>, _ body: (StoredMessage) throws -> Void) throws {}

  func messages(queueID: String, _ body: (StoredMessage) throws -> Void) throws {}

  func capture(ofMessage id: Int64) throws -> MessageCapture? { nil }

  func members(of window: ReportWindow) throws -> WindowMembers {
    WindowMembers(period: window.period)
  }

  func policies(of members: WindowMembers, policyDomain: DomainName?) throws -> [StoredPolicy] {
    [policy]
  }

  func reportableMessages(
    ofPolicies policyIDs: [Int64], of members: WindowMembers,
    _ body: (ReportableMessage) throws -> Void
  ) throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    for id in ["A", "B"] {
      try store.append(.test(queueID: id, dmarc: .test(.pass, record: .test(.none))))
    }
    try store.read { ledger in
      try ledger.reportableMessages(ofPolicies: [1], of: members, body)
    }
  }
}

/// Compares with a file in `Golden`; `PLUMBLINE_UPDATE_GOLDEN=1` writes it instead.
private func expectGolden(
  _ text: String, _ name: String, location: SourceLocation = #_sourceLocation
) throws {
  let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
  if ProcessInfo.processInfo.environment["PLUMBLINE_UPDATE_GOLDEN"] == "1" {
    try Data(text.utf8).write(to: url)
  }
  let golden = try String(contentsOf: url, encoding: .utf8)
  #expect(text == golden, "differs from \(url.path)", sourceLocation: location)
}
