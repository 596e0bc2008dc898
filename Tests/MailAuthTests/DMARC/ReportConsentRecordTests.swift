@testable import MailAuth
import TestSupport
import Testing

@Suite struct ReportConsentRecordTests {
  @Test(
    "takes a list of tags with v=DMARC1 first and nothing less",
    arguments: [
      ("v=DMARC1", true), ("v=DMARC1;", true), ("v=DMARC1; ", true), (" v = DMARC1 ;", true),
      ("v=DMARC1; p=none", true), ("V=DMARC1;x=y", true), ("v=DMARC1;;", false), ("", false),
      ("v=dmarc1", false), ("v=DMARC1 p=none", false), ("v=DMARC2;", false),
      ("p=none; v=DMARC1", false),
      ("v=DMARC1; junk", false), ("v=DMARC1; v=DMARC1", false), ("v=DMARC1\\;", false),
      ("v=DMARC1; rua=", false), ("v=DMARC1; rua=a; RUA=b", false), ("v=spf1 -all", false),
      ("v=DMARC1; rua=\u{e4}", false), ("=DMARC1", false),
    ])
  func isRecord(_ text: String, _ expected: Bool) {
    #expect((ReportConsentRecord(Array(text.utf8)) != nil) == expected)
  }

  @Test("keeps rua and ruf as published")
  func values() throws {
    let text = "v=DMARC1; RUA= mailto:a@x.example!1k ,b ; ruf=mailto:f@x.example"
    let record = try #require(ReportConsentRecord(Array(text.utf8)))
    #expect(record.aggregateReportURIs == "mailto:a@x.example!1k ,b")
    #expect(record.failureReportURIs == "mailto:f@x.example")
  }
}

@Suite struct OrganizationalDomainsTests {
  private static let zone = """
    _dmarc.example.com: [{TXT: "v=DMARC1; p=none"}]
    _dmarc.own.example.com: [{TXT: "v=DMARC1; p=none; psd=n"}]
    _dmarc.broken.example.net: [TIMEOUT]
    """

  @Test(
    "relates names as evaluation does",
    arguments: [
      ("example.com", "reports.example.com", "example.com"),
      ("mail.example.com", "reports.example.com", "example.com"),
      ("example.com", "own.example.com", nil), ("own.example.com", "example.com", nil),
      ("own.example.com", "a.own.example.com", "own.example.com"),
      ("example.com", "example.net", nil), ("example.com", "example.org", nil),
      ("example.com", "notexample.com", nil),
      // Nothing of the other name has to be known.
      ("example.org", "broken.example.net", nil), ("example.com", "x.broken.example.net", nil),
    ] as [(String, String, String?)])
  func common(_ name: String, _ other: String, _ organization: String?) throws {
    let domains = OrganizationalDomains(
      resolver: try ZoneResolver(yaml: Self.zone, source: "test"), discovery: .treewalk)
    #expect(
      try domains.commonOrganization(of: domain(name), and: domain(other))?.text == organization)
  }

  @Test("says that the DNS failed instead of guessing")
  func failure() throws {
    let domains = OrganizationalDomains(
      resolver: try ZoneResolver(yaml: Self.zone, source: "test"), discovery: .treewalk)
    #expect(
      throws: OrganizationalDomainFailure(name: domain("broken.example.net"), outcome: .timeout)
    ) {
      try domains.commonOrganization(of: domain("broken.example.net"), and: domain("x.net"))
    }
  }

  @Test(
    "goes by the public suffix list where evaluation does",
    .enabled(if: SystemSuffixList.list != nil))
  func suffixList() throws {
    let list = try #require(SystemSuffixList.list)
    let domains = OrganizationalDomains(
      resolver: try ZoneResolver(yaml: "unused.invalid: [{A: 192.0.2.1}]", source: "test"),
      discovery: .psl(list))
    func common(_ name: String, _ other: String) throws -> String? {
      try domains.commonOrganization(of: domain(name), and: domain(other))?.text
    }
    #expect(try common("a.example.co.uk", "b.example.co.uk") == "example.co.uk")
    #expect(try common("a.co.uk", "b.co.uk") == nil)
  }
}
