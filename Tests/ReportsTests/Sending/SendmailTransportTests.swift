import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Handing over through a `sendmail` program that does what the test says.
@Suite struct SendmailTransportTests {
  /// A spool, and a program in place of sendmail that appends to a file what it was given.
  final class Bench {
    let directory: TemporaryDirectory
    var settings: SendmailTransport.Settings

    init(_ script: String = "cat >>$here/mails; echo >>$here/mails =; exit 0") throws {
      directory = try TemporaryDirectory()
      settings = SendmailTransport.Settings(spoolDirectory: directory.path("spool"))
      // Not run itself: a program that another thread starts may hold it open for writing.
      settings.path = "/bin/sh"
      settings.arguments = [directory.path("sendmail")]
      try install(script)
    }

    func install(_ script: String) throws {
      try directory.write("here=\(directory.url.path)\n\(script)\n", to: "sendmail")
    }

    var transport: SendmailTransport { SendmailTransport(settings) }

    func read(_ name: String) -> String {
      (try? String(contentsOfFile: directory.path(name), encoding: .utf8)) ?? ""
    }

    var mails: Int { read("mails").components(separatedBy: "=\n").count - 1 }
  }

  private func mail(_ token: String = "tok1", sender: String? = nil) throws -> OutgoingMail {
    let recipient = try #require(MailAddress("-dmarc@example.com"))
    return try #require(
      OutgoingMail(
        token: token, envelopeSender: sender.flatMap { MailAddress($0) },
        recipient: recipient,
        octets: Array("Subject: x\r\n\r\n.\r\ntext\r\n".utf8)))
  }

  @Test func givesTheMailAndItsEnvelope() throws {
    let bench = try Bench("cat >$here/mails; printf '%s\\n' \"$@\" >$here/arguments; umask")
    bench.settings.arguments += ["-C", "a b;$(touch x)"]
    let answer = try bench.transport.handOver(mail(sender: "bounce+tok1@receiver.example"))
    #expect(answer == TransportAnswer(.accepted, "0077"))
    #expect(bench.read("mails") == "Subject: x\n\n.\ntext\n")
    #expect(
      bench.read("arguments").split(separator: "\n") == [
        "-C", "a b;$(touch x)", "-i", "-f", "bounce+tok1@receiver.example", "--",
        "-dmarc@example.com",
      ])
    _ = try bench.transport.handOver(mail("tok2"))
    #expect(bench.read("arguments").contains("-f\n<>\n--\n"))
  }

  @Test func hasASessionOfItsOwnAndNoFileOfOurs() throws {
    let bench = try Bench(
      "cut -d' ' -f6 /proc/$$/stat; for f in /proc/$$/fd/*; do readlink $f; done | grep -c leak")
    let path = try bench.directory.write("", to: "leak")
    let file = try FileHandle(forReadingFrom: URL(filePath: path))
    // A file that does not close itself.
    #expect(fcntl(file.fileDescriptor, F_SETFD, 0) == 0)
    let words = try bench.transport.handOver(mail()).text.split(separator: " ")
    try file.close()
    let session = try #require(words.suffix(2).first.flatMap { Int32($0) })
    #expect(session != getsid(0))
    #expect(words.last == "0")
  }

  @Test func othersCannotReadTheSpool() throws {
    let bench = try Bench("exit 75")
    _ = try bench.transport.handOver(mail())
    let files = FileManager.default
    func mode(_ name: String) throws -> Int? {
      let attributes = try files.attributesOfItem(atPath: bench.directory.path(name))
      return (attributes[.posixPermissions] as? NSNumber)?.intValue
    }
    #expect(try mode("spool") == 0o700)
    #expect(try mode("spool/tok1") == 0o700)
    for name in ["message", "answer", "status"] {
      #expect(try mode("spool/tok1/\(name)") == 0o600)
    }
  }

  @Test(arguments: [
    (0, TransportAnswer.Outcome.accepted), (64, .temporaryFailure), (65, .permanentFailure),
    (67, .permanentFailure), (68, .permanentFailure), (69, .temporaryFailure),
    (70, .temporaryFailure), (71, .temporaryFailure), (73, .temporaryFailure),
    (74, .temporaryFailure), (75, .temporaryFailure), (77, .temporaryFailure),
    (78, .temporaryFailure), (1, .temporaryFailure), (127, .temporaryFailure),
    (255, .temporaryFailure),
  ])
  func theExitStatusDecides(status: Int, outcome: TransportAnswer.Outcome) throws {
    let bench = try Bench("cat >/dev/null; echo said so; exit \(status)")
    let answer = try bench.transport.handOver(mail())
    let words = status == 0 ? "said so" : "sendmail ended with status \(status): said so"
    #expect(answer == TransportAnswer(outcome, words))
    // Until it is finished the answer stays, and nothing is sent again.
    try bench.install("echo called again; exit 0")
    #expect(try bench.transport.earlierAnswer(token: "tok1") == answer)
    #expect(try bench.transport.handOver(mail()) == answer)
    try bench.transport.finish(token: "tok1")
    try bench.transport.finish(token: "tok1")
    #expect(try bench.transport.earlierAnswer(token: "tok1") == nil)
    #expect(try bench.transport.handOver(mail()).text == "called again")
  }

  @Test func aSignalThatEndsSendmailIsAFailure() throws {
    let bench = try Bench("kill -9 $$")
    let answer = try bench.transport.handOver(mail())
    #expect(answer.outcome == .temporaryFailure)
    #expect(answer.text == "sendmail ended with status 137: Killed")
  }

  @Test func withoutSendmailNothingCanBeHandedOver() throws {
    let bench = try Bench()
    bench.settings.path = "/nonexistent/sendmail"
    let error = #expect(throws: ReportTransportError.self) {
      try bench.transport.handOver(mail())
    }
    #expect(
      error?.description == "/nonexistent/sendmail cannot be run: No such file or directory;"
        + " is a mail server installed?")
    #expect(try bench.transport.earlierAnswer(token: "tok1") == nil)
  }

  @Test func aSpoolThatCannotBeIsAnError() throws {
    let bench = try Bench()
    try bench.directory.write("x", to: "spool")
    #expect(throws: ReportTransportError.self) { try bench.transport.handOver(mail()) }
    #expect(bench.mails == 0)
  }

  @Test func whatTakesLongIsLeftAlone() throws {
    let bench = try Bench("cat >/dev/null; read x <$here/gate; echo done >>$here/mails; exit 0")
    #expect(unsafe mkfifo(bench.directory.path("gate"), 0o600) == 0)
    bench.settings.timeout = .milliseconds(50)
    #expect(try bench.transport.handOver(mail()).outcome == .inProgress)
    #expect(try bench.transport.earlierAnswer(token: "tok1")?.outcome == .inProgress)
    #expect(try bench.transport.handOver(mail()).outcome == .inProgress)
    try open(bench)
    try waitUntil("the answer") {
      try bench.transport.earlierAnswer(token: "tok1")?.outcome == .accepted
    }
    #expect(bench.read("mails") == "done\n")
  }

  // MARK: - Death of the process

  private func open(_ bench: Bench) throws {
    try Data("go\n".utf8).write(to: bench.directory.url.appending(path: "gate"))
  }

  private static var clientPath: String {
    URL(filePath: Program.plumblinePath).deletingLastPathComponent()
      .appending(path: "TransportTestClient").path
  }

  private func client(_ bench: Bench, token: String = "tok1") throws -> Program {
    try Program(
      Self.clientPath,
      [bench.directory.path("sendmail"), bench.settings.spoolDirectory, token, "x"])
  }

  @Test func theHandOverOutlivesTheProcess() throws {
    let bench = try Bench(
      "read x <$here/gate; cat >>$here/mails; echo >>$here/mails =; echo queued")
    #expect(unsafe mkfifo(bench.directory.path("gate"), 0o600) == 0)
    let client = try client(bench)
    try waitUntil("sendmail to run") {
      FileManager.default.fileExists(atPath: bench.directory.path("spool/tok1/answer"))
    }
    client.signal(SIGKILL)
    #expect(try client.result().status == 128 + SIGKILL)

    #expect(try bench.transport.earlierAnswer(token: "tok1")?.outcome == .inProgress)
    #expect(try bench.transport.handOver(mail()).outcome == .inProgress)
    try open(bench)
    try waitUntil("the answer") {
      try bench.transport.earlierAnswer(token: "tok1")?.outcome != .inProgress
    }
    let answer = try bench.transport.earlierAnswer(token: "tok1")
    #expect(answer == TransportAnswer(.accepted, "queued"))
    #expect(bench.mails == 1)
    #expect(bench.read("mails").hasPrefix("Subject: x\n\ntext\n"))
  }

  /// Whatever a killed process left: going on from there, the mail is sent exactly once.
  private func recover(_ bench: Bench) throws {
    try waitUntil("the end of the hand-over") {
      try bench.transport.earlierAnswer(token: "tok1")?.outcome != .inProgress
    }
    let answer =
      try bench.transport.earlierAnswer(token: "tok1") ?? bench.transport.handOver(mail())
    #expect(answer.outcome == .accepted, "\(answer)")
    #expect(bench.mails == 1)
  }

  @Test(arguments: ["", "/message.new", "/message", "/answer", "/status.new", "/status"])
  func aKillAfterEachStepNeitherLosesNorDoublesAMail(file: String) throws {
    for _ in 0..<5 {
      let bench = try Bench()
      let client = try client(bench)
      let path = bench.directory.path("spool/tok1\(file)")
      // The step may be over before it is seen: that is a kill a little later.
      while unsafe access(path, F_OK) != 0, client.isRunning {}
      client.signal(SIGKILL)
      _ = try client.result()
      try recover(bench)
    }
  }

  @Test(arguments: Array(0..<30))
  func aKillAtAnyTimeNeitherLosesNorDoublesAMail(step: Int) throws {
    let bench = try Bench()
    let client = try client(bench)
    let deadline = ContinuousClock.now + .milliseconds(step * 2)
    while ContinuousClock.now < deadline {}
    client.signal(SIGKILL)
    _ = try client.result()
    try recover(bench)
  }

  @Test func anUnfinishedSpoolEntryIsNoMail() throws {
    let bench = try Bench()
    for leftover in ["message.new", "answer", "status.new"] {
      try bench.directory.makeDirectory("spool/tok1")
      try bench.directory.write("Subject: half", to: "spool/tok1/\(leftover)")
      #expect(try bench.transport.earlierAnswer(token: "tok1") == nil)
    }
    #expect(try bench.transport.handOver(mail()).outcome == .accepted)
    #expect(bench.mails == 1)
    #expect(!bench.read("mails").contains("half"))
  }
}
