import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

@Suite struct DestinationVerifierTests {
  private static let name = "example.com._report._dmarc.rep.example.net"

  /// A case of the table: what the DNS holds under the name of the question, and what follows.
  struct Case: Sendable, CustomTestStringConvertible {
    var records: String
    var expected: String
    var testDescription: String { records }

    init(_ records: String, _ expected: String) {
      self.records = records
      self.expected = expected
    }
  }

  @Test(
    "an external host decides by what it publishes",
    arguments: [
      Case("TXT: v=DMARC1", "authorized"),
      Case("TXT: v=DMARC1;", "authorized"),
      Case("TXT: v=DMARC1; p=none", "authorized"),
      Case("TXT: [v=DM, 'ARC1;']", "authorized"),
      Case("TXT: v=DMARC1; ruf=mailto:f@elsewhere.example", "authorized"),
      Case("TXT: hello", "not authorized"),
      Case("TXT: v=spf1 -all", "not authorized"),
      Case("TXT: p=none; v=DMARC1", "not authorized"),
      Case("TXT: v=DMARC1; broken", "not authorized"),
      Case("A: 192.0.2.1", "not authorized"),
      Case("TXT: TIMEOUT", "undecided"),
      Case("TXT: SERVFAIL", "undecided"),
      Case("TXT: REFUSED", "undecided"),
      // Several records.
      Case("TXT: hello}, {TXT: v=DMARC1", "authorized"),
      Case("TXT: v=DMARC1}, {TXT: v=DMARC1; p=none", "authorized"),
      // An override.
      Case("TXT: 'v=DMARC1; rua=mailto:new@rep.example.net'", "authorized new@rep.example.net"),
      Case(
        "TXT: 'v=DMARC1; rua=mailto:x@rep.example.net!1k, mailto:y@REP.example.net'",
        "authorized x@rep.example.net y@rep.example.net"),
      Case(
        "TXT: 'v=DMARC1; rua=mailto:x@rep.example.net'}, "
          + "{TXT: 'v=DMARC1; rua=mailto:y@rep.example.net'}, {TXT: v=DMARC1",
        "authorized x@rep.example.net y@rep.example.net"),
      Case("TXT: 'v=DMARC1; rua=mailto:new@other.example'", "not authorized"),
      Case("TXT: 'v=DMARC1; rua=mailto:new@sub.rep.example.net'", "not authorized"),
      Case("TXT: 'v=DMARC1; rua=mailto:new@example.net'", "not authorized"),
      Case(
        "TXT: 'v=DMARC1; rua=mailto:x@rep.example.net,mailto:y@other.example'", "not authorized"),
      Case(
        "TXT: 'v=DMARC1; rua=mailto:x@rep.example.net'}, "
          + "{TXT: 'v=DMARC1; rua=mailto:y@other.example'", "not authorized"),
      Case(
        "TXT: 'v=DMARC1; rua=https://rep.example.net/,mailto:x@rep.example.net'",
        "authorized x@rep.example.net"),
      Case("TXT: 'v=DMARC1; rua=https://rep.example.net/'", "not authorized"),
      Case("TXT: 'v=DMARC1; rua=new@rep.example.net'", "not authorized"),
      // Aliases.
      Case("CNAME: yes.example.net", "authorized"),
      Case("CNAME: no.example.net", "not authorized"),
      Case("CNAME: slow.example.net", "undecided"),
      Case("CNAME: \(name)", "undecided"),
    ])
  func table(_ example: Case) throws {
    let scene = try DestinationScene(
      zone: """
        \(Self.name): [{\(example.records)}]
        yes.example.net: [{TXT: v=DMARC1}]
        slow.example.net: [TIMEOUT]
        """)
    let verdict = try scene.verdict(on: "rep.example.net", about: "example.com")
    #expect(verdict.words == example.expected)
    #expect(verdict.question == Self.name)
    #expect(verdict.reason.contains(Self.name))
    #expect((verdict.expiresAt == nil) == (example.expected == "undecided"))
  }

  @Test("no record is no consent")
  func noRecord() throws {
    let scene = try DestinationScene(zone: "x.example: [{A: 192.0.2.1}]")
    let verdict = try scene.verdict(on: "rep.example.net", about: "example.com")
    #expect(verdict.decision == .notAuthorized)
    #expect(verdict.reason.hasSuffix("\(Self.name) does not exist"))
  }

  @Test("asks under the policy domain, not under its organization, and for nothing else")
  func question() throws {
    let scene = try DestinationScene(
      zone: "blue.example.com._report._dmarc.red.example.net: [{TXT: v=DMARC1}]")
    let verdict = try scene.verdict(on: "red.example.net", about: "blue.example.com")
    #expect(verdict.words == "authorized")
    #expect(
      scene.resolver.takeAsked() == ["blue.example.com._report._dmarc.red.example.net"])
  }

  @Test("a host in the same organization need not agree")
  func sameOrganization() throws {
    let scene = try DestinationScene(
      zone: """
        _dmarc.example.com: [{TXT: v=DMARC1; p=none}]
        _dmarc.shop.example.com: [{TXT: v=DMARC1; p=none}]
        """)
    for (host, policyDomain) in [
      ("example.com", "example.com"), ("rep.example.com", "example.com"),
      ("example.com", "shop.example.com"), ("rep.example.com", "shop.example.com"),
    ] {
      let verdict = try scene.verdict(on: host, about: policyDomain)
      #expect(verdict.decision == .sameOrganization)
      #expect(verdict.question == nil)
    }
    #expect(!scene.resolver.takeAsked().contains { $0.contains("_report") })
  }

  @Test("a part of a domain that is an organization of its own has to agree")
  func otherOrganizationBelow() throws {
    let scene = try DestinationScene(
      zone: """
        _dmarc.example.com: [{TXT: v=DMARC1; p=none}]
        _dmarc.own.example.com: [{TXT: v=DMARC1; p=none; psd=n}]
        """)
    let verdict = try scene.verdict(on: "own.example.com", about: "example.com")
    #expect(verdict.decision == .notAuthorized)
    #expect(verdict.question == "example.com._report._dmarc.own.example.com")
  }

  @Test("a failure while looking for the organization leaves it undecided")
  func organizationUnknown() throws {
    let scene = try DestinationScene(
      zone: """
        _dmarc.example.com: [SERVFAIL]
        example.com._report._dmarc.rep.other.com: [{TXT: v=DMARC1}]
        """)
    let verdict = try scene.verdict(on: "rep.other.com", about: "example.com")
    #expect(verdict.decision == .undecided)
    #expect(verdict.reason.contains("_dmarc.example.com ended in servfail"))
    #expect(verdict.expiresAt == nil)
  }

  @Test("a name that is too long for the DNS is never asked for, and is no consent")
  func nameTooLong() throws {
    let scene = try DestinationScene(zone: "x.example: [TIMEOUT]")
    let long = String(repeating: "a234567890.", count: 20) + "example"
    let verdict = try scene.verdict(on: "reports.example.net", about: long)
    #expect(verdict.decision == .notAuthorized)
    #expect(verdict.reason.contains("too long"))
    #expect(scene.resolver.takeAsked().isEmpty)
  }

  @Test("a wildcard agrees to everybody, unless something else stands there")
  func wildcard() throws {
    let scene = try DestinationScene(
      zone: "no.example.com._report._dmarc.rep.example.net: [{TXT: no}]")
    scene.resolver.addWildcard(below: "_report._dmarc.rep.example.net", "v=DMARC1;")
    #expect(try scene.verdict(on: "rep.example.net", about: "example.com").words == "authorized")
    #expect(try scene.verdict(on: "rep.example.net", about: "a.b.c.org").words == "authorized")
    #expect(
      try scene.verdict(on: "rep.example.net", about: "no.example.com").words == "not authorized")
  }

  @Test("a wildcard of another purpose agrees to nothing")
  func foreignWildcard() throws {
    let scene = try DestinationScene(zone: "x.example: [TIMEOUT]")
    scene.resolver.addWildcard(below: "example.net", "v=spf1 -all")
    #expect(
      try scene.verdict(on: "rep.example.net", about: "example.com").words == "not authorized")
  }

  @Test("failure reports go where ruf says")
  func failureReports() throws {
    let scene = try DestinationScene(
      zone: """
        \(Self.name): [{TXT: 'v=DMARC1; rua=mailto:a@other.example; ruf=mailto:f@rep.example.net'}]
        """)
    let verdict = try scene.verdict(on: "rep.example.net", about: "example.com", tag: .ruf)
    #expect(verdict.words == "authorized f@rep.example.net")
    #expect(
      try scene.verdict(on: "rep.example.net", about: "example.com").words == "not authorized")
  }

  // MARK: - Kept answers

  @Test(
    "keeps an answer as long as the DNS says, within bounds",
    arguments: [
      (0, "TXT: v=DMARC1", 300), (60, "TXT: v=DMARC1", 300), (3_000, "TXT: v=DMARC1", 3_000),
      (9_999_999, "TXT: v=DMARC1", 86_400), (0, "TXT: no", 300), (0, "A: 192.0.2.1", 3_600),
      (900, "A: 192.0.2.1", 900),
    ] as [(Int, String, Int64)])
  func lifetime(_ ttlSeconds: Int, _ record: String, _ seconds: Int64) throws {
    let scene = try DestinationScene(zone: "\(Self.name): [{\(record)}]")
    scene.resolver.change(ttlSeconds: ttlSeconds)
    let now = DestinationScene.now
    let verdict = try scene.verdict(on: "rep.example.net", about: "example.com")
    #expect(verdict.expiresAt == now + seconds)
    _ = scene.resolver.takeAsked()
    let kept = try scene.verdict(
      on: "rep.example.net", about: "example.com", now: now + seconds - 1)
    #expect(kept == verdict)
    #expect(scene.resolver.takeAsked().isEmpty)
    _ = try scene.verdict(on: "rep.example.net", about: "example.com", now: now + seconds)
    #expect(scene.resolver.takeAsked() == [Self.name])
  }

  @Test("an override is kept with its limit")
  func keptOverride() throws {
    let scene = try DestinationScene(
      zone: "\(Self.name): [{TXT: 'v=DMARC1; rua=mailto:a%21b@rep.example.net!1k'}]")
    let first = try scene.verdict(on: "rep.example.net", about: "example.com")
    #expect(first.words == "authorized a!b@rep.example.net")
    #expect(try scene.verdict(on: "rep.example.net", about: "example.com") == first)
    #expect(scene.resolver.takeAsked().count == 1)
  }

  @Test("what is undecided is asked again at once")
  func undecidedIsNotKept() throws {
    let scene = try DestinationScene(zone: "\(Self.name): [TIMEOUT]")
    #expect(try scene.verdict(on: "rep.example.net", about: "example.com").words == "undecided")
    try scene.resolver.change(zone: "\(Self.name): [{TXT: v=DMARC1}]")
    #expect(try scene.verdict(on: "rep.example.net", about: "example.com").words == "authorized")
  }

  @Test("DNS trouble does not undo a consent that still holds, and does not outlive it")
  func troubleAfterConsent() throws {
    let scene = try DestinationScene(zone: "\(Self.name): [{TXT: v=DMARC1}]")
    scene.resolver.change(ttlSeconds: 1_000)
    let now = DestinationScene.now
    #expect(try scene.verdict(on: "rep.example.net", about: "example.com").words == "authorized")
    try scene.resolver.change(zone: "\(Self.name): [SERVFAIL]")
    #expect(
      try scene.verdict(on: "rep.example.net", about: "example.com", now: now + 999).words
        == "authorized")
    #expect(
      try scene.verdict(on: "rep.example.net", about: "example.com", now: now + 1_000).words
        == "undecided")
  }

  @Test("kept answers are told apart by domain, host and tag")
  func keptApart() throws {
    let scene = try DestinationScene(zone: "\(Self.name): [{TXT: v=DMARC1}]")
    _ = try scene.verdict(on: "rep.example.net", about: "example.com")
    _ = scene.resolver.takeAsked()
    _ = try scene.verdict(on: "rep.example.net", about: "example.com", tag: .ruf)
    _ = try scene.verdict(on: "rep.example.net", about: "a.example.com")
    _ = try scene.verdict(on: "a.rep.example.net", about: "example.com")
    #expect(scene.resolver.takeAsked().count == 3)
  }

  @Test("keeps nothing when it is told so")
  func keepsNothing() throws {
    var scene = try DestinationScene(zone: "\(Self.name): [{TXT: v=DMARC1}]")
    scene.keepsAnswers = false
    _ = try scene.verdict(on: "rep.example.net", about: "example.com")
    _ = try scene.verdict(on: "rep.example.net", about: "example.com")
    #expect(scene.resolver.takeAsked().count == 2)
  }
}

extension DestinationVerdict {
  /// The decision in words, with the addresses that are to be used instead.
  fileprivate var words: String {
    switch decision {
    case .sameOrganization: "same organization"
    case .authorized(let overrides):
      (["authorized"] + overrides.map(\.address)).joined(separator: " ")
    case .notAuthorized: "not authorized"
    case .undecided: "undecided"
    }
  }
}
