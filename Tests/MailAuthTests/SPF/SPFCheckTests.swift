import Testing

@testable import MailAuth

@Suite struct SPFCheckTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let cause: SPFCause
    let result: SPFResult
    /// Term and the domain whose record holds it, as `term @ domain`; empty for none.
    var place = ""
    var failedName: String?
    var client = "192.0.2.1"
    let zone: String
    let sentence: String

    var testDescription: String { "\(cause.rawValue): \(zone)" }
  }

  static let cases: [Case] = [
    Case(
      cause: .matched, result: .softfail, place: "~all @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 ~all'}]",
      sentence: "192.0.2.1 is not listed in the SPF record of example.com: ~all matched (softfail)."),
    Case(
      cause: .matched, result: .pass, place: "IP4:192.0.2.0/24 @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 IP4:192.0.2.0/24 -all'}]",
      sentence: "192.0.2.1 is authorized by the SPF record of example.com: "
        + "IP4:192.0.2.0/24 matched (pass)."),
    Case(
      cause: .matched, result: .fail, place: "-a:b.example @ example.com",
      zone: "{example.com: [{TXT: 'v=spf1 -a:b.example +all'}], b.example: [{A: 192.0.2.1}]}",
      sentence: "192.0.2.1 is excluded by the SPF record of example.com: "
        + "-a:b.example matched (fail)."),
    Case(
      cause: .matched, result: .pass, place: "+all @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 +all'}]",
      sentence: "The SPF record of example.com authorizes every client, 192.0.2.1 too: "
        + "+all matched (pass)."),
    Case(
      cause: .matched, result: .neutral, place: "?mx @ example.com",
      zone:
        "{example.com: [{TXT: 'v=spf1 ?mx'}, {MX: [1, b.example]}], b.example: [{A: 192.0.2.1}]}",
      sentence:
        "The SPF record of example.com asserts nothing about 192.0.2.1: ?mx matched (neutral)."),
    Case(
      cause: .matched, result: .pass, place: "include:b.example @ example.com",
      zone: "{example.com: [{TXT: 'v=spf1 include:b.example -all'}], "
        + "b.example: [{TXT: 'v=spf1 ip4:192.0.2.1'}]}",
      sentence: "192.0.2.1 is authorized by the SPF record of example.com: "
        + "include:b.example matched through ip4:192.0.2.1 of b.example (pass)."),
    Case(
      cause: .matched, result: .fail, place: "-all @ b.example",
      zone:
        "{example.com: [{TXT: 'v=spf1 redirect=b.example'}], b.example: [{TXT: 'v=spf1 -all'}]}",
      sentence: "192.0.2.1 is not listed in the SPF record of b.example: -all matched (fail)."),
    Case(
      cause: .noMatch, result: .neutral, zone: "example.com: [{TXT: 'v=spf1 ip4:192.0.2.2'}]",
      sentence: "Nothing in the SPF record of example.com matches 192.0.2.1, and neither all nor a "
        + "redirect= decides the rest (neutral)."),
    Case(
      cause: .noRecord, result: .none, zone: "example.com: [{TXT: 'v=spf2'}]",
      sentence: "example.com publishes no SPF record (none)."),
    Case(
      cause: .noRecord, result: .none, zone: "example.com: [{A: 192.0.2.1}]",
      sentence: "example.com publishes no SPF record (none)."),
    Case(
      cause: .noSuchDomain, result: .none, zone: "example.org: []",
      sentence: "example.com does not exist in the DNS (none)."),
    Case(
      cause: .recordSyntax, result: .permerror, place: "moo @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 ip4:192.0.2.1 moo'}]",
      sentence: "The SPF record of example.com is broken: \"moo\" is neither a mechanism (all, "
        + "include, a, mx, ptr, ip4, ip6, exists) nor a modifier (permerror)."),
    Case(
      cause: .recordSyntax, result: .permerror, place: "a:192.0.2.1 @ b.example",
      zone: "{example.com: [{TXT: 'v=spf1 include:b.example'}], "
        + "b.example: [{TXT: 'v=spf1 a:192.0.2.1'}]}",
      sentence: "The SPF record of b.example is broken: \"a:192.0.2.1\" holds an address where a "
        + "domain must be (ip4: and ip6: take addresses) (permerror)."),
    Case(
      cause: .multipleRecords, result: .permerror,
      zone: "example.com: [{TXT: 'v=spf1 a'}, {TXT: V=spf1}]",
      sentence: "example.com publishes 2 SPF records where one is allowed (permerror)."),
    Case(
      cause: .tooManyLookups, result: .permerror, place: "include:example.com @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 include:example.com'}]",
      sentence: "The SPF record of example.com needs more than 10 terms with DNS lookups; stopped "
        + "before include:example.com of example.com (permerror)."),
    Case(
      cause: .tooManyVoidLookups, result: .permerror, place: "mx:c.example @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 a exists:b.example mx:c.example +all'}]",
      sentence: "More than 2 terms of the SPF record of example.com look up names without an "
        + "answer; the last was mx:c.example of example.com (permerror)."),
    Case(
      cause: .tooManyMXHosts, result: .permerror, place: "mx @ example.com",
      zone: "{example.com: [{TXT: 'v=spf1 mx'}, "
        + (0...10).map { "{MX: [\($0), b.example]}" }.joined(separator: ", ")
        + "], b.example: [{A: 192.0.2.1}]}",
      sentence: "mx of example.com leads to 11 mail exchangers where 10 are allowed (permerror)."),
    Case(
      cause: .includeWithoutRecord, result: .permerror, place: "include:b.example @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 include:b.example +all'}]",
      sentence: "include:b.example of example.com leads to b.example, which does not exist in the "
        + "DNS (permerror)."),
    Case(
      cause: .includeWithoutRecord, result: .permerror, place: "include:b..example @ example.com",
      zone: "example.com: [{TXT: 'v=spf1 include:b..example +all'}]",
      sentence: "include:b..example of example.com leads to b..example, which is not a domain name "
        + "that the DNS can hold (permerror)."),
    Case(
      cause: .redirectWithoutRecord, result: .permerror, place: "redirect=b.example @ example.com",
      zone: "{example.com: [{TXT: 'v=spf1 redirect=b.example'}], b.example: [{A: 192.0.2.1}]}",
      sentence:
        "redirect=b.example of example.com leads to b.example, which publishes no SPF record "
        + "(permerror)."),
    Case(
      cause: .dnsTimeout, result: .temperror, failedName: "example.com",
      zone: "example.com: [TIMEOUT]",
      sentence: "The DNS query for example.com TXT was not answered in time: listed so in the zone "
        + "file (temperror)."),
    Case(
      cause: .dnsTimeout, result: .temperror, place: "include:b.example @ example.com",
      failedName: "b.example",
      zone: "{example.com: [{TXT: 'v=spf1 include:b.example'}], b.example: [TIMEOUT]}",
      sentence:
        "The DNS query for b.example TXT, needed by include:b.example of example.com, was not "
        + "answered in time: listed so in the zone file (temperror)."),
    Case(
      cause: .dnsServfail, result: .temperror, place: "mx @ example.com", failedName: "b.example",
      client: "2001:db8::1",
      zone: "{example.com: [{TXT: 'v=spf1 mx'}, {MX: [1, b.example]}], b.example: [SERVFAIL]}",
      sentence: "The DNS query for b.example AAAA, needed by mx of example.com, failed (SERVFAIL): "
        + "listed so in the zone file (temperror)."),
    Case(
      cause: .dnsServfail, result: .temperror, place: "exists:b.example @ example.com",
      failedName: "b.example",
      zone: "{example.com: [{TXT: 'v=spf1 exists:b.example'}], b.example: [REFUSED]}",
      sentence: "The DNS query for b.example A, needed by exists:b.example of example.com, was "
        + "refused by the DNS server (REFUSED): listed so in the zone file (temperror)."),
  ]

  @Test(arguments: cases)
  func saysWhatHappenedAndWhere(_ testCase: Case) throws {
    var bed = try SPFTestBed(zone: testCase.zone)
    bed.client = testCase.client
    let outcome = try bed.check()
    #expect(outcome.result == testCase.result)
    #expect(outcome.cause == testCase.cause)
    let place = outcome.term.map { "\($0) @ \(outcome.termDomain ?? "")" } ?? ""
    #expect(place == testCase.place)
    #expect(outcome.failedName == testCase.failedName)
    #expect(outcome.explanation == testCase.sentence)
    #expect(outcome.domain == "example.com")
  }

  @Test func saysThatDNSSECFailed() throws {
    let outcome = try SPFTestBed(resolver: ClosureResolver { _ in DNSAnswer(outcome: .bogus) })
      .check()
    #expect(outcome.result == .temperror)
    #expect(outcome.cause == .dnsBogus)
    #expect(outcome.explanation.contains("fails DNSSEC validation"))
  }

  /// Of the causes, these two come from the tests above and below.
  @Test func coversEveryCause() {
    let covered = Set(Self.cases.map(\.cause)).union([.invalidDomain, .dnsBogus])
    #expect(covered == Set(SPFCause.allCases))
  }

  @Test(arguments: [
    "user@localhost", "user@[192.0.2.1]", "user@192.0.2.1", "user@", "user", "@",
    "user@a..example.com", "user@ex ample.com", "user@ex!ample.com",
    "user@\(String(repeating: "a", count: 64)).example.com", "user@example.com\u{0}",
  ])
  func givesNoneForWhatIsNoDomain(_ mailFrom: String) throws {
    var bed = try SPFTestBed(record: "v=spf1 +all")
    bed.mailFrom = Array(mailFrom.utf8)
    let run = try bed.run()
    #expect(run.outcome.result == .none)
    #expect(run.outcome.cause == .invalidDomain)
    #expect(run.outcome.explanation.hasPrefix("The domain of the return path is "))
    #expect(run.evidence.isEmpty)
  }

  @Test func givesNoneForOctetsThatAreNotUTF8() throws {
    var bed = try SPFTestBed(record: "v=spf1 +all")
    bed.mailFrom = Array("user@".utf8) + [0xC3, 0x28] + Array(".com".utf8)
    let outcome = try bed.check()
    #expect(outcome.cause == .invalidDomain)
    #expect(outcome.domain == "\\xc3(.com")
  }

  // MARK: Identities

  @Test(arguments: ["localhost", "[192.0.2.1]", "192.0.2.1", "[IPv6:2001:db8::1]", ""])
  func checksNoHELOThatIsNoDomain(_ helo: String) throws {
    var bed = try SPFTestBed(record: "v=spf1 +all")
    bed.identity = .helo
    bed.helo = Array(helo.utf8)
    let outcome = try bed.check()
    #expect(outcome.result == .none)
    #expect(outcome.cause == .invalidDomain)
    #expect(outcome.domain == helo)
    #expect(outcome.explanation.hasPrefix("The HELO name is "))
  }

  static let heloZone = """
    mail.example.net:
      - TXT: v=spf1 exists:%{l}.%{o}.%{s}.test -all
    postmaster.mail.example.net.postmaster@mail.example.net.test:
      - A: 127.0.0.2
    """

  @Test(arguments: [(SPFIdentity.helo, "user@example.com"), (.mailFrom, "")])
  func checksPostmasterAtTheHELOName(_ identity: SPFIdentity, _ mailFrom: String) throws {
    var bed = try SPFTestBed(zone: Self.heloZone)
    bed.identity = identity
    bed.mailFrom = Array(mailFrom.utf8)
    bed.helo = Array("Mail.Example.NET.".utf8)
    let outcome = try bed.check()
    #expect(outcome.identity == identity)
    #expect(outcome.domain == "mail.example.net")
    #expect(outcome.result == .pass)
  }

  @Test func takesTheDomainAfterTheLastAt() throws {
    var bed = try SPFTestBed(record: "v=spf1 exists:%{l}.test", also: "a@b.test: [{A: 127.0.0.2}]")
    bed.mailFrom = Array("a@b@EXAMPLE.com".utf8)
    #expect(try bed.check().result == .pass)
  }

  @Test func checksULabelsAsALabels() throws {
    var bed = try SPFTestBed(
      zone: "xn--mnchen-3ya.example: [{TXT: 'v=spf1 exists:%{d}.test'}]\n"
        + "xn--mnchen-3ya.example.test: [{A: 127.0.0.2}]")
    bed.mailFrom = Array("user@München.example".utf8)
    let outcome = try bed.check()
    #expect(outcome.domain == "xn--mnchen-3ya.example")
    #expect(outcome.result == .pass)
  }

  // RFC 8616 section 4.
  @Test(arguments: [
    ("v=spf1 -exists:%{l}.test +all", SPFResult.pass), ("v=spf1 a:%{d1}.%{s} ?all", .neutral),
    ("v=spf1 include:%{L}.test ~all", .softfail), ("v=spf1 redirect=%{l}.test", .neutral),
    ("v=spf1 -all exp=%{l}.test", .fail),
  ])
  func matchesNoTermWithALocalPartBeyondASCII(_ record: String, _ result: SPFResult) throws {
    var bed = try SPFTestBed(record: record)
    bed.mailFrom = Array("jürgen@example.com".utf8)
    let run = try bed.run()
    #expect(run.outcome.result == result)
    #expect(run.outcome.senderExplanation == nil)
    #expect(run.evidence.count == 1)
  }

  @Test(arguments: [
    ("v=spf1 ip4:192.0.2.1 -all", SPFResult.pass), ("v=spf1 ip6:::ffff:192.0.2.1 -all", .fail),
    ("v=spf1 a -all", .pass), ("v=spf1 exists:%{i}.%{v}.test -all", .pass),
  ])
  func treatsMappedClientsAsIPv4(_ record: String, _ result: SPFResult) throws {
    var bed = try SPFTestBed(
      zone: "example.com: [{TXT: '\(record)'}, {A: 192.0.2.1}]\n"
        + "192.0.2.1.in-addr.test: [{A: 127.0.0.2}]")
    bed.client = "::ffff:192.0.2.1"
    let outcome = try bed.check()
    #expect(outcome.result == result)
    #expect(outcome.explanation.hasPrefix("192.0.2.1 is "))
  }

  @Test(arguments: [("127.0.0.1", SPFResult.fail), ("::1", .fail)])
  func givesLoopbackNoFreePass(_ client: String, _ result: SPFResult) throws {
    var bed = try SPFTestBed(record: "v=spf1 -all")
    bed.client = client
    #expect(try bed.check().result == result)
  }
}
