import TestSupport
import Testing

@testable import MailAuth

/// When a record asks for a failure report (RFC 9989 section 4.7, RFC 9991 section 2).
@Suite struct FailureReportRequestTests {
  @Test(
    arguments: [
      ("0", .noAlignedPass, false, false), ("1", .anyWithoutAlignedPass, false, false),
      ("d", nil, true, false), ("s", nil, false, true), ("d:s", nil, true, true),
      (" 1 : D ", .anyWithoutAlignedPass, true, false),
      ("s:1:d", .anyWithoutAlignedPass, true, true),
      ("0:1", .noAlignedPass, false, false), ("x", .noAlignedPass, false, false),
      ("1:x", .anyWithoutAlignedPass, false, false), ("", .noAlignedPass, false, false),
    ] as [(String, FailureOptions.Condition?, Bool, Bool)])
  func readsOptions(
    text: String, dmarc: FailureOptions.Condition?, dkim: Bool, spf: Bool
  ) {
    let options = FailureOptions(text)
    #expect(options.dmarc == dmarc)
    #expect(options.wantsDKIM == dkim)
    #expect(options.wantsSPF == spf)
  }

  private func evaluation(
    fo: String = "0", spf: SPFOutcome = .test(.pass), dkim: [DKIMOutcome] = [.test(.pass)],
    result: DMARCResult? = nil, configure: (inout DMARCPolicyRecord) -> Void = { _ in }
  ) -> Evaluation {
    let record = DMARCPolicyRecord.test(.reject) {
      $0.failureReportURIs = ["mailto:ruf@example.com"]
      $0.failureOptions = fo
      configure(&$0)
    }
    let spfAligned = spf.result == .pass && spf.alignment?.isAligned == true
    let dkimAligned = dkim.contains { $0.result == .pass && $0.alignment?.isAligned == true }
    return Evaluation(
      authorDomain: domain("example.com"), mailFromSPF: spf,
      heloSPF: .test(.none, .noRecord, identity: .helo), dkim: dkim,
      dmarc: .test(
        result ?? (spfAligned || dkimAligned ? .pass : .fail), record: record,
        spfAligned: spfAligned, dkimAligned: dkimAligned), dns: [])
  }

  private struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var spf: SPFOutcome
    var dkim: [DKIMOutcome]
    /// For fo=0, 1, d, s.
    var kinds: [FailureReportKind?]
    var failed: [AuthenticationMechanism]
    var testDescription: String { name }
  }

  private static let cases = [
    Case(
      name: "both aligned", spf: .test(.pass), dkim: [.test(.pass)], kinds: [nil, nil, nil, nil],
      failed: []),
    Case(
      name: "only DKIM aligned, SPF of a stranger", spf: .test(.pass, isAligned: false),
      dkim: [.test(.pass)], kinds: [nil, .dmarc, nil, nil], failed: [.spf]),
    Case(
      name: "unsigned", spf: .test(.pass), dkim: [], kinds: [nil, .dmarc, nil, nil],
      failed: [.dkim]),
    Case(
      name: "both fail", spf: .test(.fail), dkim: [.test(.fail, .bodyHashMismatch)],
      kinds: [.dmarc, .dmarc, .dkim, .spf], failed: [.dkim, .spf]),
    Case(
      name: "a second signature fails", spf: .test(.softfail),
      dkim: [.test(.pass), .test(.fail, .signatureMismatch, isAligned: false)],
      kinds: [nil, .dmarc, .dkim, .spf], failed: [.spf]),
    Case(
      name: "nothing to fail", spf: .test(.none, .noRecord), dkim: [],
      kinds: [.dmarc, .dmarc, nil, nil], failed: [.dkim, .spf]),
    Case(
      name: "SPF temperror, DKIM passes", spf: .test(.temperror, .dnsTimeout),
      dkim: [.test(.pass)], kinds: [nil, nil, nil, nil], failed: []),
    Case(
      name: "SPF temperror of a stranger, DKIM passes",
      spf: .test(.temperror, .dnsTimeout, isAligned: false), dkim: [.test(.pass)],
      kinds: [nil, .dmarc, nil, nil], failed: [.spf]),
    Case(
      name: "not evaluated", spf: .test(.pass),
      dkim: [.test(.pass), .test(.permerror, .internalError), .test(.policy, .bodyLengthLimit)],
      kinds: [nil, nil, nil, nil], failed: []),
    Case(
      name: "no key, unreadable SPF", spf: .test(.permerror, .recordSyntax),
      dkim: [.test(.permerror, .noKey)], kinds: [.dmarc, .dmarc, .dkim, .spf],
      failed: [.dkim, .spf]),
  ]

  @Test(arguments: cases.indices) func followsTheTable(index: Int) {
    let row = Self.cases[index]
    for (fo, kind) in zip(["0", "1", "d", "s"], row.kinds) {
      let request = FailureReportRequest(evaluation(fo: fo, spf: row.spf, dkim: row.dkim))
      #expect(request?.kind == kind, "\(row.name), fo=\(fo)")
      if let request { #expect(request.failedMechanisms == row.failed, "\(row.name)") }
    }
  }

  @Test func dmarcGoesBeforeDKIMAndSPF() {
    let failing = (spf: SPFOutcome.test(.fail), dkim: [DKIMOutcome.test(.fail)])
    for (fo, kind) in [("0:d:s", .dmarc), ("s:d", .dkim), ("1:s", .dmarc)]
      as [(String, FailureReportKind)]
    {
      let request = FailureReportRequest(evaluation(fo: fo, spf: failing.spf, dkim: failing.dkim))
      #expect(request?.kind == kind)
    }
  }

  @Test func neverForAPublicSuffix() {
    let failing = [DKIMOutcome.test(.fail)]
    let asked = evaluation(spf: .test(.fail), dkim: failing) { $0.isPublicSuffix = false }
    #expect(FailureReportRequest(asked) != nil)
    let suffix = evaluation(spf: .test(.fail), dkim: failing) { $0.isPublicSuffix = true }
    #expect(FailureReportRequest(suffix) == nil)
  }

  @Test(arguments: [DMARCResult.temperror, .permerror, .none])
  func neverWithoutAVerdict(result: DMARCResult) {
    let request = FailureReportRequest(
      evaluation(fo: "1:d:s", spf: .test(.fail), dkim: [.test(.fail)], result: result))
    #expect(request == nil)
  }

  @Test func neverWithoutADestination() {
    let record = evaluation(spf: .test(.fail), dkim: []) { $0.failureReportURIs = [] }
    #expect(FailureReportRequest(record) == nil)
  }

  @Test func testingModeChangesNothing() {
    let record = evaluation(spf: .test(.fail), dkim: []) { $0.isTesting = true }
    #expect(FailureReportRequest(record)?.kind == .dmarc)
  }

  @Test func keepsTheSPFRecordsThatWereUsed() throws {
    let evaluator = try Evaluator.test(
      zone: """
        example.com: [{TXT: "v=spf1 include:other.example exp=why.example.com -all"}, {TXT: "x"}]
        other.example: [{TXT: "v=spf1 ip4:198.51.100.1 -all"}]
        why.example.com: [{TXT: "not you"}]
        """)
    let evaluation = evaluator.begin(.test(), now: testTime)
    _ = evaluation.finish()
    #expect(
      evaluation.mailFromSPFRecords == [
        PublishedSPFRecord(
          domain: "example.com", text: "v=spf1 include:other.example exp=why.example.com -all"),
        PublishedSPFRecord(domain: "other.example", text: "v=spf1 ip4:198.51.100.1 -all"),
      ])
  }
}
