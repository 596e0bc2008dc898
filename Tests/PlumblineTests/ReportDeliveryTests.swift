import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

/// From mail that comes in to reports in other people's mailboxes: two real Postfix, our milter
/// behind both, `report run` between them, and parsedmarc as the consumer.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct ReportDeliveryTests {
  /// Reports go out under this selector, whose key is in the zone.
  private static let selector = "reports"

  /// The demo's zone with what reports need: our own records, and destinations elsewhere of which
  /// one agrees and one does not.
  private static func zone(_ directory: TemporaryDirectory) throws -> String {
    let key = try DKIMPrivateKey(pem: Array(TestKeys.rsa2048.utf8), source: "test")
    let record = Array(key.publicKeyRecord)
    let pieces = stride(from: 0, to: record.count, by: 200).map { start in
      "      - \"\(String(record[start..<min(start + 200, record.count)]))\"\n"
    }
    let demo = try String(contentsOfFile: DemoMessage.zonePath, encoding: .utf8)
      .replacing("mailto:dmarc@books.example", with: "mailto:books@reader.example")
      .replacing(
        "mailto:dmarc@modern.example",
        with: "mailto:dmarc@modern.example,mailto:modern@stranger.example"
      )
      .replacing(
        "rua=mailto:dmarc@bank.example",
        with: "rua=mailto:dmarc@bank.example; "
          + "ruf=mailto:forensic@bank.example,mailto:ruf@stranger.example")
    return try directory.write(
      demo + """

        _dmarc.receiver.example:
          - TXT: "v=DMARC1; p=reject"
        \(selector)._domainkey.receiver.example:
          - TXT:
        \(pieces.joined())
        books.example._report._dmarc.reader.example:
          - TXT: "v=DMARC1"

        """, to: "zone.yml")
  }

  @Test func reportsArriveAndPassDMARCAndSayWhatTheLedgerHolds() throws {
    let directory = try TemporaryDirectory()
    let zone = try Self.zone(directory)
    try directory.write(TestKeys.rsa2048, to: "key.pem")
    // The world outside: takes mail for everybody, but knows no dmarc@modern.example.
    let world = try MailHost(
      settings: [
        "virtual_mailbox_domains = static:all",
        "smtpd_recipient_restrictions = check_recipient_access"
          + " inline:{{dmarc@modern.example = 550 5.1.1 no such user}}",
      ], zoneFile: zone)
    let host = try Self.sendingHost(to: world, directory, zone: zone)
    for message in try DemoMessage.all() { _ = try host.delivered(host.send(message)) }
    try makeYesterday(host)

    let run = try host.plumbline(["report", "run", "--now"])

    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.hasSuffix("0 deferred, 0 suppressed, 0 failed; 0 left\n"), "\(run.output)")
    let store = try SQLiteStore(path: host.directory.path("ledger.sqlite"))
    let deliveries = try store.deliveries(
      in: Set(DeliveryState.allCases), dueAt: nil, ReportFilter())
    let states = Dictionary(
      deliveries.map { ($0.destination, $0) }, uniquingKeysWith: { first, _ in first })
    #expect(states["dmarc@example.com"]?.state == .sent)
    #expect(states["books@reader.example"]?.state == .sent)
    #expect(states["modern@stranger.example"]?.state == .suppressed)
    #expect(states["modern@stranger.example"]?.reason?.contains("did not agree") == true)
    #expect(states["dmarc@bank.example"]?.state == .suppressed)
    #expect(states["dmarc@bank.example"]?.reason?.contains("no message") == true)

    let mails = try arrived(world, 2)
    try expectDMARCPass(mails, world)
    try expectParsedmarcReadsTheLedger(mails, host, store, directory)
    try expectBounce(host, store, try #require(states["dmarc@modern.example"]))
  }

  /// A host that receives mail and sends reports to another one.
  private static func sendingHost(
    to world: MailHost, _ directory: TemporaryDirectory, zone: String, settings: String = ""
  ) throws -> MailHost {
    try MailHost(
      settings: [
        "default_transport = smtp:[127.0.0.1]:\(world.postfix.port)", "recipient_delimiter = +",
      ],
      services: [
        "smtp unix - - n - - smtp", "pickup unix n - n 60 1 pickup",
      ],
      policy: """
        directory = "reports"
        settle_minutes = 0
        spread_minutes = 0
        from = "noreply-dmarc@receiver.example"
        envelope_from = "dmarc-bounce@receiver.example"
        dkim_selector = "\(selector)"
        dkim_key_file = "\(directory.path("key.pem"))"
        sendmail_options = ["-C", "@POSTFIX@"]
        \(settings)
        """, zoneFile: zone)
  }

  @Test func failureReportsArriveAndPassDMARCAndShowNobodysAddress() throws {
    let directory = try TemporaryDirectory()
    let zone = try Self.zone(directory)
    try directory.write(TestKeys.rsa2048, to: "key.pem")
    let world = try MailHost(settings: ["virtual_mailbox_domains = static:all"], zoneFile: zone)
    let host = try Self.sendingHost(
      to: world, directory, zone: zone,
      settings: """
        failure_reports = true
        failure_redaction_key_file = "\(directory.path("redaction.key"))"
        """)
    let spoof = try #require(try DemoMessage.all().first { $0.file == "11-spoof.eml" })
    _ = try host.delivered(host.send(spoof))
    let preview = try host.plumbline(["report", "send", "--dry-run"])
    #expect(
      preview.output
        == "would make failure reports: 1 report about 1 message\nNothing is due.\n")

    let run = try host.plumbline(["report", "run"])

    #expect(
      run.output.hasPrefix("failure reports: 1 report about 1 message, 1 sent\n"),
      "\(run.output)\(run.errors)")
    let mails = try arrived(world, 1)
    try expectDMARCPass(mails, world)
    let mail = try #require(mails.map { DeliveredMessage($0) }.first)
    #expect(mail["To"] == ["forensic@bank.example"])
    #expect(
      mail["Content-Type"].first?.hasPrefix("multipart/report; report-type=feedback-report;")
        == true)
    let text = String(decoding: mail.body, as: UTF8.self)
    for line in [
      "Content-Type: message/feedback-report", "Feedback-Type: auth-failure",
      "Auth-Failure: dmarc", "Reported-Domain: bank.example", "Source-IP: 127.0.0.66",
      "Identity-Alignment: dkim, spf", "Content-Type: text/rfc822-headers",
      "SPF-DNS: txt : bank.example :", "Reporting-MTA: dns; mx.receiver.example",
    ] {
      #expect(text.contains("\n\(line)"), "\(line) is not in \(text)")
    }
    for secret in ["security@", "reader@", "Reader", "locked", "Click here"] {
      #expect(!text.contains(secret), "\(secret) is in \(text)")
    }
    let list = try host.plumbline(["report", "list"]).output
    #expect(list.contains("ruf@stranger.example: suppressed: "), "\(list)")
    // Nothing goes out twice, and the report about the report is not made.
    #expect(try host.plumbline(["report", "run"]).status == 0)
    #expect(try world.postfix.mailboxFiles().count == 1)
  }

  /// Moves what was received to the day before, which has ended.
  private func makeYesterday(_ host: MailHost) throws {
    let result = try Program.run(
      "/usr/bin/python3",
      [
        "-c",
        "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]);"
          + " d.execute('UPDATE message SET received_at = received_at - 86400'); d.commit()",
        host.directory.path("ledger.sqlite"),
      ])
    #expect(result.status == 0, "\(result.errors)")
  }

  private func arrived(_ world: MailHost, _ count: Int) throws -> [[UInt8]] {
    var files: [[UInt8]] = []
    do {
      try waitUntil("\(count) reports in the mailbox") {
        files = try world.postfix.mailboxFiles()
        return files.count >= count
      }
    } catch {
      throw FixtureError("\(error)\n\(world.postfix.mailLog)")
    }
    #expect(files.count == count)
    return files
  }

  private func expectDMARCPass(_ mails: [[UInt8]], _ world: MailHost) throws {
    for mail in mails.map({ DeliveredMessage($0) }) {
      let results = try #require(mail["Authentication-Results"].first)
      #expect(results.hasPrefix("mx.receiver.example;"))
      #expect(results.contains("dkim=pass"))
      #expect(results.contains("dmarc=pass"), "\(results)")
      #expect(mail["Return-Path"].first?.hasPrefix("<dmarc-bounce+") == true)
    }
    let records = try world.ledger().filter {
      $0.evaluation.authorDomain?.text == "receiver.example"
    }
    #expect(records.allSatisfy { $0.evaluation.dmarc.dkimAligned })
    // They are about our own reports there, too: it is the same From address.
    #expect(records.isEmpty || records.allSatisfy { $0.evaluation.dmarc.result == .pass })
  }

  private struct ParsedmarcFile: Decodable {
    struct Report: Decodable {
      struct Metadata: Decodable { let report_id: String }
      struct Policy: Decodable { let domain: String }
      let report_metadata: Metadata
      let policy_published: Policy
      let records: [Record]
    }
    struct Record: Decodable {
      struct Source: Decodable { let ip_address: String }
      struct Alignment: Decodable {
        let spf: Bool
        let dkim: Bool
      }
      struct Identifiers: Decodable { let header_from: String }
      let source: Source
      let count: Int
      let alignment: Alignment
      let identifiers: Identifiers
    }
    let report: Report
  }

  private func expectParsedmarcReadsTheLedger(
    _ mails: [[UInt8]], _ host: MailHost, _ store: SQLiteStore, _ directory: TemporaryDirectory
  ) throws {
    let folder = try directory.makeDirectory("mails")
    for (number, mail) in mails.enumerated() {
      try Data(mail).write(to: URL(filePath: "\(folder)/\(number).eml"))
    }
    let script = PackageRoot.url.appending(path: "scripts/check-parsedmarc").path
    let result = try Program.run(script, [folder], within: .seconds(300))
    // Without a package index there is no consumer; under continuous integration there is one.
    if result.status == 69, ProcessInfo.processInfo.environment["CI"] == nil { return }
    #expect(result.status == 0, "\(result.errors)")
    let read = try JSONDecoder().decode([ParsedmarcFile].self, from: Data(result.output.utf8))
    #expect(Set(read.map(\.report.policy_published.domain)) == ["example.com", "books.example"])
    let reports = try store.reports(ReportFilter())
    let messages = try host.ledger()
    for file in read {
      let policyDomain = file.report.policy_published.domain
      let stored = try #require(reports.first { $0.policyDomain.text == policyDomain })
      #expect(file.report.report_metadata.report_id == stored.reportID)
      let expected = messages.filter {
        $0.evaluation.dmarc.policyDomain?.text == policyDomain
      }.map { record in
        let dmarc = record.evaluation.dmarc
        return "\(record.envelope.clientAddress) \(record.evaluation.authorDomain?.text ?? "") "
          + "spf=\(dmarc.spfAligned) dkim=\(dmarc.dkimAligned)"
      }
      let told = file.report.records.flatMap { record in
        Array(
          repeating: "\(record.source.ip_address) \(record.identifiers.header_from) "
            + "spf=\(record.alignment.spf) dkim=\(record.alignment.dkim)", count: record.count)
      }
      #expect(told.sorted() == expected.sorted(), "\(policyDomain)")
    }
  }

  /// What the world refused comes back to our mailbox, and `report bounce` knows what it was.
  private func expectBounce(
    _ host: MailHost, _ store: SQLiteStore, _ delivery: StoredDelivery
  ) throws {
    #expect(delivery.state == .sent)
    var bounce: [UInt8]?
    do {
      try waitUntil("the bounce") {
        bounce = try host.postfix.mailboxFiles().first {
          DeliveredMessage($0)["Content-Type"].first?.contains("delivery-status") == true
        }
        return bounce != nil
      }
    } catch {
      throw FixtureError("\(error)\n\(host.postfix.mailLog)")
    }
    let taken = try Program.run(
      Program.plumblinePath,
      ["report", "bounce", "--config", host.directory.path("plumbline.conf")],
      input: Data(try #require(bounce)))
    #expect(taken.status == 0)
    #expect(taken.output.hasPrefix("marked as bounced: "), "\(taken.output)\(taken.errors)")
    let marked = try store.delivery(token: delivery.token)
    #expect(marked?.state == .bounced)
    #expect(marked?.reason?.contains("5.1.1") == true)
  }
}
