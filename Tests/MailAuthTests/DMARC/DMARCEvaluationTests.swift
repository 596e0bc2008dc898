import MailAuth
import TestSupport
import Testing

/// DMARC results and causes through the whole evaluator.
@Suite struct DMARCEvaluationTests {
  /// A zone in which example.com sends from 192.0.2.1 and signs with s1.
  private static func zone(policy: String = "v=DMARC1; p=reject", extra: String = "") -> String {
    """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.example.com: [{TXT: "\(policy)"}]
    s1._domainkey.example.com: [{TXT: "\(TestSigner.keyRecord)"}]
    other.example: [{TXT: "v=spf1 ip4:192.0.2.7 -all"}]
    s1._domainkey.other.example: [{TXT: "\(TestSigner.keyRecord)"}]
    \(extra)
    """
  }

  private func evaluate(
    _ zone: String, from author: String = "ann@example.com", signedBy signers: [String] = [],
    client: String = "192.0.2.1", mailFrom: String = "ann@example.com",
    helo: String = "mail.example.com",
    configure: (inout EvaluatorSettings) -> Void = { _ in }
  ) throws -> Evaluation {
    let evaluator = try Evaluator.test(zone: zone, configure: configure)
    let header: [HeaderField] = .test(from: author)
    let signatures = signers.map { TestSigner(domain: $0).sign(header, body: "Hello.\r\n") }
    return evaluator.evaluate(
      header: signatures + header,
      envelope: .test(client: client, helo: helo, mailFrom: mailFrom))
  }

  @Test func passesBySPF() throws {
    let dmarc = try evaluate(Self.zone()).dmarc
    #expect(dmarc.result == .pass)
    #expect(dmarc.cause == .aligned)
    #expect(dmarc.spfAligned)
    #expect(!dmarc.dkimAligned)
    #expect(dmarc.policyDomain?.text == "example.com")
    #expect(dmarc.appliedPolicy == .reject)
  }

  @Test func passesByDKIMAfterForwarding() throws {
    let evaluation = try evaluate(
      Self.zone(), signedBy: ["example.com"], client: "198.51.100.9")
    #expect(evaluation.mailFromSPF.result == .fail)
    #expect(evaluation.mailFromSPF.alignment?.isAligned == true)
    #expect(evaluation.dmarc.result == .pass)
    #expect(!evaluation.dmarc.spfAligned)
    #expect(evaluation.dmarc.dkimAligned)
  }

  @Test func saysWhyItFails() throws {
    let other = try evaluate(
      Self.zone(), signedBy: ["other.example"], client: "192.0.2.7", mailFrom: "b@other.example")
    #expect(other.dmarc.result == .fail)
    #expect(other.dmarc.cause == .passedNotAligned)
    #expect(other.dkim[0].result == .pass)
    #expect(other.dkim[0].alignment?.isAligned == false)
    #expect(other.dkim[0].alignment?.obstacle == .otherOrganization)

    let broken = try evaluate(Self.zone(), client: "198.51.100.9")
    #expect(broken.dmarc.cause == .alignedNotPassed)

    let both = try evaluate(Self.zone(), signedBy: ["other.example"], client: "198.51.100.9")
    #expect(both.dmarc.cause == .neitherBoth)

    let spoof = try evaluate(
      Self.zone(), client: "198.51.100.9", mailFrom: "x@unknown.example", helo: "pc")
    #expect(spoof.dmarc.cause == .noIdentifier)
  }

  @Test func strictAlignmentRefusesSubdomains() throws {
    let extra = """
      bounce.example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
      s1._domainkey.mail.example.com: [{TXT: "\(TestSigner.keyRecord)"}]
      """
    func check(_ policy: String) throws -> Evaluation {
      try evaluate(
        Self.zone(policy: policy, extra: extra), signedBy: ["mail.example.com"],
        mailFrom: "x@bounce.example.com")
    }
    let strict = try check("v=DMARC1; p=reject; adkim=s; aspf=s")
    #expect(strict.dmarc.result == .fail)
    #expect(strict.dmarc.cause == .passedNotAligned)
    #expect(strict.mailFromSPF.alignment?.obstacle == .strictMismatch)
    #expect(strict.dkim[0].alignment?.obstacle == .strictMismatch)
    let relaxed = try check("v=DMARC1; p=reject")
    #expect(relaxed.dmarc.result == .pass)
    #expect(relaxed.mailFromSPF.alignment?.organizationalDomain?.text == "example.com")
    let mixed = try check("v=DMARC1; p=reject; aspf=s")
    #expect(mixed.dmarc.result == .pass)
    #expect(!mixed.dmarc.spfAligned)
    #expect(mixed.dmarc.dkimAligned)
  }

  struct PolicyCase: Sendable, CustomTestStringConvertible {
    var record: String
    var author: String
    var applied: DomainOwnerPolicy
    var testDescription: String { "\(author) under \(record)" }
  }

  @Test(arguments: [
    PolicyCase(record: "p=reject; sp=quarantine; np=none", author: "example.com", applied: .reject),
    PolicyCase(record: "p=reject; sp=quarantine", author: "sub.example.com", applied: .quarantine),
    PolicyCase(record: "p=quarantine", author: "sub.example.com", applied: .quarantine),
    PolicyCase(record: "p=none; np=reject", author: "ghost.example.com", applied: .reject),
    PolicyCase(record: "p=none; np=reject", author: "sub.example.com", applied: .none),
    PolicyCase(record: "p=none; sp=reject", author: "ghost.example.com", applied: .reject),
    PolicyCase(record: "p=none; np=reject", author: "slow.example.com", applied: .none),
    PolicyCase(record: "p=reject; t=y", author: "example.com", applied: .quarantine),
    PolicyCase(record: "p=quarantine; t=y", author: "example.com", applied: .none),
    PolicyCase(record: "p=none; sp=reject; t=y", author: "sub.example.com", applied: .quarantine),
    PolicyCase(record: "p=none; t=y", author: "example.com", applied: .none),
    PolicyCase(record: "p=reject; pct=0", author: "example.com", applied: .reject),
  ])
  func appliesTheRightPolicy(_ item: PolicyCase) throws {
    let extra = "sub.example.com: [{MX: [1, x.example]}]\nslow.example.com: [TIMEOUT]"
    let evaluation = try evaluate(
      Self.zone(policy: "v=DMARC1; \(item.record)", extra: extra), from: "a@\(item.author)",
      client: "198.51.100.9", mailFrom: "x@unknown.example")
    #expect(evaluation.dmarc.result == .fail)
    #expect(evaluation.dmarc.policyDomain?.text == "example.com")
    #expect(evaluation.dmarc.appliedPolicy == item.applied)
  }

  @Test func saysWhetherTheAuthorDomainExistsOnlyWhereThatMatters() throws {
    let zone = Self.zone(policy: "v=DMARC1; p=none; np=reject")
    let ghost = try evaluate(zone, from: "a@ghost.example.com", mailFrom: "x@unknown.example")
    #expect(ghost.dmarc.authorDomainExists == false)
    let own = try evaluate(zone)
    #expect(own.dmarc.authorDomainExists == nil)
  }

  // MARK: - DNS failures

  @Test(arguments: [
    ("TIMEOUT", DMARCCause.policyTimeout), ("SERVFAIL", .policyServfail),
    ("REFUSED", .policyServfail),
  ])
  func aPolicyThatCannotBeFetchedIsTemperror(_ word: String, _ cause: DMARCCause) throws {
    let zone = """
      example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
      _dmarc.example.com: [\(word)]
      """
    let evaluation = try evaluate(zone)
    #expect(evaluation.dmarc.result == .temperror)
    #expect(evaluation.dmarc.cause == cause)
    #expect(evaluation.dmarc.explanation.contains("_dmarc.example.com"))
    #expect(evaluation.dmarc.record == nil)
    #expect(evaluation.mailFromSPF.alignment?.isAligned == true)
  }

  @Test func aTemperrorOfAnAlignedIdentifierIsTemperror() throws {
    let zone = """
      example.com: [{TXT: "v=spf1 -all"}]
      _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
      s1._domainkey.example.com: [TIMEOUT]
      s1._domainkey.other.example: [TIMEOUT]
      """
    let own = try evaluate(zone, signedBy: ["example.com"])
    #expect(own.dkim[0].result == .temperror)
    #expect(own.dmarc.result == .temperror)
    #expect(own.dmarc.cause == .identifierTemperror)
    // A signature that could not align decides nothing.
    let foreign = try evaluate(zone, signedBy: ["other.example"])
    #expect(foreign.dkim[0].result == .temperror)
    #expect(foreign.dmarc.result == .fail)
  }

  @Test func aTemperrorBesideAPassIsNotNeeded() throws {
    let zone = """
      example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
      _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
      s1._domainkey.example.com: [TIMEOUT]
      """
    #expect(try evaluate(zone, signedBy: ["example.com"]).dmarc.result == .pass)
  }

  @Test func anUnknownOrganizationOfAPassingIdentifierIsTemperror() throws {
    let zone = Self.zone(
      extra: """
        bounce.example.com: [{TXT: "v=spf1 ip4:192.0.2.7 -all"}]
        _dmarc.bounce.example.com: [SERVFAIL]
        """)
    let evaluation = try evaluate(zone, client: "192.0.2.7", mailFrom: "b@bounce.example.com")
    #expect(evaluation.mailFromSPF.result == .pass)
    #expect(evaluation.mailFromSPF.alignment?.isAligned == nil)
    #expect(evaluation.mailFromSPF.alignment?.obstacle == .dnsFailure)
    #expect(evaluation.dmarc.result == .temperror)
    #expect(evaluation.dmarc.cause == .alignmentDNSFailure)
  }

  /// Who can make his own DNS fail must not turn the fail of a forged message into a temperror.
  @Test func theDNSOfAStrangerDecidesNothing() throws {
    let zone = Self.zone(extra: "_dmarc.other.example: [SERVFAIL]")
    let evaluation = try evaluate(
      zone, signedBy: ["other.example"], client: "192.0.2.7", mailFrom: "b@other.example")
    #expect(evaluation.mailFromSPF.result == .pass)
    #expect(evaluation.mailFromSPF.alignment?.obstacle == .otherOrganization)
    #expect(evaluation.dkim[0].alignment?.obstacle == .otherOrganization)
    #expect(evaluation.dmarc.result == .fail)
    #expect(!evaluation.dns.contains { $0.name == "_dmarc.other.example" })
  }

  @Test func signaturesThatAreOnlyRecordedCauseNoQuestions() throws {
    let evaluator = try Evaluator.test(zone: Self.zone())
    let header = (0..<300).map { number in
      HeaderField(
        "DKIM-Signature", " v=1; a=rsa-sha256; d=x\(number).example.com; s=s; h=From; bh=AA; b=AA")
    }
    let evaluation = evaluator.evaluate(header: header + .test())
    #expect(evaluation.dkim.count == 300)
    #expect(evaluation.dns.count { $0.name.hasPrefix("_dmarc.x") } == 10)
    let verdict = Verdict(evaluation, envelope: .test(), authservID: "mx.receiver.example")
    #expect(verdict.authenticationResults.split(separator: "; dkim=").count == 11)
  }

  // MARK: - No policy, no author

  @Test func noPolicyIsNone() throws {
    let evaluation = try evaluate("example.com: [{TXT: \"v=spf1 ip4:192.0.2.1 -all\"}]")
    #expect(evaluation.dmarc.result == .none)
    #expect(evaluation.dmarc.cause == .noPolicyRecord)
    #expect(evaluation.mailFromSPF.alignment?.isAligned == true)
    #expect(evaluation.heloSPF.alignment?.isAligned == false)
    #expect(evaluation.dmarc.appliedPolicy == nil)
  }

  @Test func aRecordDamagedBeyondUseIsPermerror() throws {
    let evaluation = try evaluate(Self.zone(policy: "v=DMARC1; p=drop"))
    #expect(evaluation.dmarc.result == .permerror)
    #expect(evaluation.dmarc.cause == .recordSyntax)
    #expect(evaluation.dmarc.recordText == "v=DMARC1; p=drop")
    #expect(evaluation.dmarc.record == nil)
  }

  @Test func withoutATrustedFromThereIsNoVerdict() throws {
    let evaluator = try Evaluator.test(zone: Self.zone())
    func dmarc(_ header: [HeaderField]) -> DMARCOutcome {
      evaluator.evaluate(header: header).dmarc
    }
    let without = [HeaderField]([HeaderField("Subject", " x")])
    #expect(dmarc(without).result == .none)
    #expect(dmarc(without).cause == .noFrom)
    let twice = [HeaderField].test() + [HeaderField("From", " b@other.example")]
    #expect(dmarc(twice).result == .permerror)
    #expect(dmarc(twice).cause == .multipleFromFields)
    #expect(dmarc(.test(from: "nobody")).cause == .invalidFrom)
    #expect(dmarc([]).cause == .noFrom)
  }

  @Test func aNullSenderIsJudgedByItsHELO() throws {
    let zone = Self.zone(extra: "mx.example.com: [{TXT: \"v=spf1 ip4:192.0.2.1 -all\"}]")
    let evaluation = try evaluate(zone, mailFrom: "", helo: "mx.example.com")
    #expect(evaluation.mailFromSPF.domain == "mx.example.com")
    #expect(evaluation.mailFromSPF.result == .pass)
    #expect(evaluation.dmarc.result == .pass)
    #expect(evaluation.dmarc.spfAligned)
    // The HELO result of a message with a sender never counts.
    let named = try evaluate(zone, mailFrom: "x@unknown.example", helo: "mx.example.com")
    #expect(named.heloSPF.result == .pass)
    #expect(named.dmarc.result == .fail)
  }

  // MARK: - Bounds

  @Test func tooLargeAHeaderIsAnOutcome() throws {
    let evaluator = try Evaluator.test(zone: Self.zone()) { $0.maximumHeaderFields = 20 }
    let many = [HeaderField].test() + Array(repeating: HeaderField("X", " y"), count: 20)
    let evaluation = evaluator.evaluate(header: many)
    #expect(evaluation.dmarc.result == .permerror)
    #expect(evaluation.dmarc.cause == .messageTooLarge)
    #expect(evaluation.mailFromSPF.result == .pass)

    let small = try Evaluator.test(zone: Self.zone()) { $0.maximumHeaderBytes = 1000 }
    let long = [HeaderField].test() + [HeaderField("X", String(repeating: "y", count: 1000))]
    #expect(small.evaluate(header: long).dmarc.cause == .messageTooLarge)
    #expect(small.evaluate(header: long).dkim.isEmpty)
    // A signed message is not an unsigned one because nobody looked.
    let signed = small.evaluate(header: long + [HeaderField("DKIM-Signature", " v=1")])
    #expect(signed.dkim.map(\.cause) == [.messageTooLarge])
    #expect(signed.dkim.map(\.result) == [.permerror])
  }

  @Test func evidenceNamesEachQuestionInAFixedOrder() throws {
    let evaluation = try evaluate(Self.zone(), signedBy: ["example.com"])
    #expect(
      evaluation.dns.map { "\($0.name) \($0.type.rawValue) \($0.outcome.rawValue)" } == [
        "mail.example.com TXT nxdomain", "example.com TXT answer",
        "s1._domainkey.example.com TXT answer", "_dmarc.example.com TXT answer",
        "_dmarc.com TXT nxdomain", "_dmarc.mail.example.com TXT nxdomain",
      ])
  }

  // MARK: - Public suffix list

  @Test func findsPoliciesByThePublicSuffixList() throws {
    let path = "/usr/share/publicsuffix/public_suffix_list.dat"
    let list = try #require(PublicSuffixList(path: path))
    let zone = """
      _dmarc.example.co.uk: [{TXT: "v=DMARC1; p=reject; sp=quarantine"}]
      _dmarc.co.uk: [{TXT: "v=DMARC1; p=none"}]
      mail.example.co.uk: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
      """
    let listed = try evaluate(
      zone, from: "a@news.example.co.uk", mailFrom: "a@mail.example.co.uk"
    ) { $0.discovery = .psl(list) }
    #expect(listed.dmarc.result == .pass)
    #expect(listed.dmarc.discovery == .psl)
    #expect(listed.dmarc.policyDomain?.text == "example.co.uk")
    #expect(listed.dmarc.organizationalDomain?.text == "example.co.uk")
    #expect(listed.dmarc.appliedPolicy == .quarantine)
    // The tree walk takes the record of co.uk at its word: it says nothing of being a suffix.
    let walked = try evaluate(zone, from: "a@news.example.co.uk", mailFrom: "a@mail.example.co.uk")
    #expect(walked.dmarc.policyDomain?.text == "co.uk")
    #expect(walked.dmarc.discovery == .treewalk)
  }
}
