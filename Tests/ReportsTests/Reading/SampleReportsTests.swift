import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Reports of other programs, read; the values were taken from the files with xmllint.
@Suite struct SampleReportsTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    var file: String
    var organization: String
    var reportID: String
    var domain: String
    var begin: Int64
    var rows: Int
    var messages: Int
    var signatures: Int
    var reasons: Int
    var firstSource: String
    var form: ReadReport.Form = .rfc7489
    var firstCause: RootCause.Code?

    var testDescription: String { file }
  }

  static let samples: [Sample] = [
    Sample(
      file: "rfc7489/addisonfoods.com!example.com!1536105600!1536191999.xml",
      organization: "addisonfoods.com", reportID: "3ceb5548498640beaeb47327e202b0b9",
      domain: "example.com", begin: 1_536_105_600, rows: 1, messages: 1, signatures: 1, reasons: 0,
      firstSource: "109.203.100.17", firstCause: .unalignedSigner),
    Sample(
      file: "rfc7489/appendix-c-strict.xml", organization: "Receiver Example",
      reportID: "1793577600-example.com@mx.receiver.example", domain: "example.com",
      begin: 1_793_577_600, rows: 1, messages: 7, signatures: 1, reasons: 1,
      firstSource: "2001:db8::1", firstCause: .signatureBroken),
    Sample(
      file:
        "rfc7489/estadocuenta1.infonacot.gob.mx!example.com!1536853302!1536939702!2940.xml.zip",
      organization: "XYZ Corporation", reportID: "2940", domain: "example.com",
      begin: 1_536_853_302, rows: 1, messages: 1, signatures: 0, reasons: 0,
      firstSource: "148.243.137.254", firstCause: .unknownSource),
    Sample(
      file: "rfc7489/fastmail.com!example.com!1516060800!1516147199!102675056.xml.gz",
      organization: "FastMail Pty Ltd", reportID: "102675056", domain: "indemed.com",
      begin: 1_516_060_800, rows: 1, messages: 1, signatures: 0, reasons: 0,
      firstSource: "104.195.80.20", firstCause: .unknownSource),
    Sample(
      file: "rfc7489/google-with-np.xml.gz", organization: "google.com",
      reportID: "11038226378739404135", domain: "example.com", begin: 1_718_236_800, rows: 20,
      messages: 3_047, signatures: 34, reasons: 0, firstSource: "209.85.220.69"),
    Sample(
      file: "rfc7489/google-zip-mail.eml", organization: "google.com",
      reportID: "1627703331531660819", domain: "twlnet.com", begin: 1_549_756_800, rows: 1,
      messages: 1, signatures: 1, reasons: 0, firstSource: "87.106.127.28"),
    Sample(
      file: "rfc7489/old_draft_from_wiki.xml", organization: "acme.com",
      reportID: "9391651994964116463", domain: "example.com", begin: 1_335_571_200, rows: 1,
      messages: 2, signatures: 1, reasons: 0, firstSource: "72.150.241.94",
      firstCause: .signatureBroken),
    Sample(
      file: "rfc7489/protection.outlook.com!example.com!1711756800!1711843200.xml",
      organization: "Outlook.com", reportID: "cfeafefe4129445e8c81018bd9177197",
      domain: "example.com", begin: 1_711_756_800, rows: 1, messages: 1, signatures: 0, reasons: 0,
      firstSource: "100.24.188.149", firstCause: .unknownSource),
    Sample(
      file: "rfc7489/veeam.com!example.com!1530133200!1530219600.xml", organization: "veeam.com",
      reportID: "sonexushealth.com:1530233361", domain: "example.com", begin: 1_530_133_200,
      rows: 1, messages: 1, signatures: 0, reasons: 0, firstSource: "199.230.200.36",
      firstCause: .unknownSource),
    Sample(
      file: "rfc9990/mx.receiver.example!bank.example!1793577600!1793663999.xml",
      organization: "Receiver Example", reportID: "1793577600-bank.example@mx.receiver.example",
      domain: "bank.example", begin: 1_793_577_600, rows: 1, messages: 17, signatures: 0,
      reasons: 0, firstSource: "198.51.100.9", form: .rfc9990, firstCause: .unknownSource),
    Sample(
      file: "rfc9990/mx.receiver.example!example.com!1793577600!1793663999!a1.xml",
      organization: "Receiver Example", reportID: "1793577600-example.com@mx.receiver.example",
      domain: "example.com", begin: 1_793_577_600, rows: 4, messages: 1_250, signatures: 5,
      reasons: 2, firstSource: "192.0.2.10", form: .rfc9990),
    Sample(
      file: "rfc9990/mx.receiver.example!test.example.org!1793577600!1793663999.xml",
      organization: "Receiver Example",
      reportID: "1793577600-test.example.org@mx.receiver.example", domain: "test.example.org",
      begin: 1_793_577_600, rows: 1, messages: 9, signatures: 1, reasons: 2,
      firstSource: "192.0.2.55", form: .rfc9990, firstCause: .signatureUnusable),
    Sample(
      file: "rfc9990/rfc9990-appendix-b.xml", organization: "Sample Reporter",
      reportID: "3v98abbp8ya9n3va8yr8oa3ya", domain: "example.com", begin: 302_832_000, rows: 1,
      messages: 123, signatures: 1, reasons: 0, firstSource: "192.0.2.123", form: .rfc9990,
      firstCause: .forwarded),
  ]

  private static func octets(_ file: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: "\(Suites.folder)/reports/\(file)")))
  }

  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: samples)
  func readsSamples(_ sample: Sample) throws {
    let report = try ReportSample.report(try Self.octets(sample.file))
    #expect(report.organization == sample.organization)
    #expect(report.reportID == sample.reportID)
    #expect(report.policy.domain == sample.domain)
    #expect(report.begin == sample.begin)
    #expect(report.form == sample.form)
    #expect(report.rows.count == sample.rows)
    #expect(report.messages == sample.messages)
    #expect(report.rows.reduce(0) { $0 + $1.dkimResults.count } == sample.signatures)
    #expect(report.rows.reduce(0) { $0 + $1.reasons.count } == sample.reasons)
    let first = try #require(report.rows.first)
    #expect(first.sourceIP == sample.firstSource)
    #expect(report.findings(of: first).rootCause?.code == sample.firstCause)
  }

  @Test(.enabled(if: Suites.arePresent, "the published suites are not beside this checkout"))
  func thereIsASampleForEachFile() throws {
    let folder = "\(Suites.folder)/reports"
    for form in ["rfc7489", "rfc9990"] {
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(form)")
      let names = Self.samples.map(\.file).filter { $0.hasPrefix(form) }
      #expect(Set(files.map { "\(form)/\($0)" }) == Set(names))
    }
  }

  @Test(.enabled(if: Suites.arePresent, "the published suites are not beside this checkout"))
  func readsEachValueOfARow() throws {
    let report = try ReportSample.report(try Self.octets("rfc7489/appendix-c-strict.xml"))
    #expect(report.errors == ["first error text", "second error text"])
    #expect(report.policy.policy == "reject")
    #expect(report.policy.subdomainPolicy == "quarantine")
    #expect(report.policy.percentage == 25)
    let row = try #require(report.rows.first)
    #expect(row.disposition == "quarantine")
    #expect(row.reasons == [ReadReport.Reason(type: "sampled_out", comment: "pct=25")])
    #expect(row.envelopeFrom == "alumni.example.edu")
    #expect(row.envelopeTo == "receiver.example")
    #expect(row.dkimResults.first?.humanResult == "body hash mismatch")
    // Of the two SPF checks that of MAIL FROM counts, though it is the second.
    #expect(row.spfResults.map(\.scope) == ["helo", "mfrom"])
    #expect(row.spfResult?.domain == "alumni.example.edu")
    #expect(row.spfResult?.result == "softfail")
  }

  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: [
      ("broken/empty-org-name.xml", "line 4: org_name is empty"),
      ("broken/invalid_xml.xml", "line 5: not well-formed XML"),
      (
        "broken/stray-text.xml",
        "line 18: text stands between the elements of <policy_published>: \"11\""
      ),
      ("failure/dmarc_ruf_report_linkedin.eml", "failure report (RFC 6591)"),
    ])
  func refusesBrokenSamples(_ file: String, _ reason: String) throws {
    let refusal = try ReportSample.refusal(try Self.octets(file))
    #expect(refusal.contains(reason), "\(refusal)")
  }
}
