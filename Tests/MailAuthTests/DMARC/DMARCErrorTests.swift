import MailAuth
import TestSupport
import Testing

/// What DMARC makes of DNS failures, its own and those of SPF and DKIM (RFC 9989 sections 4.10.1,
/// 5.3.6 and 9.2): a missing answer gives temperror where it was needed, and nothing elsewhere.
@Suite struct DMARCErrorTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var zone: [String]
    var from = "example.com"
    var mailFrom = "unrelated.invalid"
    var signers: [String] = []
    var result: DMARCResult
    var cause: DMARCCause
    var testDescription: String { name }
  }

  static func policy(_ name: String, _ record: String = "v=DMARC1; p=reject") -> String {
    "_dmarc.\(name): [{TXT: \"\(record)\"}]"
  }
  static func spf(_ name: String) -> String {
    "\(name): [{TXT: \"v=spf1 ip4:\(DMARCTestBed.allowed) -all\"}]"
  }

  @Test(arguments: [
    // The policy.
    Case(
      name: "the Author Domain's record times out", zone: ["_dmarc.example.com: [TIMEOUT]"],
      result: .temperror, cause: .policyTimeout),
    Case(
      name: "the same with an identifier that would align: none or pass, nobody knows",
      zone: ["_dmarc.example.com: [TIMEOUT]"], signers: ["example.com"],
      result: .temperror, cause: .policyTimeout),
    Case(
      name: "a name above fails, and none below has a record",
      zone: ["_dmarc.com: [SERVFAIL]"], from: "a.example.com",
      result: .temperror, cause: .policyServfail),
    Case(
      name: "a name above fails, the record of one between may or may not be the policy",
      zone: [policy("example.com"), "_dmarc.com: [SERVFAIL]"], from: "a.example.com",
      result: .temperror, cause: .policyServfail),
    Case(
      name: "a name above fails, psd=n ended the walk before it",
      zone: [policy("example.com", "v=DMARC1; p=reject; psd=n"), "_dmarc.com: [SERVFAIL]"],
      from: "a.example.com", result: .fail, cause: .noIdentifier),
    Case(
      name: "a name above fails, the Author Domain's own record is the policy",
      zone: [policy("example.com"), "_dmarc.com: [SERVFAIL]"], result: .fail, cause: .noIdentifier),
    Case(
      name: "NODATA and NXDOMAIN are answers", zone: ["_dmarc.example.com: [{A: 192.0.2.1}]"],
      result: .none, cause: .noPolicyRecord),

    // Organizational Domains.
    Case(
      name: "a passing identifier below the author, its walk fails",
      zone: [policy("example.com"), spf("m.example.com"), "_dmarc.m.example.com: [SERVFAIL]"],
      mailFrom: "m.example.com", result: .temperror, cause: .alignmentDNSFailure),
    Case(
      name: "the same under strict alignment: different names, whatever the DNS says",
      zone: [
        policy("example.com", "v=DMARC1; p=reject; aspf=s"), spf("m.example.com"),
        "_dmarc.m.example.com: [SERVFAIL]",
      ], mailFrom: "m.example.com", result: .fail, cause: .passedNotAligned),
    Case(
      name: "a passing identifier elsewhere, its walk would fail: its owner cannot stop a fail",
      zone: [policy("example.com"), spf("evil.com"), "_dmarc.evil.com: [SERVFAIL]"],
      mailFrom: "evil.com", result: .fail, cause: .passedNotAligned),
    Case(
      name: "the same in another top-level domain",
      zone: [policy("example.com"), spf("evil.example"), "_dmarc.evil.example: [TIMEOUT]"],
      mailFrom: "evil.example", result: .fail, cause: .passedNotAligned),
    Case(
      name: "a passing identifier elsewhere, the walk fails below what both share",
      zone: [policy("m.example.com"), "_dmarc.example.com: [TIMEOUT]", spf("evil.com")],
      from: "m.example.com", mailFrom: "evil.com", result: .fail, cause: .passedNotAligned),
    Case(
      name: "the same, the walk fails at what both share",
      zone: [policy("m.example.com"), "_dmarc.com: [TIMEOUT]", spf("evil.com")],
      from: "m.example.com", mailFrom: "evil.com", result: .temperror,
      cause: .alignmentDNSFailure),
    Case(
      name: "the same, what both share has a record",
      zone: [
        policy("m.example.com"), "_dmarc.example.com: [TIMEOUT]", policy("com"), spf("evil.com"),
      ], from: "m.example.com", mailFrom: "evil.com", result: .temperror,
      cause: .alignmentDNSFailure),
    Case(
      name: "an identifier below the author that did not pass, its walk fails",
      zone: [policy("example.com"), "_dmarc.m.example.com: [SERVFAIL]"],
      mailFrom: "m.example.com", result: .fail, cause: .noIdentifier),
    Case(
      name: "an identifier's walk fails beside another that aligns and passed",
      zone: [policy("example.com"), spf("m.example.com"), "_dmarc.m.example.com: [SERVFAIL]"],
      mailFrom: "m.example.com", signers: ["example.com"], result: .pass, cause: .aligned),

    // SPF and DKIM.
    Case(
      name: "SPF temperror of the author",
      zone: [policy("example.com"), "example.com: [TIMEOUT]"], mailFrom: "example.com",
      result: .temperror, cause: .identifierTemperror),
    Case(
      name: "SPF temperror elsewhere",
      zone: [policy("example.com"), "evil.com: [TIMEOUT]"], mailFrom: "evil.com",
      result: .fail, cause: .noIdentifier),
    Case(
      name: "SPF permerror of the author gives no identifier",
      zone: [policy("example.com"), "example.com: [{TXT: \"v=spf1 nonsense -all\"}]"],
      mailFrom: "example.com", result: .fail, cause: .alignedNotPassed),
    Case(
      name: "DKIM temperror of a name below the author",
      zone: [policy("example.com"), "s1._domainkey.m.example.com: [SERVFAIL]"],
      signers: ["m.example.com"], result: .temperror, cause: .identifierTemperror),
    Case(
      name: "the same under strict alignment",
      zone: [
        policy("example.com", "v=DMARC1; p=reject; adkim=s"),
        "s1._domainkey.m.example.com: [SERVFAIL]",
      ], signers: ["m.example.com"], result: .fail, cause: .noIdentifier),
    Case(
      name: "DKIM temperror elsewhere",
      zone: [policy("example.com"), "s1._domainkey.evil.com: [SERVFAIL]"], signers: ["evil.com"],
      result: .fail, cause: .noIdentifier),
    Case(
      name: "DKIM permerror of the author gives no identifier",
      zone: [policy("example.com"), "s1._domainkey.example.com: [{TXT: \"v=DKIM1; p=\"}]"],
      signers: ["example.com"], result: .fail, cause: .alignedNotPassed),
    Case(
      name: "a temperror beside an aligned pass was not needed",
      zone: [policy("example.com"), "example.com: [TIMEOUT]"], mailFrom: "example.com",
      signers: ["example.com"], result: .pass, cause: .aligned),
    Case(
      name: "a temperror of an unknown relation, its walk fails too",
      zone: [
        policy("example.com"), "s1._domainkey.m.example.com: [SERVFAIL]",
        "_dmarc.m.example.com: [SERVFAIL]",
      ], signers: ["m.example.com"], result: .temperror, cause: .identifierTemperror),
  ])
  func endsAsTheMissingAnswerDemands(_ item: Case) throws {
    let bed = DMARCTestBed(
      zone: item.zone, from: ["ann@\(item.from)"], mailFrom: "x@\(item.mailFrom)",
      signers: item.signers)
    let dmarc = try bed.evaluate().dmarc
    #expect(dmarc.result == item.result)
    #expect(dmarc.cause == item.cause)
    #expect(dmarc.explanation.hasSuffix("."))
  }

  @Test func anUnansweredExistenceTestLeavesTheNameExisting() throws {
    var bed = DMARCTestBed(from: ["ann@ghost.example.com"])
    bed.publish(["example.com": "v=DMARC1; p=none; np=reject"])
    #expect(try bed.evaluate().dmarc.appliedPolicy == .reject)
    bed.zone.append("ghost.example.com: [SERVFAIL]")
    let dmarc = try bed.evaluate().dmarc
    #expect(dmarc.result == .fail)
    #expect(dmarc.authorDomainExists == nil)
    #expect(dmarc.appliedPolicy == DomainOwnerPolicy.none)
  }

  @Test func saysForEachIdentifierWhyItDoesNotCount() throws {
    var bed = DMARCTestBed(
      mailFrom: "x@m.example.com", isAllowed: false,
      signers: ["example.com", "m.example.com", "other.com", "broken.example.com"])
    bed.allow("m.example.com")
    bed.publish(["example.com": "v=DMARC1; p=reject; adkim=s"])
    bed.zone.append("_dmarc.broken.example.com: [SERVFAIL]")
    bed.zone.append("s1._domainkey.example.com: [{TXT: \"v=DKIM1; p=\"}]")
    let evaluation = try bed.evaluate()
    #expect(evaluation.mailFromSPF.notAlignedReason == .notPassed)
    #expect(
      evaluation.dkim.map(\.notAlignedReason) == [
        .notPassed, .strictMismatch, .otherOrganization, .dnsFailure,
      ])
    bed.isAllowed = true
    #expect(try bed.evaluate().mailFromSPF.notAlignedReason == nil)
  }
}
