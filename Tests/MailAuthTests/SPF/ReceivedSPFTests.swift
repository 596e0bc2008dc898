import MailAuth
import TestSupport
import Testing

@Suite struct ReceivedSPFTests {
  private func field(mailFrom: String, client: String = "192.0.2.1") throws -> (String, Verdict) {
    let zone = """
      example.com: [{TXT: "v=spf1 ip4:198.51.100.1 ~all"}]
      twice.example: [{TXT: "v=spf1 -all"}, {TXT: "v=spf1 +all"}]
      mail.example.com: [{TXT: "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"}]
      """
    let envelope = Envelope.test(client: client, mailFrom: mailFrom)
    let evaluation = try Evaluator.test(zone: zone).evaluate(header: .test(), envelope: envelope)
    let verdict = Verdict(
      evaluation, envelope: envelope,
      settings: VerdictSettings(authservID: "mx.receiver.example", writesReceivedSPF: true))
    let field = try #require(verdict.addedFields.first { $0.name == "Received-SPF" })
    return (field.value, verdict)
  }

  @Test func tellsWhatWasCheckedAndWhatMatched() throws {
    let (value, verdict) = try field(mailFrom: "ann.b@example.com")
    #expect(
      value == "softfail (192.0.2.1 is not listed in the SPF record of example.com: ~all matched "
        + "[softfail].) client-ip=192.0.2.1; envelope-from=\"ann.b@example.com\"; "
        + "helo=mail.example.com; receiver=mx.receiver.example; identity=mailfrom; "
        + "mechanism=\"~all\"")
    #expect(verdict.authenticationResults.contains("; spf=softfail "))
    // Below the results, which stand on top.
    #expect(verdict.addedFields.map(\.name) == ["Authentication-Results", "Received-SPF"])
  }

  @Test func namesTheHELOForANullReversePath() throws {
    let (value, verdict) = try field(mailFrom: "", client: "2001:db8::1")
    #expect(value.hasPrefix("pass ("))
    #expect(
      value.hasSuffix(
        ") client-ip=\"2001:db8::1\"; helo=mail.example.com; receiver=mx.receiver.example; "
          + "identity=helo; mechanism=\"ip6:2001:db8::1\""))
    #expect(verdict.authenticationResults.contains("spf=pass "))
  }

  @Test func namesTheProblem() throws {
    let (value, _) = try field(mailFrom: "a@twice.example")
    #expect(value.hasPrefix("permerror ("))
    #expect(value.hasSuffix("; identity=mailfrom; mechanism=default; problem=multipleRecords"))
  }

  @Test func isNotWrittenUnlessWanted() throws {
    let evaluation = try Evaluator.test(zone: "x.example: [{A: 192.0.2.1}]").evaluate(
      header: .test())
    let verdict = Verdict(evaluation, envelope: .test(), authservID: "mx")
    #expect(verdict.addedFields.map(\.name) == ["Authentication-Results"])
  }
}
