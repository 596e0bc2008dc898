import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// Failure reports from an SMTP client's message to the mail that leaves, with real processes.
@Suite(.serialized) struct FailureReportCommandTests {
  private static let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.9 -all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=none; ruf=mailto:ruf@example.com,mailto:x@no.example"}]
    no.example: []
    receiver.example: []
    """

  private func message(queueID: String, extra: [MilterMessage.Field] = []) -> MilterMessage {
    MilterMessage(
      mailFrom: "annsmith@example.com", recipients: ["bobjones@receiver.example"],
      header: [
        .init("From", " Ann Smith <annsmith@example.com>"), .init("Subject", " Lunch"),
        .init("To", " bobjones@receiver.example"),
      ] + extra, body: Array("Secret body\r\n".utf8), queueID: queueID)
  }

  private func settings(_ text: String) -> String {
    """
    [report]
    receiver = "receiver.example"
    spread_minutes = 0
    \(text)
    """
  }

  private func incidents(_ milter: RunningMilter) throws -> [StoredIncident] {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    return try SQLiteStore(path: milter.directory.path("ledger.sqlite"), settings: settings)
      .waitingIncidents(limit: 10)
  }

  @Test func nothingIsTakenDownByDefault() throws {
    let milter = try RunningMilter(zone: Self.zone)
    _ = try milter.connect().deliver(message(queueID: "4A"))
    #expect(try milter.ledger().map(\.evaluation.dmarc.result) == [.fail])
    #expect(try incidents(milter).isEmpty)
  }

  @Test func goesToTheDestinationsThatMayHaveIt() throws {
    let bench = try TemporaryDirectory()
    let sendmail = try bench.write(
      "#!/bin/sh\nprintf '%s\\n' \"$@\" >>\(bench.path("arguments"))\ncat >>\(bench.path("mail"))\n",
      to: "sendmail")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: sendmail)
    let milter = try RunningMilter(
      zone: Self.zone,
      settings: settings(
        """
        failure_reports = true
        failure_redaction_key_file = "\(bench.path("redaction.key"))"
        directory = "\(bench.path("reports"))"
        sendmail = "\(sendmail)"
        """))
    let client = try milter.connect()
    _ = try client.deliver(message(queueID: "4A"))
    _ = try client.deliver(message(queueID: "4B"))
    // A report that failed is not reported.
    _ = try client.deliver(
      message(queueID: "4C", extra: [.init("Auto-Submitted", " auto-generated")]))
    #expect(try incidents(milter).count == 2)

    func run() throws -> Program.Result {
      try Program.run(
        Program.plumblinePath,
        ["report", "run", "--config", milter.directory.path("plumbline.conf")])
    }
    let first = try run()
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.output.contains("failure reports: 1 report about 2 messages, 1 sent"))
    let mail = try String(contentsOfFile: bench.path("mail"), encoding: .utf8)
    #expect(mail.contains("\nIncidents: 2\n"))
    #expect(mail.contains("\nSPF-DNS: txt : example.com :\n\t\"v=spf1 ip4:192.0.2.9 -all\"\n"))
    #expect(mail.contains("\nTo: ruf@example.com\n"))
    for text in ["annsmith", "bobjones", "Ann", "Lunch", "Secret"] {
      #expect(!mail.contains(text), "\(text)")
    }
    #expect(
      try String(contentsOfFile: bench.path("arguments"), encoding: .utf8)
        .hasSuffix("--\nruf@example.com\n"))

    let list = try Program.run(
      Program.plumblinePath,
      ["report", "list", "--config", milter.directory.path("plumbline.conf")])
    #expect(list.output.contains("example.com"), "\(list.output)")

    #expect(try run().status == 0)
    #expect(try String(contentsOfFile: bench.path("mail"), encoding: .utf8) == mail)
    #expect(try incidents(milter).isEmpty)
    #expect(!milter.program.errors.contains("annsmith"))
  }

  @Test func aKeyThatCannotBeMadeKeepsTheMilterFromStarting() throws {
    let directory = try TemporaryDirectory()
    try directory.write(
      """
      [milter]
      socket = "unix:\(directory.path("milter.sock"))"
      [ledger]
      database = "\(directory.path("ledger.sqlite"))"
      [report]
      failure_reports = true
      failure_redaction_key_file = "missing/redaction.key"
      """, to: "plumbline.conf")
    let result = try Program.run(
      Program.plumblinePath, ["milter", "--config", directory.path("plumbline.conf")])
    #expect(result.status == 78)
    #expect(result.errors.contains("missing/redaction.key cannot be made"))
  }
}
