import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

/// Reports as a consumer that others use reads them.
@Suite struct ParsedmarcTests {
  private struct Document: Decodable {
    struct Report: Decodable {
      struct Metadata: Decodable {
        let report_id: String
        let org_name: String
        let begin_date: String
        let end_date: String
        let generator: String?
        let errors: [String]
      }
      struct Policy: Decodable {
        let domain: String
        let p: String
        let sp: String
        let np: String?
        let adkim: String
        let aspf: String
        let fo: String
        let pct: String?
        let testing: String?
        let discovery_method: String?
      }
      let xml_namespace: String?
      let report_metadata: Metadata
      let policy_published: Policy
      let records: [Record]
    }
    struct Record: Decodable {
      struct Source: Decodable { let ip_address: String }
      struct Evaluated: Decodable {
        struct Reason: Decodable {
          let type: String?
          let comment: String?
        }
        let disposition: String
        let dkim: String
        let spf: String
        let policy_override_reasons: [Reason]
      }
      struct Identifiers: Decodable {
        let header_from: String
        let envelope_from: String?
      }
      struct Signature: Decodable {
        let domain: String
        let selector: String?
        let result: String
        let human_result: String?
      }
      struct Sender: Decodable {
        let domain: String
        let scope: String?
        let result: String
        let human_result: String?
      }
      struct Results: Decodable {
        let dkim: [Signature]
        let spf: [Sender]
      }
      let source: Source
      let count: Int
      let policy_evaluated: Evaluated
      let identifiers: Identifiers
      let auth_results: Results

      /// As ``XMLTree/lines`` writes a record.
      var lines: [String] {
        let reasons = policy_evaluated.policy_override_reasons.map { reason in
          "reason type=\(reason.type ?? "")" + (reason.comment.map { " comment=\($0)" } ?? "")
        }
        let signatures = auth_results.dkim.map { signature in
          "dkim domain=\(signature.domain) selector=\(signature.selector ?? "")"
            + " result=\(signature.result)"
            + (signature.human_result.map { " human_result=\($0)" } ?? "")
        }
        let senders = auth_results.spf.map { sender in
          "spf domain=\(sender.domain) scope=\(sender.scope ?? "") result=\(sender.result)"
            + (sender.human_result.map { " human_result=\($0)" } ?? "")
        }
        let evaluated = policy_evaluated
        return [
          "\(count) x \(source.ip_address)",
          "disposition=\(evaluated.disposition) dkim=\(evaluated.dkim) spf=\(evaluated.spf)",
        ] + reasons + [
          "header_from=\(identifiers.header_from)"
            + (identifiers.envelope_from.map { " envelope_from=\($0)" } ?? "")
        ] + signatures + senders
      }
    }
    let file: String
    let report: Report
  }

  private static let script = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "scripts/check-parsedmarc").path

  /// Runs the script; the test is shown as skipped where parsedmarc cannot be had, except under
  /// continuous integration.
  private func read(_ directory: String) throws -> [Document] {
    let result = try Program.run(Self.script, [directory], within: .seconds(300))
    let mustRun = ProcessInfo.processInfo.environment["CI"] != nil
    if result.status == 69, !mustRun { try Test.cancel("parsedmarc cannot be installed here") }
    guard result.status == 0 else {
      throw FixtureError("check-parsedmarc: status \(result.status), \(result.errors)")
    }
    return try JSONDecoder().decode([Document].self, from: Data(result.output.utf8))
  }

  @Test(arguments: ReportFormat.allCases)
  func readsWhatTheLedgerHolds(_ format: ReportFormat) throws {
    var scene = try ReportScene()
    // In another order than the reports have: each case under a client address of its own.
    let cases =
      RowTests.results + RowTests.identities.filter { $0.name != "no name to check at all" }
    for (number, sample) in cases.enumerated() {
      var record = sample.record
      if let address = IPAddress("198.51.100.\(number)") { record.envelope.clientAddress = address }
      try scene.append(record, count: number + 1)
    }
    let built = try scene.build(as: format)
    #expect(built.map(\.problem) == built.map { _ in nil })

    let read = try read(scene.directory.path("reports"))

    #expect(read.count == built.count)
    #expect(
      try scene.countByDomain()
        == Dictionary(
          read.map { document in
            let report = document.report
            return (
              report.policy_published.domain, report.records.reduce(0) { $0 + $1.count }
            )
          }, uniquingKeysWith: +))
    for report in built {
      let path = try #require(report.path)
      let document = try #require(read.first { $0.file == path })
      try expect(document, agreesWith: report, try XMLTree.read(path, as: format), format)
    }
    try expectRows(cases, in: read, format)
  }

  private func expect(
    _ document: Document, agreesWith built: BuiltReport, _ tree: XMLTree, _ format: ReportFormat
  ) throws {
    let report = document.report
    #expect(report.xml_namespace == format.namespace)
    #expect(report.report_metadata.report_id == built.reportID)
    #expect(report.report_metadata.org_name == "Receiver Example")
    #expect(report.report_metadata.begin_date == "2026-11-20 00:00:00")
    #expect(report.report_metadata.end_date == "2026-11-20 23:59:59")
    #expect(report.report_metadata.generator == (format == .rfc9990 ? "Plumbline 0.1" : nil))
    let errors = tree["report_metadata"]?.all("error").map(\.text)
    #expect(report.report_metadata.errors == errors)
    let policy = report.policy_published
    #expect(policy.domain == built.policyDomain.text)
    let published =
      switch format {
      case .rfc9990:
        [
          policy.domain, policy.discovery_method, policy.p, policy.sp, policy.np, policy.fo,
          policy.adkim, policy.aspf, policy.testing,
        ]
      case .rfc7489:
        [
          policy.domain, policy.adkim, policy.aspf, policy.p, policy.sp, policy.pct, policy.fo,
        ]
      }
    #expect(published == tree["policy_published"]?.children.map(\.text))
    #expect(report.records.count == built.rows)
    #expect(report.records.reduce(0) { $0 + $1.count } == built.messages)
  }

  /// Each case has an address of its own, so its row can be found again.
  private func expectRows(
    _ cases: [RowTests.Case], in documents: [Document], _ format: ReportFormat
  ) throws {
    let records = documents.flatMap(\.report.records)
    #expect(records.count == cases.count)
    for (number, sample) in cases.enumerated() {
      let address = "198.51.100.\(number)"
      let record = try #require(records.first { $0.source.ip_address == address })
      var lines = sample.lines(in: format)
      lines[0] = "\(number + 1) x \(address)"
      if sample.name == "null reverse-path" {
        // parsedmarc puts the SPF domain in place of an empty one.
        lines = lines.map { $0.hasSuffix("envelope_from=") ? $0 + "mail.example.com" : $0 }
      }
      if sample.name == "reverse-path without a domain" {
        lines = lines.map {
          $0.hasPrefix("header_from=") ? "header_from=example.com envelope_from=root" : $0
        }
      }
      #expect(record.lines == lines, "\(sample.name)")
    }
  }
}

extension ReportScene {
  /// The ledger's own count per policy domain, straight from its messages.
  func countByDomain() throws -> [String: Int] {
    var counts: [String: Int] = [:]
    try store.read { ledger in
      try ledger.messages(in: Self.day.window) { message in
        guard let policyDomain = message.record.evaluation.dmarc.policyDomain else { return }
        counts[policyDomain.text, default: 0] += 1
      }
    }
    return counts
  }
}
