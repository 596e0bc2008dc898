import Synchronization
import Testing

@testable import MailAuth

/// Limits, long and hostile records: where libspf2 by itself gives wrong results or crashes.
@Suite struct SPFLimitTests {
  @Test(arguments: [64, 100, 3000])
  func readsLongRecordsToTheEnd(_ count: Int) throws {
    let terms = (0..<count).map { "ip4:198.51.\($0 / 256).\($0 % 256)" }
    let record = "v=spf1 \(terms.joined(separator: " ")) -all"
    var bed = SPFTestBed(resolver: ClosureResolver { _ in .text(record.utf8) })
    let outcome = try bed.check()
    #expect(outcome.result == .fail)
    #expect(outcome.term == "-all")
    bed.client = "198.51.\((count - 1) / 256).\((count - 1) % 256)"
    #expect(try bed.check().result == .pass)
  }

  @Test func matchesTheLastOfManyIPv6Networks() throws {
    let terms = (0..<40).map { "ip6:2001:db8:\(String($0, radix: 16))::/48" }
    let record = "v=spf1 \(terms.joined(separator: " ")) -all"
    var bed = SPFTestBed(resolver: ClosureResolver { _ in .text(record.utf8) })
    bed.client = "2001:db8:27::1"
    #expect(try bed.check().term == "ip6:2001:db8:27::/48")
    bed.client = "2001:db8:28::1"
    #expect(try bed.check().result == .fail)
  }

  /// Nine includes on each of four levels are 7,381 lookups for who counts afresh in each include.
  @Test func countsLookupsOverAllIncludes() throws {
    let resolver = ClosureResolver { question in
      let level = question.name == "example.com" ? 0 : question.name.utf8.count { $0 == 0x2D }
      let name = question.name == "example.com" ? "x.example" : question.name
      let terms = level < 4 ? (1...9).map { "include:\($0)-\(name)" } : ["ip4:198.51.100.1"]
      return .text("v=spf1 \(terms.joined(separator: " ")) -all".utf8)
    }
    let run = try SPFTestBed(resolver: resolver).run()
    #expect(run.outcome.result == .permerror)
    #expect(run.outcome.cause == .tooManyLookups)
    #expect(run.outcome.lookups == 10)
    #expect(run.evidence.count == 11)
  }

  @Test(arguments: [(10, SPFResult.pass), (9, .permerror)])
  func keepsTheConfiguredLookupLimit(_ limit: Int, _ result: SPFResult) throws {
    let terms = Array(repeating: "a:b.example", count: 9).joined(separator: " ")
    var bed = try SPFTestBed(
      record: "v=spf1 \(terms) mx +all", also: "b.example: [{A: 198.51.100.1}]")
    bed.settings = SPFSettings(maxLookups: limit)
    let outcome = try bed.check()
    #expect(outcome.result == result)
    #expect(outcome.lookups == limit)
  }

  @Test(arguments: [(0, SPFResult.permerror, 1), (1, .permerror, 2), (2, .pass, 2), (3, .pass, 2)])
  func keepsTheConfiguredVoidLimit(_ limit: Int, _ result: SPFResult, _ voids: Int) throws {
    var bed = try SPFTestBed(record: "v=spf1 a exists:b.example +all")
    bed.settings = SPFSettings(maxVoidLookups: limit)
    let outcome = try bed.check()
    #expect(outcome.result == result)
    #expect(outcome.voidLookups == voids)
  }

  @Test func keepsSettingsInRange() {
    #expect(SPFSettings(maxLookups: -1, maxVoidLookups: 1000).maxLookups == 0)
    #expect(SPFSettings(maxLookups: -1, maxVoidLookups: 1000).maxVoidLookups == 50)
  }

  @Test func countsOneVoidLookupPerTerm() throws {
    var bed = try SPFTestBed(
      zone: """
        example.com:
          - TXT: v=spf1 mx include:b.example -all
          - MX: [1, m1.example]
          - MX: [2, m2.example]
          - MX: [3, m3.example]
        m1.example: [{A: 192.0.2.1}]
        m2.example: [{A: 192.0.2.2}]
        m3.example: [{A: 192.0.2.3}]
        b.example: [{TXT: 'v=spf1 ip6:2001:db8::/32'}]
        """)
    bed.client = "2001:db8::1"
    let outcome = try bed.check()
    #expect(outcome.result == .pass)
    #expect(outcome.voidLookups == 1)
  }

  @Test func countsNoVoidLookupForTheClientsOwnNames() throws {
    let names = (1...5).map { "{PTR: gone\($0).example}" }.joined(separator: ", ")
    let outcome = try SPFTestBed(
      record: "v=spf1 ptr ?all", also: "1.2.0.192.in-addr.arpa: [\(names)]"
    ).check()
    #expect(outcome.result == .neutral)
    #expect(outcome.voidLookups == 0)
  }

  @Test(arguments: [(10, SPFResult.pass), (11, .permerror)])
  func takesTenMailExchangers(_ count: Int, _ result: SPFResult) throws {
    let hosts = (1..<count).map { "{MX: [\($0), b.example]}" } + ["{MX: [99, c.example]}"]
    let outcome = try SPFTestBed(
      zone: "example.com: [{TXT: 'v=spf1 mx -all'}, \(hosts.joined(separator: ", "))]\n"
        + "b.example: [{A: 198.51.100.1}]\nc.example: [{A: 192.0.2.1}]"
    ).check()
    #expect(outcome.result == result)
  }

  @Test(arguments: [(10, SPFResult.pass), (11, .fail)])
  func usesTheFirstTenReverseNames(_ position: Int, _ result: SPFResult) throws {
    let names = (1...15).map { $0 == position ? "{PTR: Host.Example.com}" : "{PTR: n\($0).test}" }
    let run = try SPFTestBed(
      record: "v=spf1 ptr -all",
      also: "host.example.com: [{A: 192.0.2.1}]\n"
        + "1.2.0.192.in-addr.arpa: [\(names.joined(separator: ", "))]"
    ).run()
    #expect(run.outcome.result == result)
    #expect(run.evidence.count == 12)
  }

  // RFC 7208 section 5.5: DNS errors in ptr only mean that it does not match.
  @Test(arguments: [
    "1.2.0.192.in-addr.arpa: [SERVFAIL]", "1.2.0.192.in-addr.arpa: [TIMEOUT]",
    "{1.2.0.192.in-addr.arpa: [{PTR: h.example.com}], h.example.com: [TIMEOUT]}",
    "{1.2.0.192.in-addr.arpa: [{PTR: h.example.com}], h.example.com: [{A: 192.0.2.9}]}",
    "{1.2.0.192.in-addr.arpa: [{PTR: hexample.com}], hexample.com: [{A: 192.0.2.1}]}",
  ])
  func ptrDoesNotMatchWithoutAProof(_ zone: String) throws {
    let reverse = try ZoneResolver(yaml: zone, source: "test")
    let resolver = ClosureResolver { question in
      question.name == "example.com"
        ? .text("v=spf1 ptr ?all".utf8) : reverse.answer(question, deadline: nil)
    }
    let outcome = try SPFTestBed(resolver: resolver).check()
    #expect(outcome.result == .neutral)
    #expect(outcome.term == "?all")
  }

  @Test(arguments: [
    ("192.0.2.1", [] as [String]),
    (
      "192.0.2.2",
      ["example.com A", "b.example MX", "c.example A", "d.example TXT", "e.example TXT"]
    ),
    (
      "2001:db8::1",
      ["example.com AAAA", "b.example MX", "c.example A", "d.example TXT", "e.example TXT"]
    ),
  ])
  func startsLookupsOnlyWhenTheyAreReached(_ client: String, _ expected: [String]) throws {
    let record =
      "v=spf1 ip4:192.0.2.1 a mx:b.example include:%{d}.x.example exists:c.example "
      + "include:d.example redirect=e.example"
    let resolver = PrefetchRecorder(record: record)
    var bed = SPFTestBed(resolver: resolver)
    bed.client = client
    _ = try bed.check()
    #expect(resolver.prefetched.withLock { $0 } == expected)
  }

  // MARK: What crashes libspf2 1.2.10

  @Test func survivesTheExplanationThatOverflowsLibspf2() throws {
    let text = String(repeating: "%{d}", count: 127) + "0123456789"
    #expect(text.utf8.count == 518)
    let outcome = try SPFTestBed(
      record: "v=spf1 -all exp=e.example", also: "e.example: [{TXT: '\(text)'}]"
    ).check()
    #expect(outcome.result == .fail)
    #expect(outcome.senderExplanation?.utf8.count == SPFExpansion.maxExplanationOctets)
    #expect(outcome.senderExplanation?.hasPrefix("example.comexample.com") == true)
  }

  @Test(arguments: [3700, 20_000, 65_000])
  func survivesLongDomainSpecs(_ length: Int) throws {
    let text = String(repeating: "%{d}", count: 127) + String(repeating: "a", count: length)
    let record = "v=spf1 a:\(text).example mx:\(text).\(text).example -all"
    let outcome = try SPFTestBed(resolver: ClosureResolver { _ in .text(record.utf8) }).check()
    #expect(outcome.result == .fail)
    #expect(outcome.term == "-all")
  }

  @Test(arguments: [
    String(repeating: "x", count: 65_000), "a:" + String(repeating: "%{s}", count: 16_000),
    String(repeating: "a=%{l} ", count: 9000), String(repeating: "/", count: 65_000),
    "a/" + String(repeating: "1", count: 65_000), "a:%{d" + String(repeating: "9", count: 65_000),
    "a:b." + String(repeating: "a", count: 65_000), String(repeating: " ", count: 65_000),
    "exists:%{" + String(repeating: "{", count: 65_000), "\u{0}\u{1}\u{ff}",
  ])
  func endsWithAnOutcomeForHugeRecords(_ body: String) throws {
    let record = "v=spf1 \(body) -all"
    let outcome = try SPFTestBed(resolver: ClosureResolver { _ in .text(record.utf8) }).check()
    #expect([.fail, .permerror].contains(outcome.result))
    #expect((outcome.term?.utf8.count ?? 0) < 320)
    #expect(outcome.explanation.utf8.count < 1000)
  }

  @Test(arguments: [
    "a\u{0}b", "\"quoted local part\"", "a b", "a\r\nb", "%{d}%n%s", "../../etc",
    "\u{7f}\u{1b}[31m",
    String(repeating: "x", count: 5000), "a.b..c.", "'; drop table", "\\000\\.",
  ])
  func survivesHostileSenders(_ localPart: String) throws {
    for record in [
      "v=spf1 a:%{l}.example mx:%{s} exists:%{l1r+}.%{h} ptr:%{L}.example -all exp=e.example",
      "v=spf1 include:%{l}.example -all", "v=spf1 redirect=%{S}.%{H}.example",
    ] {
      let resolver = ClosureResolver { question in
        switch question.name {
        case "example.com": .text(record.utf8)
        case "e.example": .text("%{s} %{h} %{L}".utf8)
        default: DNSAnswer(outcome: .nxdomain)
        }
      }
      var bed = SPFTestBed(resolver: resolver)
      bed.mailFrom = Array("\(localPart)@example.com".utf8)
      bed.helo = Array(localPart.utf8) + [0xFF, 0x00, 0x0A]
      let run = try bed.run()
      #expect([.fail, .permerror].contains(run.outcome.result))
      #expect(run.outcome.senderExplanation == nil)
      #expect(run.evidence.allSatisfy { $0.name.utf8.allSatisfy { (0x20...0x7E).contains($0) } })
    }
  }

  @Test(
    arguments: [
      ("v=spf1 -all exp=e.example", "it is %{i}.", "it is 192.0.2.1."),
      ("v=spf1 -all exp=%{d}.e.example", "", nil),
      ("v=spf1 -all exp=e.example", "caf\u{e9}", nil),
      ("v=spf1 -all exp=e.example", "tab\there", nil),
      ("v=spf1 -all exp=e.example", "%{x}", nil),
      ("v=spf1 ~all exp=e.example", "not for a softfail", nil),
      ("v=spf1 -all exp=%{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}.e..example", "bad name", nil),
    ] as [(String, String, String?)])
  func explainsOnlyWhatIsPlainText(_ record: String, _ text: String, _ expected: String?) throws {
    let resolver = ClosureResolver { question in
      .text((question.name == "example.com" ? record : text).utf8)
    }
    #expect(try SPFTestBed(resolver: resolver).check().senderExplanation == expected)
  }

  @Test func asksForTheExplanationOnceAndOnlyForAFail() throws {
    let zone = """
      example.com: [{TXT: 'v=spf1 include:b.example include:c.example -all exp=e.example'}]
      b.example: [{TXT: 'v=spf1 -all exp=eb.example'}]
      c.example: [{TXT: 'v=spf1 -all exp=ec.example'}]
      e.example: [{TXT: 'no'}]
      """
    let run = try SPFTestBed(zone: zone).run()
    #expect(run.outcome.senderExplanation == "no")
    #expect(run.evidence.map(\.name) == ["example.com", "b.example", "c.example", "e.example"])
  }
}

/// Answers one record at example.com and writes down what it is told to fetch.
final class PrefetchRecorder: Resolver {
  let record: String
  let prefetched = Mutex<[String]>([])

  init(record: String) { self.record = record }

  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    question == DNSQuestion("example.com", .txt)
      ? .text(record.utf8) : DNSAnswer(outcome: .nxdomain)
  }

  func prefetch(_ questions: [DNSQuestion]) {
    prefetched.withLock { list in list += questions.map { "\($0.name) \($0.type.rawValue)" } }
  }
}
