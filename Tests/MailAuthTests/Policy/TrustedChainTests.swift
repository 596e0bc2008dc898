import MailAuth
import TestSupport
import Testing

/// ARC chains that change a disposition, and those that must not.
@Suite struct TrustedChainTests {
  private static let passed = "lists.example; dmarc=pass header.from=example.com"
  private static let failed = "hop.example; dmarc=fail header.from=example.com; arc=pass"

  struct Hop: Sendable {
    var sealer: String
    var results: String
    init(_ sealer: String, _ results: String = TrustedChainTests.passed) {
      self.sealer = sealer
      self.results = results
    }
  }

  /// What becomes of a p=reject message that fails DMARC here, sealed by `hops`, oldest first.
  private func verdict(
    _ hops: [Hop], trusted: [String], record: String = "v=DMARC1; p=reject",
    enforcement: LocalPolicy.Enforcement = .reject, body: String = "Hello.\r\n",
    tags: KeyValuePairs<String, String?> = [:]
  ) throws -> Verdict {
    let sealers = hops.map { TestSealer($0.sealer) }
    let zone =
      "_dmarc.example.com: [{TXT: \"\(record)\"}]\n" + TestSealer.zone(sealers)
    let header = zip(sealers, hops).reduce([HeaderField].test()) { header, hop in
      hop.0.seal(header, results: hop.1.results, sealTags: tags)
    }
    let evaluation = try Evaluator.test(zone: zone).evaluate(header: header, body: body)
    #expect(evaluation.dmarc.result == .fail)
    var policy = LocalPolicy()
    policy.enforcement = enforcement
    policy.trustedSealers = trusted.map { domain($0) }
    return Verdict(
      evaluation, envelope: .test(),
      settings: VerdictSettings(authservID: "mx.receiver.example", policy: policy))
  }

  @Test(arguments: LocalPolicy.Enforcement.allCases)
  func sparesWhatATrustedSealerVouchesFor(_ enforcement: LocalPolicy.Enforcement) throws {
    let verdict = try verdict(
      [
        Hop(
          "lists.example",
          "lists.example; arc=none smtp.remote-ip=2001:db8::1a; "
            + "dmarc=pass header.from=Example.COM"),
        Hop("hop.example", Self.failed),
      ], trusted: ["hop.example", "lists.example"], enforcement: enforcement)
    #expect(verdict.disposition == .none)
    #expect(verdict.answer == .accept)
    #expect(
      verdict.overrideReasons == [
        OverrideReason(
          .localPolicy,
          comment: "arc=pass as[2].d=hop.example as[2].s=arc as[1].d=lists.example as[1].s=arc "
            + "remote-ip[1]=2001:db8::1a")
      ])
    #expect(verdict.authenticationResults.contains("; dmarc=fail "))
    #expect(verdict.authenticationResults.contains("(p=reject dis=none)"))
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var hops: [Hop]
    var trusted: [String]
    var record = "v=DMARC1; p=reject"
  }

  static let spared = [
    Case(
      testDescription: "a trusted host authenticated it, and sealed what a stranger had sealed",
      hops: [Hop("stranger.example", failed), Hop("lists.example")], trusted: ["lists.example"]),
    Case(
      testDescription: "a result without the From domain",
      hops: [Hop("lists.example", "lists.example; dmarc=pass")], trusted: ["lists.example"]),
    Case(
      testDescription: "a result with the whole From address",
      hops: [Hop("lists.example", "lists.example; dmarc=pass header.from=ann@example.com")],
      trusted: ["lists.example"]),
    Case(
      testDescription: "an aligned DKIM pass",
      hops: [Hop("lists.example", "lists.example; dkim=pass header.d=mail.example.com")],
      trusted: ["lists.example"]),
    Case(
      testDescription: "an aligned DKIM pass, known by header.i",
      hops: [Hop("lists.example", "lists.example; dkim=pass header.i=@example.com")],
      trusted: ["lists.example"]),
    Case(
      testDescription: "an aligned SPF pass",
      hops: [Hop("lists.example", "lists.example; spf=pass smtp.mailfrom=ann@example.com")],
      trusted: ["lists.example"]),
  ]

  static let notSpared = [
    Case(testDescription: "nobody is trusted", hops: [Hop("lists.example")], trusted: []),
    Case(
      testDescription: "an untrusted sealer", hops: [Hop("stranger.example")],
      trusted: ["lists.example"]),
    Case(
      testDescription: "a name below a trusted one", hops: [Hop("x.lists.example")],
      trusted: ["lists.example"]),
    Case(
      testDescription: "an untrusted seal on top of a trusted one",
      hops: [Hop("lists.example"), Hop("stranger.example")], trusted: ["lists.example"]),
    Case(
      testDescription: "only a stranger authenticated it",
      hops: [Hop("stranger.example"), Hop("lists.example", failed)], trusted: ["lists.example"]),
    Case(
      testDescription: "an untrusted set between the two",
      hops: [
        Hop("lists.example"), Hop("stranger.example", failed), Hop("hop.example", failed),
      ], trusted: ["lists.example", "hop.example"]),
    Case(
      testDescription: "nobody authenticated it", hops: [Hop("lists.example", failed)],
      trusted: ["lists.example"]),
    Case(
      testDescription: "another From was authenticated",
      hops: [Hop("lists.example", "lists.example; dmarc=pass header.from=other.example")],
      trusted: ["lists.example"]),
    Case(
      testDescription: "passes that do not align",
      hops: [
        Hop(
          "lists.example",
          "lists.example; dkim=pass header.d=esp.example; dkim=pass; spf=pass "
            + "smtp.mailfrom=notexample.com; spf=pass smtp.helo=example.com")
      ], trusted: ["lists.example"]),
    Case(
      testDescription: "passes that strict alignment does not take",
      hops: [
        Hop(
          "lists.example",
          "lists.example; dkim=pass header.d=mail.example.com; spf=pass "
            + "smtp.mailfrom=mail.example.com")
      ], trusted: ["lists.example"], record: "v=DMARC1; p=reject; adkim=s; aspf=s"),
    Case(testDescription: "no chain", hops: [], trusted: ["lists.example"]),
  ]

  @Test(arguments: spared)
  func spares(_ example: Case) throws {
    let verdict = try verdict(
      example.hops, trusted: example.trusted, record: example.record)
    #expect(verdict.disposition == .none)
    #expect(verdict.overrideReasons.map(\.type) == [.localPolicy])
    #expect(verdict.overrideReasons.first?.comment?.hasPrefix("arc=pass as[") == true)
  }

  @Test(arguments: notSpared)
  func sparesNothingElse(_ example: Case) throws {
    let verdict = try verdict(
      example.hops, trusted: example.trusted, record: example.record)
    #expect(verdict.disposition == .reject)
    #expect(verdict.overrideReasons.isEmpty)
  }

  @Test func believesNoBrokenChain() throws {
    let changed = try verdict(
      [Hop("lists.example")], trusted: ["lists.example"], body: "Changed.\r\n")
    #expect(changed.disposition == .reject)
    let failedBefore = try verdict(
      [Hop("lists.example")], trusted: ["lists.example"], tags: ["cv": "fail"])
    #expect(failedBefore.disposition == .reject)
  }
}
