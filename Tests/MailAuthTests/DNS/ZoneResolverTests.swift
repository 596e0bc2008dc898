import Foundation
import MailAuth
import TestSupport
import Testing

@Suite struct ZoneResolverTests {
  static let zone = """
    Example.COM.:
      - TXT: v=spf1 mx -all
      - TXT: [ "one ", "two" ]
      - MX: [10, Mail.example.com.]
      - MX: [20, ""]
    mail.example.com:
      - A: 192.0.2.1
      - AAAA: 2001:db8::1
    1.2.0.192.in-addr.arpa:
      - PTR: Mail.Example.com.
    old.example.com:
      - SPF: v=spf1 -all
    both.example.com:
      - SPF: v=spf1 -all
      - TXT: v=spf1 +all
    blocked.example.com:
      - SPF: v=spf1 -all
      - TXT: NONE
    slow.example.com:
      - TIMEOUT
    partly.example.com:
      - A: 192.0.2.2
      - SERVFAIL
    onetype.example.com:
      - A: 192.0.2.2
      - TXT: REFUSED
    alias.example.com:
      - CNAME: mail.example.com
    loop.example.com:
      - CNAME: LOOP.example.com
    dangling.example.com:
      - CNAME: nowhere.example.com
    quoted.example.com:
      - TXT: "TIMEOUT"
      - TXT: ""
    empty.example.com: []
    """

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let type: DNSRecordType
    let outcome: DNSOutcome
    let records: [DNSRecord]

    init(
      _ name: String, _ type: DNSRecordType, _ outcome: DNSOutcome, _ records: [DNSRecord] = []
    ) {
      self.name = name
      self.type = type
      self.outcome = outcome
      self.records = records
    }

    var testDescription: String { "\(name) \(type.rawValue)" }
  }

  static func text(_ strings: String...) -> DNSRecord { .txt(strings.map { Array($0.utf8) }) }

  static func address(_ text: String) throws -> DNSRecord {
    .address(try #require(IPAddress(text)))
  }

  static let cases: [Case] = [
    Case("example.com", .txt, .answer, [text("v=spf1 mx -all"), text("one ", "two")]),
    Case("EXAMPLE.com.", .txt, .answer, [text("v=spf1 mx -all"), text("one ", "two")]),
    Case(
      "example.com", .mx, .answer,
      [.mx(preference: 10, host: "mail.example.com"), .mx(preference: 20, host: "")]),
    Case("example.com", .a, .nodata),
    Case("1.2.0.192.in-addr.arpa", .ptr, .answer, [.ptr("mail.example.com")]),
    Case("old.example.com", .txt, .answer, [text("v=spf1 -all")]),
    Case("both.example.com", .txt, .answer, [text("v=spf1 +all")]),
    Case("blocked.example.com", .txt, .nodata),
    Case("slow.example.com", .txt, .timeout),
    Case("slow.example.com", .a, .timeout),
    Case("partly.example.com", .txt, .servfail),
    Case("onetype.example.com", .txt, .refused),
    Case("onetype.example.com", .mx, .nodata),
    Case("loop.example.com", .a, .servfail),
    Case("dangling.example.com", .a, .nxdomain),
    Case("alias.example.com", .mx, .nodata),
    Case("quoted.example.com", .txt, .answer, [text("TIMEOUT"), text("")]),
    Case("empty.example.com", .a, .nodata),
    Case("nobody.example.com", .a, .nxdomain),
    Case("com", .a, .nxdomain),
    Case("a..example.com", .a, .invalidName),
  ]

  @Test(arguments: cases)
  func answersAsTheFileLists(_ testCase: Case) throws {
    let resolver = try ZoneResolver(yaml: Self.zone, source: "test")
    let answer = resolver.answer(DNSQuestion(testCase.name, testCase.type), deadline: nil)
    #expect(answer.outcome == testCase.outcome)
    #expect(answer.records == testCase.records)
  }

  @Test(arguments: [
    ("mail.example.com", DNSRecordType.a, "192.0.2.1"),
    ("mail.example.com", .aaaa, "2001:db8::1"),
    ("partly.example.com", .a, "192.0.2.2"),
    ("onetype.example.com", .a, "192.0.2.2"),
    ("alias.example.com", .a, "192.0.2.1"),
  ])
  func answersWithAddresses(_ name: String, _ type: DNSRecordType, _ address: String) throws {
    let resolver = try ZoneResolver(yaml: Self.zone, source: "test")
    let answer = resolver.answer(DNSQuestion(name, type), deadline: nil)
    #expect(answer.outcome == .answer)
    #expect(answer.records == [try Self.address(address)])
  }

  @Test func followsEightAliasesAndNotNine() throws {
    let links = (1...9).map { "a\($0).example:\n  - CNAME: a\($0 - 1).example\n" }
    let yaml = links.joined() + "a0.example:\n  - A: 192.0.2.9\n"
    let resolver = try ZoneResolver(yaml: yaml, source: "test")
    #expect(resolver.answer(DNSQuestion("a8.example", .a), deadline: nil).outcome == .answer)
    #expect(resolver.answer(DNSQuestion("a9.example", .a), deadline: nil).outcome == .servfail)
  }

  @Test func acceptsTheZoneBelowAKey() throws {
    let yaml = "description: a story\nzonedata:\n  example.com:\n    - A: 192.0.2.1\n"
    let resolver = try ZoneResolver(yaml: yaml, source: "test")
    #expect(resolver.answer(DNSQuestion("example.com", .a), deadline: nil).outcome == .answer)
    #expect(resolver.answer(DNSQuestion("description", .a), deadline: nil).outcome == .nxdomain)
  }

  @Test func answersNothingAfterTheDeadline() throws {
    let resolver = try ZoneResolver(yaml: Self.zone, source: "test")
    let answer = resolver.answer(
      DNSQuestion("mail.example.com", .a), deadline: .now.advanced(by: .seconds(-1)))
    #expect(answer.outcome == .timeout)
  }

  @Test(arguments: [
    ("a.example:\n  - AAA: 192.0.2.1", "z:2: a.example: unknown type AAA"),
    ("a.example:\n  - A: 2001:db8::1", "z:2: a.example: A takes one IPv4 address"),
    ("a.example:\n  - A: [192.0.2.1]", "z:2: a.example: A takes one IPv4 address"),
    ("a.example:\n  - MX: [70000, b.example]", "z:2: a.example: MX takes [preference"),
    ("a.example:\n  - MX: b.example", "z:2: a.example: MX takes [preference"),
    ("a.example:\n  - TXT:", "z:2: a.example: TXT takes one string"),
    ("a.example:\n  - TXT: [[x]]", "z:2: a.example: TXT takes one string"),
    ("a.example:\n  - BROKEN", "z:2: a.example: unknown word BROKEN (allowed: TIMEOUT"),
    ("a.example:\n  - [A, B]", "z:2: a.example: expected {TYPE: data}"),
    ("a.example: 192.0.2.1", "z:1: a.example: expected a list"),
    ("a..example: []", "z:1: not a domain name: a..example"),
    ("a.example: []\nA.example: []", "z:2: A.example: listed twice"),
    ("a.example: []\na.example: []", "listed twice: a.example"),
    ("a.example:\n  - CNAME: b.example\n  - A: 192.0.2.1", "CNAME beside other records"),
    ("a.example:\n  - A: 192.0.2.1\n  - A: TIMEOUT", "A has data and a failure"),
    ("a.example:\n  - {", ": not YAML: did not find"),
    ("- a", "z:1: a zone is a mapping"),
    ("", "z: a zone is a mapping"),
    ("zonedata: x", "z:1: zonedata must be a mapping"),
  ])
  func saysWhatIsWrongAndWhere(_ yaml: String, _ expected: String) {
    let error = #expect(throws: ZoneError.self) { try ZoneResolver(yaml: yaml, source: "z") }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "no error")")
  }

  @Test func reportsEveryProblemInOneRun() {
    let yaml = "a.example:\n  - A: x\nb.example:\n  - PTR: [1]\n"
    let error = #expect(throws: ZoneError.self) { try ZoneResolver(yaml: yaml, source: "z") }
    #expect(error?.problems.map(\.line) == [2, 4])
  }

  @Test func readsAFileAndNamesOneThatIsMissing() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }  // Litter is no failure.
    let path = folder.appending(path: "zone.yml").path
    let error = #expect(throws: ZoneError.self) { try ZoneResolver(contentsOf: path) }
    #expect(error?.source == path)
    try Self.zone.write(toFile: path, atomically: true, encoding: .utf8)
    let resolver = try ZoneResolver(contentsOf: path)
    #expect(resolver.answer(DNSQuestion("example.com", .mx), deadline: nil).outcome == .answer)
  }

  @Test(.enabled(if: Suites.arePresent))
  func readsEveryZoneOfTheSPFSuite() throws {
    let documents = try Suites.spf("rfc7208-tests.yml")
    #expect(documents.count == 16)
    #expect(documents.reduce(0) { $0 + $1.cases.count } == 203)
  }

  @Test func saysHowAllElseEnds() throws {
    let zone = try ZoneResolver(
      yaml: """
        example.com: [{TXT: a}, {MX: NONE}, {A: NXDOMAIN}, {AAAA: BOGUS}]
        gone.example.com: [NXDOMAIN]
        forged.example.com: [BOGUS]
        slow.example.com: [{TXT: NONE}, TIMEOUT]
        "*": [SERVFAIL]
        """, source: "test zone")
    let expected: [(String, DNSRecordType, DNSOutcome)] = [
      ("example.com", .txt, .answer), ("example.com", .mx, .nodata), ("example.com", .a, .nxdomain),
      ("example.com", .aaaa, .bogus), ("example.com", .ptr, .servfail),
      ("gone.example.com", .txt, .nxdomain), ("forged.example.com", .a, .bogus),
      ("other.example.com", .txt, .servfail), ("slow.example.com", .txt, .timeout),
    ]
    for (name, type, outcome) in expected {
      let answer = zone.answer(DNSQuestion(name, type), deadline: nil)
      #expect(answer.outcome == outcome, "\(name) \(type)")
    }
  }
}
