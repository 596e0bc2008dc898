import TestSupport
import Testing

@testable import MailAuth

/// The DNS Tree Walk, with the examples of RFC 9989 sections 4.10 and B.4.
@Suite struct TreeWalkTests {
  private func name(_ text: String) throws -> DomainName { try #require(DomainName(text)) }

  private func walk(_ start: String, _ records: KeyValuePairs<String, String>) throws -> TreeWalk {
    let zone = records.map { "_dmarc.\($0.key): [{TXT: \"\($0.value)\"}]" }
      .joined(separator: "\n")
    let resolver = CheckResolver(
      try ZoneResolver(yaml: zone.isEmpty ? "x.example: [{A: 192.0.2.1}]" : zone, source: "test"),
      deadline: nil)
    return try TreeWalk(from: try name(start), PolicySource(resolver))
  }

  @Test(arguments: [
    ("com", ["com"]),
    ("example.com", ["example.com", "com"]),
    (
      "a.b.c.d.e.f.example.com",
      [
        "a.b.c.d.e.f.example.com", "b.c.d.e.f.example.com", "c.d.e.f.example.com",
        "d.e.f.example.com", "e.f.example.com", "f.example.com", "example.com", "com",
      ]
    ),
    (
      "a.b.c.d.e.f.g.h.i.j.mail.example.com",
      [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com",
        "mail.example.com", "example.com", "com",
      ]
    ),
  ])
  func asksForAtMostEightNames(_ start: String, _ names: [String]) throws {
    #expect(TreeWalk.names(from: try name(start)).map(\.text) == names)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var start: String
    var records: KeyValuePairs<String, String>
    var organization: String
    var policy: String?
    var testDescription: String { "\(start) with \(records.map(\.key))" }
  }

  static let plain = "v=DMARC1; p=none"
  static let suffix = "v=DMARC1; p=none; psd=y"
  static let organization = "v=DMARC1; p=none; psd=n"

  @Test(arguments: [
    Case(start: "x.example.net", records: [:], organization: "x.example.net"),
    Case(
      start: "signing.example.com", records: ["signing.example.com": plain, "example.com": plain],
      organization: "example.com", policy: "signing.example.com"),
    Case(
      start: "mail.giant.bank.example",
      records: ["bank.example": suffix, "giant.bank.example": plain],
      organization: "giant.bank.example", policy: "giant.bank.example"),
    Case(
      start: "mail.mega.bank.example",
      records: ["bank.example": suffix, "giant.bank.example": plain],
      organization: "mega.bank.example", policy: "bank.example"),
    Case(
      start: "a.mail.example.com", records: ["com": suffix], organization: "example.com",
      policy: "com"),
    Case(
      start: "a.mail.example.com", records: ["mail.example.com": plain, "example.com": plain],
      organization: "example.com", policy: "example.com"),
    Case(
      start: "a.mail.example.com",
      records: ["mail.example.com": organization, "example.com": plain],
      organization: "mail.example.com", policy: "mail.example.com"),
    Case(
      start: "bank.example", records: ["bank.example": suffix], organization: "bank.example",
      policy: "bank.example"),
    // A record in between, neither organization nor suffix, is not the policy.
    Case(
      start: "a.b.example.com", records: ["b.example.com": plain, "com": plain],
      organization: "com", policy: "com"),
    // Names that the walk skips are not seen.
    Case(
      start: "a.b.c.d.e.f.g.h.i.example.com", records: ["b.c.d.e.f.g.h.i.example.com": plain],
      organization: "a.b.c.d.e.f.g.h.i.example.com"),
  ])
  func findsOrganizationAndPolicy(_ item: Case) throws {
    let walk = try walk(item.start, item.records)
    #expect(walk.organizationalDomain.text == item.organization)
    #expect(walk.policy?.name.text == item.policy)
  }

  @Test func discardsSeveralRecordsAndGoesOn() throws {
    let zone = """
      _dmarc.a.example.com: [{TXT: "v=DMARC1; p=none"}, {TXT: "v=DMARC1; p=reject"}]
      _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}, {TXT: "unrelated"}]
      """
    let resolver = CheckResolver(try ZoneResolver(yaml: zone, source: "test"), deadline: nil)
    let walk = try TreeWalk(from: try name("a.example.com"), PolicySource(resolver))
    #expect(walk.policy?.name.text == "example.com")
    #expect(resolver.evidence.map(\.name) == [
      "_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com",
    ])
  }

  @Test func aFailureOnTheWayIsNoEnd() throws {
    let zone = "_dmarc.example.com: [SERVFAIL]\n_dmarc.com: [{TXT: \"v=DMARC1; p=none\"}]"
    let resolver = CheckResolver(try ZoneResolver(yaml: zone, source: "test"), deadline: nil)
    let start = try name("a.example.com")
    #expect(throws: PolicyLookupFailure(name: try name("example.com"), outcome: .servfail)) {
      try TreeWalk(from: start, PolicySource(resolver))
    }
  }
}
