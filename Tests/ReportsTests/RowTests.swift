import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

/// Which row a message becomes, seen in the XML.
@Suite struct RowTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let record: MessageRecord
    let lines: [String]
    var testDescription: String { name }
  }

  private static let reject = DMARCPolicyRecord.test(.reject)
  private static let none = DMARCPolicyRecord.test(.none)
  private static let testing = DMARCPolicyRecord.test(.reject) { $0.isTesting = true }
  private static let identifiers = "header_from=example.com envelope_from=example.com"
  private static let spfPass = "spf domain=example.com scope=mfrom result=pass"
  private static let dkimPass = "dkim domain=example.com selector=s1 result=pass"
  private static let unaligned = MessageRecord.test(
    spf: .test(.pass, domain: "esp.example", isAligned: false), dkim: [],
    dmarc: .test(.fail, .passedNotAligned))

  private static func failing(
    _ record: DMARCPolicyRecord, applied: DomainOwnerPolicy, _ disposition: Disposition,
    _ reasons: [OverrideReason] = []
  ) -> MessageRecord {
    .test(
      spf: .test(.fail), dkim: [],
      dmarc: .test(.fail, .alignedNotPassed, record: record, applied: applied),
      disposition: disposition, reasons: reasons)
  }

  private static func failingLines(_ evaluated: String, _ reasons: [String] = []) -> [String] {
    ["1 x 192.0.2.1", "\(evaluated) dkim=fail spf=fail"] + reasons
      + [identifiers, "spf domain=example.com scope=mfrom result=fail"]
  }

  private static func temperrorLines(_ comment: String) -> [String] {
    [
      "1 x 192.0.2.1", "disposition=none dkim=fail spf=fail",
      "reason type=other comment=DMARC temperror: \(comment)", identifiers, spfPass,
    ]
  }

  static let results = [
    Case(
      name: "pass under an enforcing policy", record: .test(),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass", identifiers, dkimPass, spfPass,
      ]),
    Case(
      name: "pass under p=none",
      record: .test(dmarc: .test(.pass, record: none, dkimAligned: true)),
      lines: [
        "1 x 192.0.2.1", "disposition=none dkim=pass spf=fail", identifiers, dkimPass, spfPass,
      ]),
    Case(
      name: "pass where sp=none applies",
      record: .test(
        authorDomain: "sub.example.com",
        dmarc: .test(
          .pass, record: .test(.reject) { $0.subdomainPolicy = DomainOwnerPolicy.none },
          applied: DomainOwnerPolicy.none, spfAligned: true)),
      lines: [
        "1 x 192.0.2.1", "disposition=none dkim=fail spf=pass",
        "header_from=sub.example.com envelope_from=example.com", dkimPass, spfPass,
      ]),
    Case(
      name: "fail, quarantined as asked",
      record: failing(.test(.quarantine), applied: .quarantine, .quarantine),
      lines: failingLines("disposition=quarantine")),
    Case(
      name: "fail, rejected as asked", record: failing(reject, applied: .reject, .reject),
      lines: failingLines("disposition=reject")),
    Case(
      name: "fail, not acted upon, with the reasons recorded",
      record: failing(
        reject, applied: .reject, .none,
        [OverrideReason(.mailingList), OverrideReason(.localPolicy, comment: "monitoring only")]),
      lines: failingLines(
        "disposition=none",
        ["reason type=mailing_list", "reason type=local_policy comment=monitoring only"])),
    Case(
      name: "fail, not acted upon, no reason recorded",
      record: failing(reject, applied: .reject, .none),
      lines: failingLines(
        "disposition=none", ["reason type=other comment=no reason was recorded"])),
    Case(
      name: "fail under t=y", record: failing(testing, applied: .quarantine, .quarantine),
      lines: failingLines("disposition=quarantine", ["reason type=policy_test_mode"])),
    Case(
      name: "fail under p=none", record: failing(none, applied: .none, .none),
      lines: failingLines("disposition=none")),
    Case(
      name: "SPF of another organization",
      record: {
        var record = unaligned
        record.verdict.disposition = .reject
        return record
      }(),
      lines: [
        "1 x 192.0.2.1", "disposition=reject dkim=fail spf=fail", identifiers,
        "spf domain=esp.example scope=mfrom result=pass",
      ]),
    Case(
      name: "forwarded: softfail and DKIM pass",
      record: .test(spf: .test(.softfail), dmarc: .test(.pass, dkimAligned: true)),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=fail", identifiers, dkimPass,
        "spf domain=example.com scope=mfrom result=softfail",
      ]),
    Case(
      name: "DMARC temperror",
      record: .test(
        spf: .test(.temperror, .dnsTimeout), dkim: [.test(.temperror, .dnsServfail)],
        dmarc: .test(.temperror, .identifierTemperror)),
      lines: [
        "1 x 192.0.2.1", "disposition=none dkim=fail spf=fail",
        "reason type=other comment=DMARC temperror: an SPF or DKIM lookup did not complete",
        identifiers,
        "dkim domain=example.com selector=s1 result=temperror "
          + "human_result=DNS server failure for the key",
        "spf domain=example.com scope=mfrom result=temperror human_result=DNS timeout",
      ]),
    Case(
      name: "permerror of both identifiers",
      record: .test(
        spf: .test(.permerror, .tooManyLookups), dkim: [.test(.permerror, .noKey)],
        dmarc: .test(.fail, .alignedNotPassed, record: none)),
      lines: [
        "1 x 192.0.2.1", "disposition=none dkim=fail spf=fail", identifiers,
        "dkim domain=example.com selector=s1 result=permerror human_result=no key record",
        "spf domain=example.com scope=mfrom result=permerror human_result=too many DNS lookups",
      ]),
  ]

  static let recordedErrors = [
    Case(
      name: "DMARC temperror as the policy records it",
      record: .test(
        dkim: [], dmarc: .test(.temperror, .policyTimeout), reasons: [.temporaryError]),
      lines: temperrorLines("the policy lookup did not complete")),
    Case(
      name: "DMARC temperror, deferred",
      record: .test(dkim: [], dmarc: .test(.temperror, .policyTimeout), reasons: [.deferred]),
      lines: temperrorLines("the policy lookup did not complete; delivery was deferred")),
  ]

  static let identities = [
    Case(
      name: "null reverse-path",
      record: .test(
        envelope: .test(mailFrom: ""), spf: .test(.pass, domain: "mail.example.com"), dkim: []),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass",
        "header_from=example.com envelope_from=",
        "spf domain=mail.example.com scope=mfrom result=pass",
      ]),
    Case(
      name: "reverse-path without a domain",
      record: .test(
        envelope: .test(mailFrom: "root"), spf: .test(.none, .invalidDomain, domain: "root"),
        dkim: []),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass", "header_from=example.com",
        "spf domain=root scope=mfrom result=none human_result=not a domain name that can be checked",
      ]),
    Case(
      name: "no name to check at all",
      record: .test(
        envelope: .test(helo: "", mailFrom: ""), spf: .test(.none, .invalidDomain, domain: ""),
        dkim: []),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass",
        "header_from=example.com envelope_from=",
      ]),
    Case(
      name: "IPv6 client, IPv4 in disguise",
      record: .test(envelope: .test(client: "::ffff:192.0.2.7"), dkim: []),
      lines: ["1 x 192.0.2.7", "disposition=pass dkim=pass spf=pass", identifiers, spfPass]),
    Case(
      name: "bare U-labels",
      record: .test(
        envelope: .test(mailFrom: "a@bücher.example"),
        spf: .test(.pass, domain: "Bücher.example"),
        dkim: [.test(.pass, domain: "BÜCHER.example", selector: "schlüssel", isAligned: false)]),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass",
        "header_from=example.com envelope_from=xn--bcher-kva.example",
        "dkim domain=xn--bcher-kva.example selector=xn--schlssel-95a result=pass",
        "spf domain=xn--bcher-kva.example scope=mfrom result=pass",
      ]),
    Case(
      name: "markup and control characters",
      record: .test(
        envelope: .test(mailFrom: "a@x]]>&amp;.example"),
        spf: .test(.none, .invalidDomain, domain: "x]]>&amp;.example"),
        dkim: [
          .test(
            .permerror, .noKey, domain: "<!--\u{1}", selector: "Sel</selector>\u{8}\r\n\"&lt;")
        ],
        reasons: [OverrideReason(.other, comment: "a <b>\u{0}\u{B}\t\u{FFFE}ü")]),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass",
        "reason type=other comment=a <b>\\x00\\x0B\\x09\\u{FFFE}ü",
        "header_from=example.com envelope_from=x]]>&amp;.example",
        "dkim domain=<!--\\x01 selector=Sel</selector>\\x08\\x0d\\x0a\"&lt; result=permerror "
          + "human_result=no key record",
        "spf domain=x]]>&amp;.example scope=mfrom result=none "
          + "human_result=not a domain name that can be checked",
      ]),
    Case(
      name: "signatures by preference, broken ones left out",
      record: .test(
        authorDomain: "mail.example.com",
        dkim: [
          .test(.fail, .bodyHashMismatch, domain: "example.com", selector: "broken"),
          .test(.neutral, .signatureSyntax, domain: "", selector: "nodomain", isAligned: nil),
          .test(.neutral, .signatureSyntax, domain: "example.com", selector: "", isAligned: nil),
          .test(.pass, domain: "esp.example", selector: "other", isAligned: false),
          .test(.pass, domain: "example.com", selector: "relaxed"),
          .test(.pass, domain: "mail.example.com", selector: "strict"),
          .test(.pass, domain: "example.com", selector: "relaxed2"),
        ]),
      lines: [
        "1 x 192.0.2.1", "disposition=pass dkim=pass spf=pass",
        "header_from=mail.example.com envelope_from=example.com",
        "dkim domain=mail.example.com selector=strict result=pass",
        "dkim domain=example.com selector=relaxed result=pass",
        "dkim domain=example.com selector=relaxed2 result=pass",
        "dkim domain=esp.example selector=other result=pass",
        "dkim domain=example.com selector=broken result=fail human_result=body hash mismatch",
        spfPass,
      ]),
  ]

  @Test(arguments: results + identities + recordedErrors)
  func showsAMessageAsItsRow(_ expected: Case) throws {
    var scene = try ReportScene()
    try scene.append(expected.record)
    #expect(try scene.records() == [expected.lines])
  }

  @Test func showsAtMostAHundredSignaturesTheBestFirst() throws {
    var scene = try ReportScene()
    let failing = (0..<119).map { DKIMOutcome.test(.fail, .signatureMismatch, selector: "f\($0)") }
    try scene.append(.test(dkim: failing + [.test(.pass, selector: "last")]))

    let signatures = try #require(try scene.onlyReport()["record/auth_results"]).all("dkim")

    #expect(signatures.map { $0.text("selector") } == ["last"] + (0..<99).map { "f\($0)" })
    #expect(
      signatures.map { $0.text("result") } == ["pass"] + [String](repeating: "fail", count: 99))
  }

  @Test(arguments: SPFCause.allCases)
  func hasShortWordingsForSPF(_ cause: SPFCause) throws {
    var scene = try ReportScene()
    try scene.append(.test(spf: .test(.permerror, cause), dkim: []))
    let text = try scene.onlyReport().text("record/auth_results/spf/human_result")
    #expect((text == nil) == (cause == .matched))
    #expect((text ?? "").utf8.count <= 60)
  }

  @Test(arguments: DKIMCause.allCases)
  func hasShortWordingsForDKIM(_ cause: DKIMCause) throws {
    var scene = try ReportScene()
    try scene.append(.test(dkim: [.test(.permerror, cause)]))
    let text = try scene.onlyReport().text("record/auth_results/dkim/human_result")
    #expect((text == nil) == (cause == .verified))
    #expect((text ?? "").utf8.count <= 60)
  }
}
