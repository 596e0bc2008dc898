import MailAuth
import TestSupport
import Testing

/// The local policy, rule by rule.
@Suite struct PolicyDecisionTests {
  typealias Outcomes = [LocalPolicy.Enforcement: (Disposition, [OverrideReason])]

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var evaluation = PolicyDecisionTests.fails(.reject)
    var envelope = Envelope.test()
    var policy = LocalPolicy()
    var disposition = Disposition.none
    var reasons: [OverrideReason] = []
    var reply: String?

    init(_ name: String, _ change: (inout Case) -> Void) {
      testDescription = name
      change(&self)
    }

    /// What follows under the three degrees of enforcement.
    static func each(
      _ name: String, _ change: (inout Case) -> Void,
      _ expected: Outcomes
    ) -> [Case] {
      LocalPolicy.Enforcement.allCases.map { enforcement in
        Case("\(name), enforce \(enforcement)") {
          change(&$0)
          $0.policy.enforcement = enforcement
          ($0.disposition, $0.reasons) = expected[enforcement] ?? (.none, [])
          if $0.disposition == .reject { $0.reply = rejection }
        }
      }
    }
  }

  private static let rejection = "550 5.7.26 Rejected by the DMARC policy of example.com"

  /// A message with nothing in its favour, from nowhere.
  private static func fails(
    _ policy: DomainOwnerPolicy, testing: Bool = false, signs: [FlowSign] = [],
    spf: SPFOutcome = .test(.none, .noRecord, domain: "esp.example", isAligned: false),
    dkim: [DKIMOutcome] = []
  ) -> Evaluation {
    let record = DMARCPolicyRecord.test(policy) { $0.isTesting = testing }
    let down: DomainOwnerPolicy = policy == .reject ? .quarantine : .none
    var dmarc = DMARCOutcome.test(
      .fail, .noIdentifier, record: record, applied: testing ? down : policy)
    dmarc.policyBeforeTesting = policy
    return evaluation(dmarc, flow: FlowEvidence(signs: signs), spf: spf, dkim: dkim)
  }

  private static func evaluation(
    _ dmarc: DMARCOutcome, flow: FlowEvidence = FlowEvidence(), spf: SPFOutcome = .test(.fail),
    dkim: [DKIMOutcome] = [], author: DomainName? = domain("example.com")
  ) -> Evaluation {
    Evaluation(
      authorDomain: author, mailFromSPF: spf, heloSPF: .test(.none, identity: .helo), dkim: dkim,
      dmarc: dmarc, flow: flow, dns: [])
  }

  static let policies =
    Case.each(
      "p=none", { $0.evaluation = fails(.none) }, [:])
    + Case.each(
      "p=none; t=y", { $0.evaluation = fails(.none, testing: true) }, [:])
    + Case.each(
      "p=quarantine", { $0.evaluation = fails(.quarantine) },
      [.off: (.none, [.monitoring]), .quarantine: (.quarantine, []), .reject: (.quarantine, [])])
    + Case.each(
      "p=quarantine; t=y", { $0.evaluation = fails(.quarantine, testing: true) },
      spared(.testMode))
    + Case.each(
      "p=reject", { $0.evaluation = fails(.reject) },
      [
        .off: (.none, [.monitoring]), .quarantine: (.quarantine, [.quarantineOnly]),
        .reject: (.reject, []),
      ])
    + Case.each(
      "p=reject; t=y", { $0.evaluation = fails(.reject, testing: true) },
      [
        .off: (.none, [.testMode, .monitoring]), .quarantine: (.quarantine, [.testMode]),
        .reject: (.quarantine, [.testMode]),
      ])

  /// SPF and DKIM alone decide nothing.
  static let withoutFailure =
    Case.each(
      "no policy record, SPF fail, DKIM fail",
      {
        $0.evaluation = evaluation(
          .testWithoutRecord, dkim: [.test(.fail, .bodyHashMismatch)])
      }, [:])
    + Case.each(
      "DMARC pass by DKIM, SPF fail",
      { $0.evaluation = evaluation(.test(.pass, dkimAligned: true), dkim: [.test(.pass)]) }, [:])
    + Case.each(
      "a record that cannot be used",
      {
        var dmarc = DMARCOutcome.testWithoutRecord
        (dmarc.result, dmarc.cause) = (.permerror, .recordSyntax)
        $0.evaluation = evaluation(dmarc)
        $0.policy.onBadFrom = .reject
      }, [:])

  private static let clientNetwork = IPNetwork("192.0.2.0/28").map { [$0] } ?? []
  private static let otherNetwork = IPNetwork("198.51.100.0/24").map { [$0] } ?? []
  private static func forwarder(_ text: String) -> [TrustedForwarder] {
    TrustedForwarder(text).map { [$0] } ?? []
  }

  private static func spared(_ reason: OverrideReason) -> Outcomes {
    [.off: (.none, [reason]), .quarantine: (.none, [reason]), .reject: (.none, [reason])]
  }

  private static let notSpared: Outcomes = [
    .off: (.none, [.monitoring]), .quarantine: (.quarantine, [.quarantineOnly]),
    .reject: (.reject, []),
  ]

  static let exemptions =
    Case.each(
      "client in an exempt network", { $0.policy.exemptNetworks = clientNetwork },
      spared(.exemptNetwork))
    + Case.each(
      "client outside the exempt networks", { $0.policy.exemptNetworks = otherNetwork }, notSpared)
    + Case.each(
      "exempt although the policy is tested",
      {
        $0.evaluation = fails(.reject, testing: true)
        $0.policy.exemptNetworks = clientNetwork
      },
      [
        .off: (.none, [.testMode, .exemptNetwork]),
        .quarantine: (.none, [.testMode, .exemptNetwork]),
        .reject: (.none, [.testMode, .exemptNetwork]),
      ])
    + Case.each(
      "mail of a list",
      { $0.evaluation = fails(.reject, signs: [.listID]) },
      [
        .off: (.none, [.monitoring]), .quarantine: (.quarantine, [.quarantineOnly]),
        .reject: (.quarantine, [.mailingList]),
      ])
    + Case.each(
      "mail of a list, lists not spared",
      {
        $0.evaluation = fails(.reject, signs: [.listID, .listFields])
        $0.policy.sparesMailingLists = false
      }, notSpared)
    + Case.each(
      "nothing of a list but the form of the return path",
      { $0.evaluation = fails(.reject, signs: [.listReturnPath]) }, notSpared)

  static let forwarders =
    [
      ("SPF fail", fails(.reject, spf: .test(.fail))),
      ("SPF softfail", fails(.reject, spf: .test(.softfail))),
      ("SRS", fails(.reject, signs: [.rewrittenReturnPath])),
      ("a list behind it", fails(.reject, signs: [.listID])),
      ("a broken aligned signature", fails(.reject, dkim: [.test(.fail, .bodyHashMismatch)])),
    ].flatMap { name, evaluation in
      Case.each(
        "trusted forwarder by address, \(name)",
        {
          $0.evaluation = evaluation
          $0.policy.trustedForwarders = forwarder("192.0.2.1")
        }, spared(.trustedForwarder))
    }
    + Case.each(
      "trusted forwarder, and nothing looks like forwarding",
      { $0.policy.trustedForwarders = forwarder("192.0.2.1") }, notSpared)
    + Case.each(
      "trusted forwarder, a broken signature of somebody else",
      {
        $0.evaluation = fails(
          .reject,
          dkim: [.test(.fail, .bodyHashMismatch, domain: "esp.example", isAligned: false)])
        $0.policy.trustedForwarders = forwarder("192.0.2.1")
      }, notSpared)
    + Case.each(
      "trusted forwarder, a bounce with its own HELO name",
      {
        $0.evaluation = fails(.reject, spf: .test(.pass, domain: "mx.example", isAligned: false))
        $0.envelope = .test(mailFrom: "")
        $0.policy.trustedForwarders = forwarder("192.0.2.1")
      }, spared(.trustedForwarder))
    + Case.each(
      "trusted forwarder, a null reverse-path and a HELO name that SPF fails",
      {
        $0.evaluation = fails(.reject, spf: .test(.fail))
        $0.envelope = .test(mailFrom: "")
        $0.policy.trustedForwarders = forwarder("192.0.2.1")
      }, notSpared)
    + [
      ("MX1.Alumni.Example", true), ("alumni.example", true), ("notalumni.example", false),
      ("alumni.example.evil.example", false), (nil, false),
    ].flatMap { (name: String?, isTrusted: Bool) in
      Case.each(
        "trusted forwarder by name, client \(name ?? "without one")",
        {
          $0.evaluation = fails(.reject, spf: .test(.fail))
          $0.envelope.clientName = name
          // What the client calls itself proves nothing.
          $0.envelope.helo = Array("mx1.alumni.example".utf8)
          $0.policy.trustedForwarders = forwarder("alumni.example")
        }, isTrusted ? spared(.trustedForwarder) : notSpared)
    }

  private static let deferral =
    "451 4.7.1 DMARC of example.com could not be evaluated because of the DNS, try again later"

  static let temporaryErrors = [
    Case("temperror, accepted") {
      $0.evaluation = evaluation(.test(.temperror, .identifierTemperror))
      $0.policy.enforcement = .reject
      $0.reasons = [.temporaryError]
    },
    Case("temperror, deferred") {
      $0.evaluation = evaluation(.test(.temperror, .identifierTemperror))
      $0.policy.onTemporaryError = .tempfail
      $0.reasons = [.deferred]
      $0.reply = deferral
    },
    Case("temperror under p=none, nothing to wait for") {
      $0.evaluation = evaluation(
        .test(
          .temperror, .identifierTemperror, record: .test(.none),
          applied: DomainOwnerPolicy.none))
      $0.policy.onTemporaryError = .tempfail
      $0.reasons = [.temporaryError]
    },
    Case("temperror of the policy itself, accepted") {
      var dmarc = DMARCOutcome.testWithoutRecord
      (dmarc.result, dmarc.cause) = (.temperror, .policyServfail)
      $0.evaluation = evaluation(dmarc)
      $0.policy.enforcement = .reject
    },
    Case("temperror of the policy itself, deferred") {
      var dmarc = DMARCOutcome.testWithoutRecord
      (dmarc.result, dmarc.cause) = (.temperror, .policyServfail)
      $0.evaluation = evaluation(dmarc)
      $0.policy.onTemporaryError = .tempfail
      $0.reasons = [.deferred]
      $0.reply = deferral
    },
    Case("temperror, client exempt") {
      $0.evaluation = evaluation(.test(.temperror, .identifierTemperror))
      $0.policy.onTemporaryError = .tempfail
      $0.policy.exemptNetworks = clientNetwork
      $0.reasons = [.temporaryError]
    },
  ]

  static let badFrom = [
    DMARCCause.noFrom, .multipleFromFields, .multipleFromDomains, .invalidFrom, .messageTooLarge,
  ].flatMap { cause in
    var dmarc = DMARCOutcome.testWithoutRecord
    (dmarc.result, dmarc.cause) = (cause == .noFrom ? .none : .permerror, cause)
    let bad = evaluation(dmarc, author: nil)
    let breaksLimit = cause == .multipleFromDomains || cause == .messageTooLarge
    let reason = breaksLimit ? OverrideReason.beyondLimits : .unusableFrom
    return Case.each(
      "\(cause), accepted", { $0.evaluation = bad },
      breaksLimit
        ? [.quarantine: (.quarantine, [reason]), .reject: (.quarantine, [reason])] : [:])
      + Case.each(
        "\(cause), quarantined",
        {
          $0.evaluation = bad
          $0.policy.onBadFrom = .quarantine
        },
        Dictionary(
          uniqueKeysWithValues: LocalPolicy.Enforcement.allCases.map {
            ($0, (.quarantine, [reason]))
          })) + [
        Case("\(cause), refused") {
          $0.evaluation = bad
          $0.policy.onBadFrom = .reject
          $0.disposition = .reject
          $0.reasons = [reason]
          $0.reply = "550 5.7.1 "
        },
        Case("\(cause), enforced, client exempt") {
          $0.evaluation = bad
          $0.policy.enforcement = .reject
          $0.policy.exemptNetworks = clientNetwork
          $0.reasons = breaksLimit ? [.exemptNetwork] : []
        },
        Case("\(cause), client exempt") {
          $0.evaluation = bad
          $0.policy.onBadFrom = .reject
          $0.policy.exemptNetworks = clientNetwork
          $0.reasons = [.exemptNetwork]
        },
      ]
  }

  @Test(
    arguments: policies + withoutFailure + exemptions + forwarders + temporaryErrors + badFrom)
  func decides(_ example: Case) {
    let verdict = Verdict(
      example.evaluation, envelope: example.envelope,
      settings: VerdictSettings(authservID: "mx.receiver.example", policy: example.policy))
    #expect(verdict.disposition == example.disposition)
    #expect(verdict.overrideReasons == example.reasons)
    switch verdict.answer {
    case .accept, .hold: #expect(example.reply == nil)
    case .reject(let reply):
      #expect(reply.description.hasPrefix(example.reply ?? "nothing"))
      #expect(example.disposition == .reject)
    case .tempfail(let reply): #expect(reply.description == example.reply)
    }
    let isMarked = verdict.addedFields.map(\.name).contains("X-Plumbline-Disposition")
    #expect(isMarked == (example.disposition == .quarantine))
  }

  @Test func everyRuleHasACommentOfItsOwn() {
    let reasons: [OverrideReason] = [
      .monitoring, .testMode, .exemptNetwork, .trustedForwarder, .mailingList, .quarantineOnly,
      .temporaryError, .deferred, .unusableFrom, .sampledOut, .beyondLimits,
    ]
    #expect(Set(reasons.map(\.comment)).count == reasons.count)
    #expect(reasons.allSatisfy { $0.comment?.isEmpty == false })
  }

  @Test(arguments: LocalPolicy.QuarantineAction.allCases)
  func quarantinesAsConfigured(_ action: LocalPolicy.QuarantineAction) throws {
    var policy = LocalPolicy()
    policy.enforcement = .quarantine
    policy.quarantineAction = action
    policy.quarantineField = try #require(QuarantineField("X-Spam-Flag: YES"))
    let verdict = Verdict(
      Self.fails(.quarantine), envelope: .test(),
      settings: VerdictSettings(authservID: "mx", policy: policy))
    #expect(verdict.disposition == .quarantine)
    #expect(verdict.authenticationResults.contains(" (p=quarantine dis=quarantine) "))
    #expect(verdict.addedFields.first?.name == "Authentication-Results")
    let mark = AddedField(name: "X-Spam-Flag", value: "YES")
    #expect(verdict.addedFields.contains(mark) == (action == .header))
    #expect(verdict.addedFields.count == (action == .header ? 2 : 1))
    #expect(
      verdict.answer
        == (action == .hold ? .hold(reason: "DMARC policy of example.com") : .accept))
  }

  @Test func tellsTheClientWhatIsConfigured() throws {
    var policy = LocalPolicy()
    policy.enforcement = .reject
    policy.rejectText = try #require(RejectText("DMARC says no: {domain}, 100% {domain}"))
    let verdict = Verdict(
      Self.fails(.reject), envelope: .test(),
      settings: VerdictSettings(authservID: "mx", policy: policy))
    #expect(
      verdict.answer
        == .reject(
          SMTPReply(
            code: "550", enhancedCode: "5.7.26",
            text: "DMARC says no: example.com, 100% example.com")))
  }

  @Test(arguments: [
    ("X-Plumbline-Disposition: quarantine", true), ("X-Spam:YES", true), ("x-a_b: c d; e", true),
    ("Subject: spam", false), ("X-: a", false), ("X-A:", false), ("X-A: ", false), ("X-A", false),
    ("X A: b", false), ("X-A: b\r\nBcc: c", false), ("X-A: caf\u{E9}", false), ("", false),
    ("X-\(String(repeating: "a", count: 69)): b", false),
    ("X-A: \(String(repeating: "b", count: 201))", false),
  ])
  func takesFieldsOfItsOwnOnly(_ text: String, _ isTaken: Bool) throws {
    let field = QuarantineField(text)
    #expect((field != nil) == isTaken)
    if let field { #expect(QuarantineField(field.description) == field) }
  }

  @Test(arguments: [
    ("DMARC {domain}", true), ("dmarc {domain}", false), ("DMARC", false), ("{domain}", false),
    ("DMARC {domain}\r\n250 ok", false), ("DMARC {domain} \u{E9}", false),
    ("DMARC {domain}" + String(repeating: "x", count: 187), false),
  ])
  func takesTextsThatNameTheDomain(_ text: String, _ isTaken: Bool) {
    #expect((RejectText(text) != nil) == isTaken)
  }

  @Test(arguments: [
    ("192.0.2.1", true), ("192.0.2.0/24", true), ("2001:db8::/32", true), ("alumni.example", true),
    ("b\u{FC}cher.example", true), ("example", false), ("192.0.2.256", false), ("", false),
    ("*.alumni.example", false), ("192.0.2.0/33", false),
  ])
  func takesForwardersByAddressOrName(_ text: String, _ isTaken: Bool) throws {
    let forwarder = TrustedForwarder(text)
    #expect((forwarder != nil) == isTaken)
    if let forwarder { #expect(TrustedForwarder(forwarder.description) == forwarder) }
  }

  @Test func aForwarderWrittenIPv4MappedIsTheIPv4Client() throws {
    #expect(TrustedForwarder("::ffff:192.0.2.1") == TrustedForwarder("192.0.2.1"))
  }
}
