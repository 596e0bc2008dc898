import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

/// The commands below `plumbline report`, as processes.
@Suite struct ReportCommandTests {
  private static let two = ["a.example", "b.example"]

  @Test func buildsAndSendsWhatIsDueOnce() throws {
    let host = try ReportHost(domains: Self.two)
    let first = try host.run("run", "--now")
    #expect(first.status == 0, "\(first.errors)")
    #expect(
      first.output == """
        \(ReportHost.yesterday): 2 reports built, 0 rejected, 2 messages; deliveries: 2 planned
        2 sent, 0 deferred, 0 suppressed, 0 failed; 0 left

        """)
    #expect(first.errors == "", "no progress bar where there is no terminal")
    let second = try host.run("run", "--now")
    #expect(second.output == "0 sent, 0 deferred, 0 suppressed, 0 failed; 0 left\n")
    #expect(try host.recipients() == ["dmarc@a.example", "dmarc@b.example"])
  }

  @Test func writesMailAsTheRFCWantsIt() throws {
    let host = try ReportHost(domains: ["a.example"])
    try host.run("run", "--now")
    let mail = try #require(try host.mails().first)
    let delivery = try #require(try host.deliveries().first)
    let report = try #require(try host.store.reports(ReportFilter()).first)
    #expect(mail["From"].first?.contains("<noreply-dmarc@mx.receiver.example>") == true)
    #expect(mail["Auto-Submitted"] == ["auto-generated"])
    #expect(mail["Subject"].first?.hasPrefix("Report Domain: a.example Submitter: ") == true)
    #expect(mail["Subject"].first?.contains(delivery.reportID) == true)
    let body = String(decoding: mail.body, as: UTF8.self)
    #expect(body.contains("Content-Type: application/gzip"))
    #expect(body.filter { !$0.isWhitespace }.contains("filename=\"\(report.fileName)\""))
  }

  @Test(arguments: [("", true), ("envelope_from = ''", false)])
  func sendsFromTheAddressOfTheDeliveryOrFromNobody(settings: String, isNamed: Bool) throws {
    let host = try ReportHost(domains: ["a.example"], settings: settings)
    try host.answer("echo \"$*\" >$here/arguments; cat >/dev/null")
    try host.run("run", "--now")
    let arguments = try String(contentsOfFile: host.directory.path("arguments"), encoding: .utf8)
    let token = try #require(try host.deliveries().first).token
    let sender = isNamed ? "dmarc-bounce+\(token)@mx.receiver.example" : "<>"
    #expect(arguments == "-i -f \(sender) -- dmarc@a.example\n")
  }

  @Test func dryRunsSendNothingAndChangeNothing() throws {
    let host = try ReportHost(domains: Self.two)
    try host.answer("touch $here/was-called; cat >/dev/null")
    let before = try host.record()
    for command in [["build"], ["run"], ["send"], ["build", "--day", "\(ReportHost.yesterday)"]] {
      let result = try host.start(command + ["--dry-run"]).result()
      #expect(result.status == 0, "\(command): \(result.errors)")
      #expect(try host.record() == before, "\(command)")
    }
    #expect(!FileManager.default.fileExists(atPath: host.directory.path("reports")))
    #expect(
      try host.run("build", "--dry-run").output == """
        a.example: 1 message in 1 row
          would send to dmarc@a.example: a.example is the domain that the report is about
        b.example: 1 message in 1 row
          would send to dmarc@b.example: b.example is the domain that the report is about
        \(ReportHost.yesterday): 2 reports built, 0 rejected, 2 messages; deliveries: 2 planned

        """)
    let line = try #require(
      try host.run("run", "--dry-run", "--format", "json").output.split(separator: "\n").first)
    #expect(line.contains("\"destination\":\"dmarc@b.example\""), "\(line)")

    try host.run("build")
    let planned = try host.record()
    let id = try #require(try host.deliveries().first).reportID
    for command in [
      ["build"], ["run"], ["send"], ["resend", id],
      ["suppress", "--domain", "a.example", "--reason", "x"],
    ] {
      let result = try host.start(command + ["--dry-run"]).result()
      #expect(result.status == 0, "\(command): \(result.errors)")
      #expect(try host.record() == planned, "\(command)")
    }
    let shown = try host.run("send", "--dry-run").output
    #expect(shown.split(separator: "\n").count == 2)
    #expect(shown.hasPrefix("would send: a.example to dmarc@a.example, report \(id)"))
    #expect(!FileManager.default.fileExists(atPath: host.directory.path("was-called")))
    #expect(!FileManager.default.fileExists(atPath: host.directory.path("reports/outgoing")))
  }

  @Test func aDryRunSaysWhoWouldNotGetAReportAndWhy() throws {
    let host = try ReportHost(
      domains: Self.two, rua: ["mailto:reports@a.example", "mailto:x@later.example"],
      zone: "a.example._report._dmarc.later.example: [TIMEOUT]\nlater.example: [TIMEOUT]\n")
    let shown = try host.run("run", "--dry-run").output
    #expect(shown.contains("  would send to reports@a.example: "), "\(shown)")
    #expect(shown.contains("  would not send to reports@a.example: "), "\(shown)")
    #expect(shown.contains("  would ask again about x@later.example: "), "\(shown)")
    #expect(
      try host.store.authorization(
        policyDomain: try #require(DomainName("b.example")),
        host: try #require(DomainName("a.example")), tag: .rua, now: 0) == nil)
  }

  @Test(arguments: ["reports", "/proc/plumbline"])
  func aDirectoryThatCannotBeMadeIsTold(directory: String) throws {
    let host = try ReportHost(domains: Self.two)
    try host.configure("")
    let configuration = host.directory.path("plumbline.conf")
    let text = try String(contentsOfFile: configuration, encoding: .utf8)
    try host.directory.write(
      text.replacing("directory = \"reports\"", with: "directory = \"\(directory)\""),
      to: "plumbline.conf")
    // A file where the directory should be.
    try host.directory.write("", to: "reports")
    let result = try host.run("run", "--now")
    #expect(result.status == 73)
    let words = directory == "reports" ? "Not a directory\n" : "No such file or directory\n"
    #expect(
      result.errors.hasPrefix("plumbline: cannot write ") && result.errors.hasSuffix(words),
      "\(result.errors)")
    #expect(try host.deliveries().isEmpty)
  }

  /// The ledger is found and opened, and then cannot be written.
  @Test(arguments: ["build", "send"])
  func aLedgerThatCannotBeWrittenIsToldAsSuch(command: String) throws {
    let host = try ReportHost(domains: Self.two)
    try host.run("build", "--day", "\(ReportHost.yesterday)")
    let broken = try Program.run(
      "/usr/bin/sqlite3",
      [
        host.directory.path("ledger.sqlite"),
        "CREATE TRIGGER full BEFORE UPDATE ON report_delivery"
          + " BEGIN SELECT RAISE(ABORT, 'no more room'); END;"
          + "CREATE TRIGGER full2 BEFORE UPDATE ON report_window"
          + " BEGIN SELECT RAISE(ABORT, 'no more room'); END;",
      ])
    #expect(broken.status == 0, "\(broken.errors)")
    let arguments = command == "build" ? ["--day", "\(ReportHost.yesterday)"] : ["--now"]
    let result = try host.start([command] + arguments).result()
    #expect(result.status == 78)
    #expect(
      result.errors.hasPrefix("plumbline: ledger ") && result.errors.contains("no more room"),
      "\(result.errors)")
    #expect(try host.recipients().isEmpty)
  }

  @Test func withoutSendmailEverythingWaits() throws {
    let host = try ReportHost(domains: Self.two)
    try FileManager.default.removeItem(atPath: host.directory.path("sendmail"))
    let result = try host.run("run", "--now")
    #expect(result.status == 73)
    #expect(result.output.hasSuffix("0 sent, 1 deferred, 0 suppressed, 0 failed; 2 left\n"))
    #expect(result.errors.contains("is a mail server installed?"), "\(result.errors)")
    #expect(try host.deliveries().map(\.state) == [.planned, .deferred])
  }

  @Test func sendsNothingWhenSwitchedOff() throws {
    let host = try ReportHost(domains: Self.two)
    try host.run("build")
    try host.configure("enabled = false")
    for command in ["send", "run"] {
      let result = try host.run(command, "--now")
      #expect(result.status == 0)
      #expect(result.errors == "plumbline: nothing is sent: report.enabled is false\n")
    }
    #expect(try host.recipients().isEmpty)
    try host.configure("")
    try host.run("send", "--now")
    #expect(try host.recipients().count == 2)
  }

  @Test func twoRunsDoNotSendAtOnce() throws {
    let host = try ReportHost(domains: (1...3).map { "d\($0).example" })
    let first = try host.start(["run"])
    // The first mail goes out at once, the next in twenty minutes.
    try waitUntil("the first mail") { try host.recipients().count == 1 }
    let second = try host.run("run", "--now")
    #expect(second.status == 75)
    #expect(
      second.errors.hasPrefix("plumbline: another run is at work: process \(first.processID) on "))
    #expect(try host.recipients().count == 1)

    first.signal(SIGTERM)
    let ended = try first.result()
    #expect(ended.status == 75)
    #expect(ended.errors.hasSuffix("the next run goes on from here\n"), "\(ended.errors)")
    #expect(
      ended.output.hasSuffix(
        "1 sent, 0 deferred, 0 suppressed, 0 failed; 2 left; ended before all was done\n"))
    let third = try host.run("run", "--now")
    #expect(third.output == "2 sent, 0 deferred, 0 suppressed, 0 failed; 0 left\n")
    #expect(try host.recipients() == (1...3).map { "dmarc@d\($0).example" })
  }

  /// Kills runs at moments all over their work, then lets one get through.
  @Test func sendsEachReportOnceHoweverOftenRunsAreKilled() throws {
    let names = (100..<140).map { "d\($0).example" }
    let host = try ReportHost(domains: names)
    var random = SystemRandomNumberGenerator()
    for kill in 0..<34 {
      let before = try host.recipients().count
      let run = try host.start(["run", "--now"])
      // Half of them right after a mail was accepted, half at any time since the start.
      let microseconds = UInt32.random(in: 0..<250_000, using: &random)
      if kill % 2 == 0 {
        try waitUntil("one more mail") {
          try host.recipients().count > before || !run.isRunning
        }
      } else {
        usleep(microseconds)
      }
      run.signal(SIGKILL)
      _ = try run.result()
    }
    var left = "1 left"
    for _ in 0..<50 where !left.hasSuffix("; 0 left\n") {
      let last = try host.run("run", "--now")
      #expect(last.status == 0, "\(last.errors)")
      left = last.output
    }
    #expect(try host.recipients() == names.map { "dmarc@\($0)" })
    #expect(try host.deliveries().map(\.state) == names.map { _ in .sent })
  }

  @Test func waitsAndTriesAgainWhenTheMailServerIsBusy() throws {
    let host = try ReportHost(domains: ["a.example"])
    try host.answer("cat >/dev/null; echo busy; exit 75")
    #expect(
      try host.run("run", "--now").output.hasSuffix(
        "0 sent, 1 deferred, 0 suppressed, 0 failed; 1 left\n"))
    let delivery = try #require(try host.deliveries().first)
    #expect(delivery.answer?.contains("busy") == true)
    #expect(delivery.nextAttemptAt.map { $0 - delivery.changedAt } == 900)
  }

  @Test func resendsWithTheSameNames() throws {
    let host = try ReportHost(domains: ["a.example"])
    try host.run("run", "--now")
    let id = try #require(try host.deliveries().first).reportID
    let again = try host.run("resend", id)
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.output.hasPrefix("dmarc@a.example: sent, 2 attempts: "))
    let mails = try host.mails()
    #expect(mails.count == 2)
    for name in ["Subject", "Message-ID", "To"] {
      #expect(mails.first?[name] == mails.last?[name])
    }
    #expect(mails.first?.body == mails.last?.body)
  }

  @Test func resendsNothingThatIsSuppressedUnlessForced() throws {
    let host = try ReportHost(domains: ["a.example"])
    try host.run("run", "--now")
    let id = try #require(try host.deliveries().first).reportID
    try host.run("suppress", "--domain", "a.example", "--reason", "asked to stop")
    let refused = try host.run("resend", id)
    #expect(refused.status == 1)
    #expect(refused.errors.contains("asked to stop"))
    let elsewhere = try host.run("resend", id, "--to", "else@b.example")
    #expect(elsewhere.status == 1)
    #expect(try host.recipients().count == 1)
    #expect(try host.run("resend", id, "--force").status == 0)
    #expect(try host.run("resend", id, "--force", "--to", "else@b.example").status == 0)
    #expect(
      try host.recipients() == ["dmarc@a.example", "dmarc@a.example", "else@b.example"])
    #expect(try host.run("resend", "nothing").status == 66)
  }

  @Test func suppressesAndLetsGoAgain() throws {
    let host = try ReportHost(domains: Self.two)
    try host.run("build")
    let made = try host.run(
      "suppress", "--address", "DMARC@a.example", "--reason", "full", "--days", "2")
    #expect(made.status == 0, "\(made.errors)")
    #expect(try host.run("suppress").output.contains("dmarc@a.example, until "))
    #expect(
      try host.run("send", "--now").output == "1 sent, 0 deferred, 1 suppressed, 0 failed; 0 left\n"
    )
    #expect(try host.recipients() == ["dmarc@b.example"])
    #expect(try host.run("unsuppress", "--address", "dmarc@a.example").status == 0)
    #expect(try host.run("unsuppress", "--address", "dmarc@a.example").status == 1)
    #expect(try host.run("suppress").output == "Nothing is suppressed.\n")
  }

  @Test func showsWhatHappened() throws {
    let host = try ReportHost(domains: Self.two)
    try host.run("run", "--now")
    let list = try host.run("list", "--domain", "a.example", "--format", "json")
    struct Listed: Decodable {
      struct Delivery: Decodable {
        let destination: String
        let state: String
      }
      let reportID: String
      let messages: Int
      let deliveries: [Delivery]
    }
    let listed = try JSONDecoder().decode(Listed.self, from: Data(list.output.utf8))
    #expect(listed.messages == 1)
    #expect(listed.deliveries.map { "\($0.destination) \($0.state)" } == ["dmarc@a.example sent"])
    let text = try host.run("list", "--day", "\(ReportHost.yesterday)").output
    #expect(text.split(separator: "\n").count == 4)
    #expect(try host.run("list", "--day", "2020-01-01").output == "No reports.\n")
    let shown = try host.run("show", listed.reportID).output
    for part in [
      listed.reportID, "About      a.example", "  planned", "  sending", "  sent: ", ".xml.gz",
    ] {
      #expect(shown.contains(part), "\(part)")
    }
    #expect(try host.run("show", "nothing").status == 66)
    #expect(try host.run("show", listed.reportID, "--format", "json").status == 0)
  }

  @Test func takesBouncesAndNeverReturnsThem() throws {
    let host = try ReportHost(domains: ["a.example"], settings: "bounces_before_suppression = 1")
    try host.run("run", "--now")
    let delivery = try #require(try host.deliveries().first)
    let bounce = """
      Content-Type: multipart/report; boundary=b; report-type=delivery-status

      --b
      Content-Type: message/delivery-status

      Reporting-MTA: dns; mx.a.example

      Final-Recipient: rfc822; dmarc@a.example
      Action: failed
      Status: 5.1.1

      --b--

      """
    let recipient = "dmarc-bounce+\(delivery.token)@mx.receiver.example"
    let junk = try host.run("bounce", "--recipient", recipient, input: Data("hello\n".utf8))
    #expect(junk.status == 0)
    #expect(junk.output.hasPrefix("nothing done: "))
    let taken = try host.run("bounce", "--recipient", recipient, input: Data(bounce.utf8))
    #expect(taken.status == 0, "\(taken.errors)")
    #expect(try host.deliveries().map(\.state) == [.bounced])
    #expect(try host.store.suppressions().map(\.subject) == [.address("dmarc@a.example")])

    try host.directory.write("[ledger]\ndatabase = 'no/such/directory'\n", to: "plumbline.conf")
    #expect(try host.run("bounce", input: Data(bounce.utf8)).status == 75)
    try host.directory.write("[nonsense]\n", to: "plumbline.conf")
    #expect(try host.run("bounce", input: Data(bounce.utf8)).status == 75)
  }

  @Test func refusesADayThatHasNotEnded() throws {
    let host = try ReportHost(domains: ["a.example"])
    let today = UTCDay(containing: Int64(Date().timeIntervalSince1970))
    #expect(try host.run("build", "--day", "\(today)").status == 64)
    #expect(try host.store.reportWindows().isEmpty)
  }
}
