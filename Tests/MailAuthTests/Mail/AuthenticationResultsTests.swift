import MailAuth
import TestSupport
import Testing

@Suite struct AuthenticationResultsTests {
  @Test(arguments: [
    " mx.receiver.example; spf=pass", "MX.Receiver.EXAMPLE; none", "mx.receiver.example 1; none",
    " \"mx.receiver.example\"; none", " (a (nested) comment) mx.receiver.example (x); none",
    "\r\n mx.receiver.example; none", "mx.receiver.example", "", ";", "   ", "(unclosed",
    "\"mx.receiver", "other.example 2; none", "mx\\.receiver.example", "mx.receiver.example/1",
    "mx.receiver.example.; none", "\"mx\\.receiver.example\"; none",
    "\" mx.receiver.example \"; none", "mx.(x)receiver.example; none",
    "mx.receiver\r\n .example; none", "other.example\"mx.receiver.example\"; none",
    "mx.receiver.example\u{0}x; none", "\u{b}mx.receiver.example; none",
    "\u{a0}mx.receiver.example; none", "mx.receiver.example\u{200b}; none",
    "mx\u{3002}receiver.example; none", "spf=pass smtp.mailfrom=a.example", "dkim=pass;",
    "mx.receiver.example=1; none", "@mx.receiver.example; none",
  ])
  func removesWhatSpeaksOrMightSpeakForUs(_ value: String) {
    #expect(
      AuthenticationResults.speaksFor(authservID: "mx.receiver.example", value: Array(value.utf8)))
  }

  @Test(arguments: [
    " mx.other.example; spf=pass", "receiver.example; none", "xmx.receiver.example; none",
    "mx.other.example 1; none", "mx.other.example; spf=pass (mx.receiver.example)",
    "mx.other.example", "\"mx.other.example\" 1; none", "b\u{fc}cher.example; none",
    "mx.other.example (mx.receiver.example); none",
  ])
  func keepsWhatSpeaksForOthers(_ value: String) {
    #expect(
      !AuthenticationResults.speaksFor(
        authservID: "mx.receiver.example", value: Array(value.utf8)))
  }

  @Test func comparesInternationalNames() {
    #expect(
      AuthenticationResults.speaksFor(
        authservID: "xn--bcher-kva.example", value: Array("b\u{fc}cher.example; none".utf8)))
    #expect(
      AuthenticationResults.speaksFor(
        authservID: "b\u{fc}cher.example", value: Array("XN--Bcher-KVA.example.; none".utf8)))
    #expect(
      AuthenticationResults.speaksFor(
        authservID: "xn--bcher-kva.example", value: Array("B\u{dc}CHER.example; none".utf8)))
  }

  @Test func writesEachResultWithCauseAndAlignment() throws {
    let zone = """
      example.com: [{TXT: "v=spf1 ip4:198.51.100.1 ~all"}]
      _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
      s1._domainkey.example.com: [{TXT: "\(TestSigner.keyRecord)"}]
      """
    let header: [HeaderField] = .test()
    let signers = [TestSigner(domain: "example.com"), TestSigner(domain: "esp.example")]
    let signatures = signers.map { $0.sign(header, body: "Hello.\r\n") }
    let evaluation = try Evaluator.test(zone: zone).evaluate(header: signatures + header)
    let verdict = Verdict(evaluation, envelope: .test(), authservID: "mx.receiver.example")
    let starts = evaluation.dkim.compactMap(\.signatureStart)
    try #require(starts.count == 2)
    func quoted(_ start: String) -> String {
      start.contains { "/+=".contains($0) && $0 != "+" } ? "\"\(start)\"" : start
    }
    #expect(
      verdict.authenticationResults.split(separator: "; ").map(String.init) == [
        "mx.receiver.example",
        "spf=softfail reason=\"matched: ~all\" (aligned) smtp.mailfrom=example.com",
        "spf=none reason=\"noSuchDomain\" (aligned) smtp.helo=mail.example.com",
        "dkim=pass (aligned) header.d=example.com header.s=s1 header.a=ed25519-sha256 header.b="
          + quoted(starts[0]),
        "dkim=permerror reason=\"noKey\" (not aligned: otherOrganization) header.d=esp.example "
          + "header.s=s1 header.a=ed25519-sha256 header.b=" + quoted(starts[1]),
        "arc=none smtp.remote-ip=192.0.2.1",
        "dmarc=pass reason=\"aligned\" (p=reject) header.from=example.com policy.dmarc=none",
      ])
    #expect(verdict.disposition == .none)
    #expect(verdict.overrideReasons.isEmpty)
  }

  @Test func hostileTextMakesNoEntriesOfItsOwn() throws {
    let evaluation = try Evaluator.test(zone: "x.example: [{A: 192.0.2.1}]").evaluate(
      header: .test(from: "nobody"),
      envelope: .test(
        helo: "x; dmarc=pass\r\nX-Evil: \"yes\"", mailFrom: "a@b c; spf=pass\\\" (\r\n"))
    let text = Verdict(evaluation, envelope: .test(), authservID: "mx.receiver.example")
      .authenticationResults
    #expect(!text.utf8.contains { $0 < 0x20 || $0 > 0x7E })
    #expect(text.split(separator: ";").count == 6)
    #expect(text.contains("dkim=none"))
    #expect(text.hasSuffix("dmarc=permerror reason=\"invalidFrom\""))
  }

  @Test func saysWhyAPolicyIsNotApplied() throws {
    func reasons(_ policy: String) throws -> [OverrideReason] {
      let zone = "_dmarc.example.com: [{TXT: \"v=DMARC1; \(policy)\"}]"
      let evaluation = try Evaluator.test(zone: zone).evaluate(header: .test())
      #expect(evaluation.dmarc.result == .fail)
      return Verdict(evaluation, envelope: .test(), authservID: "mx").overrideReasons
    }
    let monitoring = OverrideReason.monitoring
    #expect(try reasons("p=none").isEmpty)
    #expect(try reasons("p=none; t=y").isEmpty)
    #expect(try reasons("p=reject") == [monitoring])
    #expect(try reasons("p=quarantine; t=y") == [.testMode])
    #expect(try reasons("p=reject; t=y") == [.testMode, monitoring])
  }

  @Test func writesTheChain() throws {
    let sealers = [TestSealer("first.example"), TestSealer("second.example")]
    let header = TestSealer.chain(sealers)
    func entry(_ header: [HeaderField], body: String, client: String) throws -> String? {
      let envelope = Envelope.test(client: client)
      let evaluation = try Evaluator.test(zone: TestSealer.zone(sealers)).evaluate(
        header: header, body: body, envelope: envelope)
      let text = Verdict(evaluation, envelope: envelope, authservID: "mx").authenticationResults
      let entries = text.split(separator: "; ").map(String.init)
      let place = try #require(entries.firstIndex { $0.hasPrefix("arc=") })
      #expect(entries[place - 1].hasPrefix("dkim="))
      #expect(entries[place + 1].hasPrefix("dmarc="))
      return entries[place]
    }
    #expect(
      try entry(header, body: "Hello.\r\n", client: "2001:db8::1")
        == "arc=pass smtp.remote-ip=\"2001:db8::1\" header.oldest-pass=0")
    #expect(
      try entry(header, body: "Bye.\r\n", client: "::ffff:192.0.2.7")
        == "arc=fail reason=\"bodyHashMismatch: i=2 ARC-Message-Signature\" "
        + "smtp.remote-ip=192.0.2.7")
  }
}
