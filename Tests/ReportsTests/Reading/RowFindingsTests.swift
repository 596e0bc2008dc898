import MailAuth
import Testing

@testable import Reports

/// From policy_evaluated and auth_results to a root cause.
@Suite struct RowFindingsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var title: String
    var evaluated: String
    var results: String
    var policy = ""
    var reasons = ""
    var from = "example.com"
    var cause: RootCause.Code?
    var says = ""
    var dmarc = DMARCResult.fail

    var testDescription: String { title }
  }

  private typealias Sample = ReportSample

  static let cases: [Case] = [
    Case(
      title: "a service signs with its own domain", evaluated: "none fail fail",
      results: Sample.dkim("esp.example", "pass"), cause: .unalignedSigner,
      says: "The message is signed by esp.example, another organization than example.com."),
    Case(
      title: "strict alignment of a signature", evaluated: "none fail fail",
      results: Sample.dkim("mail.example.com", "pass"), policy: "<adkim>s</adkim>",
      cause: .strictAlignment),
    Case(
      title: "strict alignment of the return path", evaluated: "none fail fail",
      results: Sample.spf("mail.example.com", "pass"), policy: "<aspf>s</aspf>",
      cause: .strictAlignment),
    Case(
      title: "a broken signature", evaluated: "none fail fail",
      results: Sample.dkim("example.com", "fail"), cause: .signatureBroken),
    Case(
      title: "a broken signature, and the reporter saw a list", evaluated: "none fail fail",
      results: Sample.dkim("example.com", "fail"),
      reasons: "<reason><type>mailing_list</type></reason>", cause: .modifiedOnTheWay,
      says: "A mailing list seems to have changed the message"),
    Case(
      title: "a broken signature, forwarded", evaluated: "none fail fail",
      results: Sample.dkim("example.com", "fail"),
      reasons: "<reason><type>forwarded</type></reason>", cause: .modifiedOnTheWay,
      says: "A forwarder seems to have changed the message"),
    Case(
      title: "no key", evaluated: "none fail fail",
      results: Sample.dkim("example.com", "permerror", human: "no key for signature"),
      cause: .signatureUnusable, says: "no key for signature"),
    Case(
      title: "DNS failure of the key", evaluated: "none fail fail",
      results: Sample.dkim("example.com", "temperror"), cause: .dnsFailure, dmarc: .temperror),
    Case(
      title: "DNS failure of SPF in RFC 7489's word", evaluated: "none fail fail",
      results: Sample.spf("example.com", "unknown"), cause: .dnsFailure, dmarc: .temperror),
    Case(
      title: "several signatures", evaluated: "pass pass pass",
      results: Sample.dkim("esp.example", "pass") + Sample.dkim("example.com", "pass")
        + Sample.spf("example.com", "pass"), cause: .severalSignatures, says: "(esp.example)",
      dmarc: .pass),
    Case(
      title: "plain forwarding", evaluated: "pass pass fail",
      results: Sample.dkim("example.com", "pass") + Sample.spf("example.com", "softfail"),
      cause: .forwarded, dmarc: .pass),
    Case(
      title: "bounces go to the service", evaluated: "pass pass fail",
      results: Sample.dkim("example.com", "pass") + Sample.spf("esp.example", "pass"),
      cause: .unalignedReturnPath, dmarc: .pass),
    Case(
      title: "a broken SPF record", evaluated: "none fail fail",
      results: Sample.spf("example.com", "permerror"), cause: .spfRecordBroken),
    Case(
      title: "a broken SPF record in an old word", evaluated: "none fail fail",
      results: Sample.spf("example.com", "error"), cause: .spfRecordBroken),
    Case(
      title: "unsigned and forwarded", evaluated: "none fail fail",
      results: Sample.spf("example.com", "fail"),
      reasons: "<reason><type>trusted_forwarder</type></reason>", cause: .forwarded),
    Case(
      title: "nothing at all", evaluated: "reject fail fail", results: "", cause: .unknownSource,
      says: "The report tells of no SPF check."),
    Case(
      title: "all is well", evaluated: "none pass pass",
      results: Sample.dkim("example.com", "pass") + Sample.spf("example.com", "pass"),
      dmarc: .pass),
    Case(
      title: "the reporter knows that another name aligns", evaluated: "none pass pass",
      results: Sample.dkim("example.org", "pass") + Sample.spf("bounce.example.org", "pass"),
      dmarc: .pass),
    Case(
      title: "a name below the policy's domain aligns", evaluated: "none pass pass",
      results: Sample.dkim("a.example.com", "pass") + Sample.spf("b.example.com", "pass"),
      from: "c.example.com", dmarc: .pass),
    Case(
      title: "a HELO name does not count", evaluated: "none fail fail",
      results: Sample.spf("example.com", "pass", scope: "helo"), cause: .unknownSource),
    Case(
      title: "without policy_evaluated the results decide", evaluated: "none",
      results: Sample.dkim("example.com", "pass"), dmarc: .pass),
    Case(
      title: "a From that is no name", evaluated: "none fail fail", results: "", from: "@"),
  ]

  @Test(arguments: cases)
  func findsTheRootCause(_ item: Case) throws {
    let policy =
      "<policy_published><domain>example.com</domain><p>none</p>\(item.policy)"
      + "</policy_published>"
    let report = try ReportSample.report(
      ReportSample.xml(
        policy: policy,
        records: ReportSample.record(
          evaluated: item.evaluated, reasons: item.reasons, from: item.from,
          results: item.results)))
    let row = try #require(report.rows.first)
    let findings = report.findings(of: row)
    #expect(findings.contradiction == nil)
    #expect(findings.rootCause?.code == item.cause, "\(findings.rootCause?.explanation ?? "nil")")
    #expect(findings.dmarc == item.dmarc)
    if !item.says.isEmpty {
      #expect(findings.rootCause?.explanation.contains(item.says) == true)
    }
  }

  @Test(arguments: [
    ("none pass fail", ReportSample.dkim("example.com", "fail"), "dkim pass"),
    ("none fail pass", "", "spf pass"),
    ("none fail fail", ReportSample.dkim("example.com", "pass"), "dkim fail"),
    ("none fail fail", ReportSample.spf("example.com", "pass"), "spf fail"),
  ])
  func tellsOfRowsThatContradictThemselves(
    _ evaluated: String, _ results: String, _ words: String
  ) throws {
    let report = try ReportSample.report(
      ReportSample.xml(
        records: ReportSample.record(evaluated: evaluated, results: results)))
    let findings = report.findings(of: try #require(report.rows.first))
    #expect(findings.contradiction?.contains("says \(words)") == true)
    #expect(findings.rootCause == nil)
    #expect(report.problems.contains { $0.contains("says \(words)") })
  }
}
