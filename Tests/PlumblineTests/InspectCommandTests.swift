import Foundation
import TestSupport
import Testing

/// `plumbline inspect` as a person runs it.
@Suite struct InspectCommandTests {
  /// The part of the JSON contract that tests look at.
  struct Report: Decodable {
    struct Policy: Decodable {
      var domain: String
      var p: String?
      var pct: Int?
      var np: String?
    }

    struct Result: Decodable {
      var domain: String
      var selector: String?
      var scope: String?
      var result: String
      var humanResult: String?
      var aligned: Bool?
    }

    struct Reason: Decodable {
      var type: String
      var comment: String?
    }

    struct Cause: Decodable {
      var code: String
      var explanation: String
      var fix: String
    }

    struct Row: Decodable {
      var sourceIP: String
      var count: Int
      var disposition: String?
      var dkim: String?
      var spf: String?
      var reasons: [Reason]
      var headerFrom: String
      var envelopeFrom: String?
      var dkimResults: [Result]
      var spfResult: Result?
      var rootCause: Cause?
    }

    var file: String
    var part: String?
    var orgName: String
    var reportID: String?
    var begin: Int
    var end: Int
    var policyDomain: String
    var policy: Policy
    var form: String
    var problems: [String]
    var rows: [Row]
  }

  private func xml(organization: String = "Receiver", comment: String = "list") -> String {
    """
    <?xml version="1.0"?>
    <feedback><version>1.0</version>
    <report_metadata><org_name>\(organization)</org_name><email>a@receiver.example</email>
    <report_id>r1</report_id>
    <date_range><begin>1793577600</begin><end>1793663999</end></date_range></report_metadata>
    <policy_published><domain>example.com</domain><p>none</p><pct>100</pct></policy_published>
    <record><row><source_ip>192.0.2.1</source_ip><count>12</count><policy_evaluated>
    <disposition>none</disposition><dkim>fail</dkim><spf>fail</spf>
    <reason><type>mailing_list</type><comment>\(comment)</comment></reason>
    </policy_evaluated></row>
    <identifiers><envelope_from/><header_from>example.com</header_from></identifiers>
    <auth_results><dkim><domain>example.com</domain><selector>s1</selector><result>fail</result>
    <human_result>body hash mismatch</human_result></dkim>
    <spf><domain>lists.example</domain><scope>mfrom</scope><result>pass</result></spf>
    </auth_results></record></feedback>
    """
  }

  private func inspect(_ arguments: [String], input: String = "") throws -> Program.Result {
    try Program.run(
      Program.plumblinePath, ["inspect"] + arguments, input: Data(input.utf8))
  }

  @Test func printsRowsWithCausesAndASummary() throws {
    let run = try inspect([], input: xml())
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n").map(String.init)
    #expect(lines.contains("From     Receiver (a@receiver.example)"))
    #expect(lines.contains("Period   2026-11-02 00:00:00 to 2026-11-02 23:59:59 UTC"))
    #expect(lines.contains("   12  192.0.2.1  example.com  pass-  fail+  fail   none"))
    #expect(lines.contains("    Override: mailing_list (list)"))
    #expect(lines.contains { $0.hasPrefix("    A mailing list seems to have changed the message") })
    #expect(lines.contains { $0.hasPrefix("    What to fix (modifiedOnTheWay): The list or") })
    #expect(lines.last == "1 report, 1 row, 12 messages: 0 passed DMARC, 12 did not")
  }

  @Test func printsAnArrayOfReports() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(xml(), to: "one.xml")
    let second = try directory.write(xml(organization: "Other"), to: "two.xml")
    let run = try inspect(["--format", "json", first, second])
    #expect(run.status == 0, "\(run.errors)")
    let reports = try JSONDecoder().decode([Report].self, from: Data(run.output.utf8))
    try #require(reports.count == 2)
    #expect(reports.map(\.file) == [first, second])
    #expect(reports.map(\.orgName) == ["Receiver", "Other"])
    let report = reports[0]
    #expect(report.part == nil)
    #expect(report.reportID == "r1")
    #expect(report.begin == 1_793_577_600)
    #expect(report.end == 1_793_663_999)
    #expect(report.policyDomain == "example.com")
    #expect(report.policy.p == "none")
    #expect(report.policy.pct == 100)
    #expect(report.policy.np == nil)
    #expect(report.form == "rfc7489")
    #expect(report.problems == [])
    try #require(report.rows.count == 1)
    let row = report.rows[0]
    #expect(row.sourceIP == "192.0.2.1")
    #expect(row.count == 12)
    #expect([row.disposition, row.dkim, row.spf] == ["none", "fail", "fail"])
    #expect(row.reasons.map(\.type) == ["mailing_list"])
    #expect(row.headerFrom == "example.com")
    #expect(row.envelopeFrom == "")
    #expect(row.dkimResults.map(\.humanResult) == ["body hash mismatch"])
    #expect(row.dkimResults.map(\.aligned) == [true])
    #expect(row.spfResult?.scope == "mfrom")
    #expect(row.spfResult?.aligned == false)
    #expect(row.rootCause?.code == "modifiedOnTheWay")
    #expect(row.rootCause?.fix.isEmpty == false)
    // Absent is null, not left out.
    let raw = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
    #expect(raw[0]["part"] is NSNull)
  }

  @Test func aBrokenFileIsNamedAndTheOthersAreRead() throws {
    let directory = try TemporaryDirectory()
    let broken = try directory.write(
      xml().replacing("</record>", with: "</rekord>"), to: "broken.xml")
    let whole = try directory.write(xml(), to: "whole.xml")
    for format in ["text", "json"] {
      let run = try inspect(["--format", format, broken, whole])
      #expect(run.status == 65)
      #expect(run.errors.contains("plumbline: \(broken): line 15: not well-formed XML: "))
      #expect(!run.errors.contains(whole))
      #expect(run.output.contains("Receiver"))
    }
    let run = try inspect([broken])
    #expect(run.output == "0 reports, 0 rows, 0 messages: 0 passed DMARC, 0 did not; 1 refused\n")
    let json = try inspect(["--format", "json", broken])
    #expect(json.output == "[]\n")
  }

  @Test func aFileThatCannotBeOpenedIsNamedAndTheOthersAreRead() throws {
    let directory = try TemporaryDirectory()
    let whole = try directory.write(xml(), to: "whole.xml")
    let missing = directory.path("missing.xml")
    let run = try inspect([missing, directory.url.path, whole])
    #expect(run.status == 66)
    #expect(run.errors.contains("\(missing): no such file"))
    #expect(run.errors.contains("is a directory; name a report file"))
    #expect(run.output.contains("1 report, 1 row, 12 messages"))
    let broken = try directory.write("Hello", to: "broken")
    #expect(try inspect([missing, broken]).status == 65)
  }

  @Test func nothingInAReportSteersATerminal() throws {
    // Next line and CSI are C1 controls, which XML allows; then a line end, a direction override.
    let evil = "a&#x85;b&#x9B;2J&#10;COUNT&#x202E;c&#x2028;d"
    let directory = try TemporaryDirectory()
    let file = try directory.write(xml(organization: evil, comment: evil), to: "e\u{9B}vil\n.xml")
    let text = try inspect([file])
    #expect(text.output.contains("From     a?b?2J?COUNT?c?d (a@receiver.example)"))
    let json = try inspect(["--format", "json", file])
    #expect(json.output.contains(#"a\u0085b\u009b2J\nCOUNT\u202ec\u2028d"#))
    let reports = try JSONDecoder().decode([Report].self, from: Data(json.output.utf8))
    #expect(reports.first?.orgName == "a\u{85}b\u{9B}2J\nCOUNT\u{202E}c\u{2028}d")
    let broken = try inspect([file + "x"])
    for output in [text.output, json.output, broken.errors] {
      #expect(!output.unicodeScalars.contains { (0x7F...0x9F).contains($0.value) })
    }
  }

  @Test func theSizeIsLimited() throws {
    let large = xml().replacing(
      "<record>", with: String(repeating: " ", count: 1_100_000) + "<record>")
    let run = try inspect(["--max-size", "1"], input: large)
    #expect(run.status == 65)
    #expect(run.errors.contains("standard input: more than 1 MB, uncompressed"))
    #expect(try inspect(["--max-size", "2"], input: large).status == 0)
    #expect(try inspect(["--max-size", "0"], input: large).status == 64)
  }

  @Test(.enabled(if: Suites.arePresent, "the published suites are not beside this checkout"))
  func readsAllSamplesAndRefusesTheBrokenOnes() throws {
    let folder = "\(Suites.folder)/reports"
    let files = try ["rfc7489", "rfc9990", "broken", "failure"].flatMap { name in
      try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(name)")
        .map { "\(folder)/\(name)/\($0)" }
    }
    let run = try inspect(["--format", "json"] + files)
    #expect(run.status == 65)
    let reports = try JSONDecoder().decode([Report].self, from: Data(run.output.utf8))
    #expect(reports.count == 13)
    // The sums of all <count>, by xmllint.
    #expect(reports.flatMap(\.rows).reduce(0) { $0 + $1.count } == 4_461)
    #expect(run.errors.split(separator: "\n").count == 4)
    for report in reports {
      #expect(report.file.contains(report.form == "rfc9990" ? "/rfc9990/" : "/rfc7489/"))
    }
  }
}
