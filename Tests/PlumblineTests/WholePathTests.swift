import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// The demo's messages from an SMTP client to the report files, with values compared at each stage.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct WholePathTests {
  /// One demo message after its way through the host.
  private struct Arrival {
    var expected: DemoExpectation
    var message: DemoMessage
    var delivered: DeliveredMessage
    var record: MessageRecord
  }

  @Test func eachMessageIsMarkedRecordedAndReported() throws {
    let host = try MailHost()
    let firstDay = Self.day(Date())
    let arrivals = try send(to: host)
    for arrival in arrivals {
      checkHeader(arrival)
      checkRecord(arrival)
    }
    try checkLog(host, arrivals)
    try checkList(host, arrivals)
    // Around midnight the messages lie in two days.
    let days = Set([firstDay, Self.day(Date())]).sorted()
    try checkReports(try buildReports(host, days: days), arrivals)
  }

  private func send(to host: MailHost) throws -> [Arrival] {
    let replies = try DemoExpectation.all.map { try host.send($0.message()) }
    let records = try host.ledger()
    #expect(records.count == DemoExpectation.all.count)
    return try zip(DemoExpectation.all, replies).map { expected, reply in
      Arrival(
        expected: expected, message: try expected.message(),
        delivered: try host.delivered(reply),
        // The record is durable before Postfix gets its answer, so it is there already.
        record: try #require(records.first { $0.queueID == reply.queueID }))
    }
  }

  private func checkHeader(_ arrival: Arrival) {
    let name = Comment(rawValue: arrival.expected.file)
    let results = arrival.delivered["Authentication-Results"]
    #expect(results.filter { $0.hasPrefix("mx.receiver.example;") }.count == 1, name)
    let ours = results.first ?? ""
    #expect(ours == arrival.record.verdict.authenticationResults, name)
    #expect(ours.contains("spf=\(arrival.expected.spf.rawValue) "), name)
    #expect(ours.contains("dmarc=\(arrival.expected.dmarc.rawValue) "), name)
    let dkim = ours.split(separator: "; ").filter { $0.hasPrefix("dkim=") }
    let wanted = arrival.expected.dkim.map { "dkim=" + $0.prefix { $0 != " " } }
    #expect(
      dkim.map { String($0.prefix { $0 != " " }) } == (wanted.isEmpty ? ["dkim=none"] : wanted))
  }

  private func checkRecord(_ arrival: Arrival) {
    let name = Comment(rawValue: arrival.expected.file)
    let record = arrival.record
    #expect(record.envelope.clientAddress == IPAddress(arrival.message.client), name)
    #expect(record.envelope.helo == Array(arrival.message.helo.utf8), name)
    #expect(record.evaluation.authorDomain?.text == arrival.expected.authorDomain, name)
    #expect(record.evaluation.mailFromSPF.result == arrival.expected.spf, name)
    #expect(record.evaluation.mailFromSPF.cause == arrival.expected.spfCause, name)
    #expect(
      record.evaluation.dkim.map { "\($0.result) \($0.cause)" } == arrival.expected.dkim, name)
    #expect(record.evaluation.dmarc.result == arrival.expected.dmarc, name)
    #expect(record.evaluation.dmarc.cause == arrival.expected.dmarcCause, name)
    #expect(record.verdict.disposition == .none, name)
    #expect(!record.evaluation.dns.isEmpty, name)
  }

  private func checkLog(_ host: MailHost, _ arrivals: [Arrival]) throws {
    let lines = host.milter.errors.split(separator: "\n")
    for arrival in arrivals {
      #expect(lines.filter { $0.contains(arrival.record.queueID) }.count == 1)
    }
  }

  private func checkList(_ host: MailHost, _ arrivals: [Arrival]) throws {
    let text = try host.plumbline(["ledger", "list"])
    #expect(text.status == 0, "\(text.errors)")
    let json = try host.plumbline(["ledger", "list", "--format", "json"])
    #expect(json.status == 0, "\(json.errors)")
    for arrival in arrivals {
      #expect(text.output.contains(arrival.record.queueID))
      #expect(json.output.contains("\"\(arrival.record.queueID)\""))
    }
  }

  private func buildReports(_ host: MailHost, days: [String]) throws -> [ReportDocument] {
    let folder = host.directory.path("reports")
    for day in days {
      let built = try host.plumbline(["report", "build", "--day", day, "--out", folder])
      #expect(built.status == 0, "\(built.errors)")
    }
    let paths = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      .filter { $0.hasSuffix(".xml.gz") }
      .map { folder + "/" + $0 }
    let reports = try paths.map { try ReportDocument(gzip: $0) }
    try validateByTheRFCsSchema(paths)
    try expectParsedmarcReads(reports, in: folder)
    return reports
  }

  private func validateByTheRFCsSchema(_ paths: [String]) throws {
    guard Suites.arePresent else { return }
    let result = try Program.run(
      "/usr/bin/xmllint", ["--noout", "--schema", "\(Suites.folder)/xsd/rfc9990.xsd"] + paths)
    #expect(result.status == 0, "\(result.errors)")
  }

  /// What the consumer reads is what the files say, which in turn is held against the ledger.
  private func expectParsedmarcReads(_ reports: [ReportDocument], in folder: String) throws {
    let script = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "scripts/check-parsedmarc").path
    let result = try Program.run(script, [folder], within: .seconds(300))
    // Without a package index there is no consumer; under continuous integration there is one.
    if result.status == 69, ProcessInfo.processInfo.environment["CI"] == nil { return }
    #expect(result.status == 0, "\(result.errors)")
    let read = try JSONDecoder().decode([ParsedmarcFile].self, from: Data(result.output.utf8))
    #expect(read.map(\.file).sorted() == reports.map(\.path).sorted())
    for report in reports {
      let records = try #require(read.first { $0.file == report.path }).report.records
      let expected = report.records.map { record in
        [
          record["row/source_ip"], record["row/count"],
          record["row/policy_evaluated/disposition"], record["row/policy_evaluated/dkim"],
          record["row/policy_evaluated/spf"], record["identifiers/header_from"],
        ].map { $0 ?? "" }
      }
      #expect(records.map(\.facts) == expected, "\(report.path)")
    }
  }

  /// The part of parsedmarc's output that is compared.
  private struct ParsedmarcFile: Decodable {
    struct Report: Decodable { let records: [Record] }
    struct Record: Decodable {
      struct Source: Decodable { let ip_address: String }
      struct Evaluated: Decodable {
        let disposition: String
        let dkim: String
        let spf: String
      }
      struct Identifiers: Decodable { let header_from: String }
      let source: Source
      let count: Int
      let policy_evaluated: Evaluated
      let identifiers: Identifiers

      var facts: [String] {
        [
          source.ip_address, "\(count)", policy_evaluated.disposition, policy_evaluated.dkim,
          policy_evaluated.spf, identifiers.header_from,
        ]
      }
    }
    let file: String
    let report: Report
  }

  private func checkReports(_ reports: [ReportDocument], _ arrivals: [Arrival]) throws {
    let reportable = arrivals.filter { $0.record.evaluation.dmarc.record != nil }
    let domains = Set(reportable.compactMap { $0.record.evaluation.dmarc.policyDomain?.text })
    #expect(
      domains == [
        "bank.example", "books.example", "cityhall.example", "clinic.example", "example.com",
        "modern.example", "parcel.example", "shop.example",
      ])
    #expect(Set(reports.map(\.domain)) == domains)
    for report in reports {
      #expect(report.path.contains("/mx.receiver.example!\(report.domain)!"))
      #expect(report["report_metadata/org_name"] == "Receiver Example")
      #expect(report["report_metadata/email"] == "dmarc-reports@receiver.example")
      #expect(report["policy_published/discovery_method"] == "treewalk")
    }
    let counts = reports.flatMap(\.records).compactMap { $0["row/count"].flatMap(Int.init) }
    #expect(counts.reduce(0, +) == reportable.count)
    for arrival in reportable { try checkRow(of: arrival, reports) }
    #expect(
      reports.first { $0.domain == "bank.example" }?["policy_published/adkim"] == "s")
  }

  private func checkRow(of arrival: Arrival, _ reports: [ReportDocument]) throws {
    let name = Comment(rawValue: arrival.expected.file)
    let evaluation = arrival.record.evaluation
    let rows = reports.filter { $0.domain == evaluation.dmarc.policyDomain?.text }
      .flatMap(\.records)
      .filter {
        $0["row/source_ip"] == arrival.message.client
          && $0["identifiers/header_from"] == arrival.expected.authorDomain
      }
    let row = try #require(rows.first, name)
    #expect(rows.count == 1, name)
    #expect(row["row/count"] == "1", name)
    let evaluated = "row/policy_evaluated/"
    #expect(row[evaluated + "dkim"] == (evaluation.dmarc.dkimAligned ? "pass" : "fail"), name)
    #expect(row[evaluated + "spf"] == (evaluation.dmarc.spfAligned ? "pass" : "fail"), name)
    // Nothing is enforced; where the policy asks for more, the report says why nothing was done.
    // A pass under a policy that asks for something shows as such (RFC 9990 section 3.1.1.9).
    let asks = try #require(evaluation.dmarc.appliedPolicy, name) != DomainOwnerPolicy.none
    let isPass = evaluation.dmarc.result == .pass
    #expect(row[evaluated + "disposition"] == (isPass && asks ? "pass" : "none"), name)
    let mustExplain = evaluation.dmarc.result == .temperror || (!isPass && asks)
    #expect(row.all(evaluated + "reason").isEmpty == !mustExplain, name)
    let fromDomain = arrival.message.mailFrom.split(separator: "@").last.map(String.init)
    #expect(row["identifiers/envelope_from"] == fromDomain ?? "", name)
    #expect(row["auth_results/spf/domain"] == fromDomain ?? arrival.message.helo, name)
    #expect(row["auth_results/spf/result"] == arrival.expected.spf.rawValue, name)
    #expect(
      Set(row.dkim)
        == Set(evaluation.dkim.map { "\($0.domain) \($0.selector) \($0.result.rawValue)" }), name)
  }

  private static func day(_ date: Date) -> String {
    date.formatted(.iso8601.year().month().day())
  }
}
