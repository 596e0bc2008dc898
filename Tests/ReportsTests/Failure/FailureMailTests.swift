import Foundation
import MailAuth
import Reports
import TestSupport
import Testing

/// The mail as readers that others wrote see it: Python's own, and parsedmarc.
@Suite struct FailureMailTests {
  private struct Reading: Decodable {
    struct Report: Decodable {
      struct Source: Decodable { let ip_address: String }
      let feedback_type: String
      let auth_failure: [String]
      let authentication_mechanisms: [String]
      let reported_domain: String
      let source: Source
      let arrival_date_utc: String
      let delivery_result: String
      let dkim_domain: String?
      let original_mail_from: String?
      let sample_headers_only: Bool
    }
    let report_type: String
    let report: Report
    let subject: String
    let content_type: String
    let report_type_parameter: String
    let parts: [String]
    let defects: [String]
    let fields: [String: [String]]
  }

  private static let script = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../scripts/check-parsedmarc").standardized.path

  private func read(_ mail: String) throws -> Reading {
    let directory = try TemporaryDirectory()
    let path = try directory.write(mail, to: "report.eml")
    let result = try Program.run("/bin/bash", [Self.script, path], within: .seconds(300))
    guard result.status == 0 else { throw FixtureError(result.errors) }
    let readings = try JSONDecoder().decode([Reading].self, from: Data(result.output.utf8))
    return try #require(readings.first)
  }

  @Test(arguments: ["192.0.2.1", "2001:db8::1"])
  func othersReadWhatWeWrote(client: String) throws {
    var scene = try FailureScene()
    let long = String(repeating: "https://link.example/ ", count: 30)
    let header = [HeaderField].test() + [HeaderField("X-Long", " \(long)")]
    try scene.receive(client: client, header: header)
    try scene.receive(client: client, header: header)
    _ = try scene.run()
    let mail = try scene.mail()
    let reading = try read(mail)
    #expect(reading.report_type == "failure")
    #expect(reading.content_type == "multipart/report")
    #expect(reading.report_type_parameter == "feedback-report")
    #expect(reading.parts == ["text/plain", "message/feedback-report", "text/rfc822-headers"])
    #expect(reading.defects.isEmpty)
    #expect(reading.subject.hasPrefix("FW: [redacted "))
    let fields = reading.fields
    #expect(fields["Version"] == ["1"])
    #expect(fields["Incidents"] == ["2"])
    #expect(fields["Identity-Alignment"] == ["dkim, spf"])
    #expect(
      fields["SPF-DNS"] == [
        "txt : example.com : \"v=spf1 include:_spf.example.com -all\"",
        "txt : _spf.example.com : \"v=spf1 exp=\\\"\\\\x -all\"",
      ])
    // Each field once but for the one that may repeat (RFC 6591 section 3.1).
    #expect(fields.filter { $0.value.count > 1 }.keys.sorted() == ["SPF-DNS"])
    let report = reading.report
    #expect(report.feedback_type == "auth-failure")
    #expect(report.auth_failure == ["dmarc"])
    #expect(report.authentication_mechanisms == ["dkim", "spf"])
    #expect(report.reported_domain == "example.com")
    #expect(report.source.ip_address == client)
    #expect(report.arrival_date_utc == "2033-05-18 03:33:20")
    #expect(report.delivery_result == "reject")
    #expect(report.dkim_domain == "example.com")
    #expect(report.sample_headers_only)
    for local in ["ann@", "user@", "sender@", "Lunch", "http:", "https:"] {
      #expect(!mail.contains(local), "\(local)")
    }
    #expect(mail.utf8.split(separator: 0x0A).allSatisfy { $0.count <= 999 })
  }
}
