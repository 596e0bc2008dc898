import MailAuth
import Testing

@testable import Reports

/// What is read although it is not as either format demands, and what is not.
@Suite struct ReportToleranceTests {
  private typealias Sample = ReportSample

  struct FormCase: Sendable, CustomTestStringConvertible {
    var title: String
    var xml: String
    var form: ReadReport.Form
    var problem: String?

    var testDescription: String { title }
  }

  private static let newNamespace = "<feedback xmlns=\"\(ReportFormat.namespaceOfRFC9990)\">"

  private static func policy(_ more: String) -> String {
    "<policy_published><domain>example.com</domain><p>none</p>\(more)</policy_published>"
  }

  static let forms: [FormCase] = [
    FormCase(title: "plain", xml: Sample.xml(), form: .rfc7489),
    FormCase(
      title: "RFC 7489's namespace, on the root only",
      xml: Sample.xml(root: "<x:feedback xmlns:x=\"http://dmarc.org/dmarc-xml/0.1\">")
        .replacing("</feedback>", with: "</x:feedback>"), form: .rfc7489),
    FormCase(title: "RFC 9990", xml: Sample.xml(root: newNamespace), form: .rfc9990),
    FormCase(
      title: "RFC 9990 with a prefix",
      xml: Sample.xml(root: newNamespace).replacing("</", with: "\u{1}")
        .replacing("<?", with: "\u{2}").replacing("<", with: "<d:")
        .replacing("\u{1}", with: "</d:").replacing("\u{2}", with: "<?")
        .replacing("xmlns=", with: "xmlns:d="), form: .rfc9990),
    FormCase(
      title: "np without namespace", xml: Sample.xml(policy: policy("<pct>100</pct><np>none</np>")),
      form: .rfc7489, problem: "Line 1: some of it is as in RFC 9990: np."),
    FormCase(
      title: "RFC 9990 without namespace", xml: Sample.xml(policy: policy("<testing>n</testing>")),
      form: .rfc9990, problem: "Line 1: there is no namespace."),
    FormCase(
      title: "namespace with pct",
      xml: Sample.xml(root: newNamespace, policy: policy("<pct>5</pct>")),
      form: .rfc9990, problem: "Line 1: some of it is as in RFC 7489: pct."),
    FormCase(
      title: "another namespace", xml: Sample.xml(root: "<feedback xmlns=\"urn:x\">"),
      form: .other, problem: "Line 1: the namespace \"urn:x\" is that of neither format."),
    FormCase(
      title: "version 2.0",
      xml: Sample.xml(root: newNamespace)
        .replacing("<version>1.0", with: "<version>2.0"), form: .rfc9990,
      problem: "Line 3: the version is \"2.0\", where both formats have 1.0."),
  ]

  @Test(arguments: forms)
  func tellsTheForm(_ item: FormCase) throws {
    let report = try Sample.report(item.xml)
    #expect(report.form == item.form)
    #expect(report.problems == (item.problem.map { [$0] } ?? []))
    #expect(report.messages == 1)
  }

  @Test(arguments: [
    (Sample.record(results: Sample.spf("example.com", "unknown")), "old SPF word unknown"),
    (Sample.record(results: Sample.spf("example.com", "error")), "old SPF word error"),
    (Sample.record(results: Sample.spf("example.com", "perhaps")), "SPF word \"perhaps\""),
    (Sample.record(results: Sample.dkim("example.com", "hardfail")), "DKIM word \"hardfail\""),
    (Sample.record(results: "<dkim><domain>example.com</domain></dkim>"), "has no word"),
    (Sample.record(results: "<arc/>"), "<arc> is not known"),
    (Sample.record(evaluated: "discard fail fail"), "disposition has the unknown word \"discard\""),
    (Sample.record(evaluated: "none"), "policy_evaluated has no dkim"),
    (Sample.record(reasons: "<reason/>"), "a reason has no type"),
    (Sample.record(from: ""), "header_from is no domain name"),
    (Sample.record(from: "example.org"), "does not lie below the policy's domain"),
    (Sample.record(count: "0"), "count is 0"),
    (Sample.record().replacing("192.0.2.1", with: "192.0.2"), "source_ip is no address"),
    (
      Sample.record().replacing("</count>", with: "</count><count>9</count>"),
      "a second <count> is left out"
    ),
    ("", "the report has no record"),
  ])
  func tellsWhatIsOdd(_ records: String, _ problem: String) throws {
    let report = try Sample.report(Sample.xml(records: records))
    #expect(report.problems.contains { $0.contains(problem) }, "\(report.problems)")
  }

  @Test func tellsAProblemOfManyRowsOnce() throws {
    let record = Sample.record(results: Sample.spf("example.com", "unknown"))
    let report = try Sample.report(
      Sample.xml(records: Array(repeating: record, count: 30).joined()))
    #expect(report.problems.count == 1)
    #expect(report.problems.first?.contains(", and 29 more: ") == true)
    #expect(report.rows.allSatisfy { $0.spfResult?.result == "temperror" })
  }

  @Test func foreignElementsAreLeftOut() throws {
    let extensions = "<extension><count>7</count><x/></extension>"
    let foreign = "<y:row xmlns:y=\"urn:y\">text<y:count>7</y:count></y:row>"
    let record = Sample.record()
      .replacing("</record>", with: "\(foreign)</record>")
    let report = try Sample.report(
      Sample.xml(root: Self.newNamespace, records: extensions + record))
    #expect(report.problems == [])
    #expect(report.messages == 1)
  }

  @Test(arguments: [
    (Sample.record(count: "-1"), "count is \"-1\", not a number of messages"),
    (Sample.record(count: "1.5"), "count is \"1.5\""),
    (Sample.record(count: ""), "count is empty"),
    (Sample.record(count: "99999999999999999999"), "count is \"99999999999999999999\""),
    (
      Sample.record(count: "9223372036854775807") + Sample.record(),
      "the counts add up to more than any number"
    ),
    ("<record/>", "a record has no row"),
    (Sample.record() + "junk", "text stands between the elements of <feedback>: \"junk\""),
    ("<record>junk</record>", "text stands between the elements of <record>: \"junk\""),
  ])
  func refusesWhatCannotBeBelieved(_ records: String, _ reason: String) throws {
    let refusal = try Sample.refusal(Sample.xml(records: records))
    #expect(refusal.contains(reason), "\(refusal)")
    #expect(refusal.contains("line "))
  }

  @Test(arguments: [
    ("<feedback/>", "there is no report_metadata"),
    ("<feedback>\(Sample.metadata)</feedback>", "there is no policy_published"),
    (Sample.xml(policy: "<policy_published/>"), "policy_published has no domain"),
    (Sample.xml(metadata: "<report_metadata/>"), "report_metadata has no org_name"),
    (Sample.xml().replacing("<begin>1793577600", with: "<begin>today"), "begin of date_range is"),
    ("<html></html>", "this is no aggregate report: it begins with <html>"),
    ("<?xml version=\"1.0\"?>", "not well-formed XML"),
    ("<feedback><a></b></feedback>", "line 1: not well-formed XML"),
    (Sample.xml().replacing("a@receiver", with: "a&nbsp;receiver"), "Entity 'nbsp' not defined"),
    (Sample.xml() + "<feedback/>", "not well-formed XML"),
  ])
  func refusesWhatIsNoReport(_ xml: String, _ reason: String) throws {
    let refusal = try Sample.refusal(xml)
    #expect(refusal.contains(reason), "\(refusal)")
  }

  @Test func refusesARecordWithoutEnd() throws {
    let record = "<record>" + String(repeating: "<a/>", count: 20_001) + "</record>"
    let refusal = try Sample.refusal(Sample.xml(records: record))
    #expect(refusal == "line 8: <record> holds more than 20000 elements")
  }

  @Test func emptyLinesInFrontAreSkippedAndCounted() throws {
    let xml = "\r\n \n" + Sample.xml()
    #expect(try Sample.report(xml).rows.count == 1)
    let broken = xml.replacing("</feedback>", with: "</feed>")
    let refusal = try Sample.refusal(broken)
    #expect(refusal.contains("line 14: "), "\(refusal)")
  }

  @Test func textIsCutAndWhiteSpaceTrimmed() throws {
    let long = String(repeating: "ñ", count: 40_000)
    let report = try Sample.report(
      Sample.xml().replacing("Receiver<", with: " \n Re&#9;ceiver &lt;x&gt; <![CDATA[<y>]]>\n<")
        .replacing("a@receiver.example", with: long))
    #expect(report.organization == "Re\tceiver <x> <y>")
    #expect(report.email?.utf8.count == ReadReport.longestText)
    #expect(report.problems.contains { $0.contains("<email> is longer than 10000 octets") })
  }
}
