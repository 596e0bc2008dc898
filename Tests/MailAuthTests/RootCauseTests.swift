import MailAuth
import TestSupport
import Testing

/// The root cause of each kind of message, through the whole evaluator.
@Suite struct RootCauseTests {
  private static let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    s1._domainkey.example.com: [{TXT: "\(TestSigner.keyRecord)"}]
    slow._domainkey.example.com: [TIMEOUT]
    mail.example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    strict.example: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.strict.example: [{TXT: "v=DMARC1; p=reject; adkim=s; aspf=s"}]
    s1._domainkey.mail.strict.example: [{TXT: "\(TestSigner.keyRecord)"}]
    s1._domainkey.strict.example: [{TXT: "\(TestSigner.keyRecord)"}]
    mail.strict.example: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    gone._domainkey.example.com: [{TXT: "v=DKIM1; p="}]
    slow.example: [TIMEOUT]
    _dmarc.unknown-policy.example: [TIMEOUT]
    slow-spf.example: [TIMEOUT]
    _dmarc.slow-spf.example: [{TXT: "v=DMARC1; p=reject"}]
    s1._domainkey.slow-spf.example: [{TXT: "\(TestSigner.keyRecord)"}]
    forward.example: [{TXT: "v=spf1 ip4:198.51.100.1 -all"}]
    broken.example: [{TXT: "v=spf1 moo -all"}]
    _dmarc.broken.example: [{TXT: "v=DMARC1; p=none"}]
    s1._domainkey.broken.example: [{TXT: "\(TestSigner.keyRecord)"}]
    esp.example: [{TXT: "v=spf1 ip4:192.0.2.7 -all"}]
    s1._domainkey.esp.example: [{TXT: "\(TestSigner.keyRecord)"}]
    useless.example: [{TXT: "v=spf1 -all"}]
    _dmarc.useless.example: [{TXT: "v=DMARC1; p=drop"}]
    """

  struct Case: Sendable, CustomTestStringConvertible {
    var about: String
    var code: RootCause.Code?
    var author = "example.com"
    var signers: [TestSigner] = []
    var client = "192.0.2.1"
    var mailFrom = "ann@example.com"
    var isBodyChanged = false
    var extra: [HeaderField] = []
    var testDescription: String { about }
  }

  private static let own = TestSigner(domain: "example.com")
  private static let esp = TestSigner(domain: "esp.example")

  @Test(arguments: [
    Case(about: "all in order", code: nil, signers: [own]),
    Case(about: "SPF alone", code: nil),
    Case(about: "forwarded", code: .forwarded, signers: [own], client: "198.51.100.1"),
    Case(
      about: "the service's return path, our signature", code: .unalignedReturnPath,
      signers: [own], client: "192.0.2.7", mailFrom: "b@esp.example"),
    Case(about: "two signatures", code: .severalSignatures, signers: [esp, own]),
    Case(
      about: "the service signs for itself", code: .unalignedSigner, signers: [esp],
      client: "192.0.2.7", mailFrom: "b@esp.example"),
    Case(
      about: "the service's return path, unsigned", code: .unalignedReturnPath,
      client: "192.0.2.7", mailFrom: "b@esp.example"),
    Case(
      about: "strict alignment", code: .strictAlignment, author: "strict.example",
      signers: [TestSigner(domain: "mail.strict.example")], mailFrom: "b@unknown.example"),
    Case(
      about: "changed body", code: .signatureBroken, signers: [own], client: "198.51.100.1",
      isBodyChanged: true),
    Case(
      about: "changed by a list", code: .modifiedOnTheWay, signers: [own],
      client: "198.51.100.1", mailFrom: "list-bounces@lists.example", isBodyChanged: true,
      extra: [HeaderField("List-Id", " A list <a.lists.example>")]),
    Case(
      about: "changed by a forwarder", code: .modifiedOnTheWay, signers: [own],
      client: "198.51.100.1", mailFrom: "SRS0=a=b=example.com=ann@forward.example",
      isBodyChanged: true),
    Case(
      about: "missing selector", code: .signatureUnusable,
      signers: [TestSigner(domain: "example.com", selector: "s2")], client: "198.51.100.1"),
    Case(
      about: "key timeout", code: .dnsFailure,
      signers: [TestSigner(domain: "example.com", selector: "slow")], client: "198.51.100.1"),
    Case(
      about: "broken SPF record, good signature", code: .spfRecordBroken, author: "broken.example",
      signers: [TestSigner(domain: "broken.example")], mailFrom: "b@broken.example"),
    Case(
      about: "broken SPF record, unsigned", code: .spfRecordBroken, author: "broken.example",
      mailFrom: "b@broken.example"),
    Case(
      about: "forwarded unsigned", code: .forwarded, client: "198.51.100.1",
      extra: [HeaderField("X-Forwarded-To", " x@receiver.example")]),
    Case(about: "spoof", code: .unknownSource, client: "198.51.100.1"),
    Case(
      about: "spoof with another return path", code: .unknownSource, client: "198.51.100.1",
      mailFrom: "x@unknown.example"),
    Case(about: "unusable policy", code: .policyRecordBroken, author: "useless.example"),
    Case(
      about: "two From fields", code: .unusableFrom,
      extra: [HeaderField("From", " b@esp.example")]),
    Case(about: "no policy", code: nil, author: "esp.example", mailFrom: "x@unknown.example"),
  ])
  func isNamed(_ item: Case) throws {
    let evaluation = try evaluate(item)
    #expect(evaluation.rootCause?.code == item.code, "\(evaluation.dmarc.explanation)")
    if let cause = evaluation.rootCause {
      #expect(cause.explanation.hasSuffix("."))
      #expect(cause.fix.hasSuffix("."))
    }
  }

  private func evaluate(_ item: Case) throws -> Evaluation {
    let header: [HeaderField] = .test(from: "a@\(item.author)")
    let body = "Hello.\r\n"
    let signatures = item.signers.map { $0.sign(header, body: body) }
    return try Evaluator.test(zone: Self.zone).evaluate(
      header: signatures + header + item.extra,
      body: item.isBodyChanged ? body + "-- \r\nfooter\r\n" : body,
      envelope: .test(client: item.client, mailFrom: item.mailFrom))
  }

  struct Wording: Sendable, CustomTestStringConvertible {
    var item: Case
    /// What the explanation and the fix must hold.
    var explanation: String
    var fix: String
    var testDescription: String { item.about }
  }

  private static let list = [HeaderField("List-Id", " <a.lists.example>")]
  private static let rewritten = "SRS0=a=b=example.com=ann@forward.example"

  @Test(arguments: [
    Wording(
      item: Case(
        about: "a signature that strict alignment does not take, SPF made up for it",
        code: .strictAlignment, author: "strict.example",
        signers: [TestSigner(domain: "mail.strict.example")], mailFrom: "b@strict.example"),
      explanation: "mail.strict.example passed and belongs to the same organization",
      fix: "adkim="),
    Wording(
      item: Case(
        about: "a return path that strict alignment does not take, DKIM made up for it",
        code: .strictAlignment, author: "strict.example",
        signers: [TestSigner(domain: "strict.example")], mailFrom: "b@mail.strict.example"),
      explanation: "mail.strict.example passed and belongs to the same organization",
      fix: "aspf="),
    Wording(
      item: Case(
        about: "a key that could not be had, SPF made up for it", code: .dnsFailure,
        signers: [TestSigner(domain: "example.com", selector: "slow")]),
      explanation: "slow._domainkey.example.com", fix: "DNS evidence"),
    Wording(
      item: Case(
        about: "SPF that could not be had, DKIM made up for it", code: .dnsFailure,
        author: "slow-spf.example", signers: [TestSigner(domain: "slow-spf.example")],
        mailFrom: "b@slow-spf.example"),
      explanation: "slow-spf.example TXT", fix: "DNS evidence"),
    Wording(
      item: Case(
        about: "the policy is what is missing, whatever else is", code: .dnsFailure,
        author: "unknown-policy.example", mailFrom: "b@slow.example"),
      explanation: "_dmarc.unknown-policy.example", fix: "DNS evidence"),
    Wording(
      item: Case(
        about: "a revoked key", code: .signatureUnusable,
        signers: [TestSigner(domain: "example.com", selector: "gone")], client: "198.51.100.1"),
      explanation: "revoked", fix: "withdrawn"),
    Wording(
      item: Case(
        about: "forwarded with SRS", code: .forwarded, signers: [own], client: "198.51.100.1",
        mailFrom: rewritten),
      explanation: "forward.example put its own return path", fix: "Nothing"),
    Wording(
      item: Case(
        about: "forwarded with SRS, unsigned", code: .forwarded, client: "198.51.100.1",
        mailFrom: rewritten),
      explanation: "No signature of example.com", fix: "sign its mail with DKIM"),
    Wording(
      item: Case(
        about: "through a list that signs, unsigned before", code: .unalignedSigner, signers: [esp],
        client: "192.0.2.7", mailFrom: "b@esp.example", extra: list),
      explanation: "signed by esp.example", fix: "if it is a mailing list"),
    Wording(
      item: Case(
        about: "unchanged through a list", code: .unalignedReturnPath, signers: [own],
        client: "192.0.2.7", mailFrom: "b@esp.example", extra: list),
      explanation: "return path at esp.example", fix: "Nothing, if esp.example runs"),
    Wording(
      item: Case(
        about: "the unusable record of a domain above", code: .policyRecordBroken,
        author: "sub.useless.example"),
      explanation: "_dmarc.useless.example", fix: "The owner of that record"),
  ])
  func saysWhatToMend(_ wording: Wording) throws {
    try isNamed(wording.item)
    let cause = try #require(try evaluate(wording.item).rootCause)
    #expect(cause.explanation.contains(wording.explanation), "\(cause.explanation)")
    #expect(cause.fix.contains(wording.fix), "\(cause.fix)")
  }

  @Test func recordsTheSignsOfTheWay() throws {
    let header: [HeaderField] =
      .test() + [
        HeaderField("list-id", " \"A list\" <a.lists.example>"), HeaderField("Precedence", " List"),
        HeaderField("Resent-From", " b@example.com"), HeaderField("Delivered-To", " c@d.example"),
        HeaderField("ARC-Seal", " i=1"), HeaderField("Auto-Submitted", " no"),
      ]
    let flow = try Evaluator.test(zone: Self.zone).evaluate(
      header: header, envelope: .test(mailFrom: "SRS1=x=y==z=w=v@f.example")
    ).flow
    #expect(
      flow.signs == [
        .listID, .listFields, .rewrittenReturnPath, .forwardingFields, .deliveredBefore, .arcSets,
      ])
    #expect(flow.listIdentifier == "a.lists.example")
    let bounce = try Evaluator.test(zone: Self.zone).evaluate(
      header: .test(), envelope: .test(mailFrom: ""))
    #expect(bounce.flow.signs == [.automatic])
  }
}
