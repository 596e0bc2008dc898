import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// What an SMTP session means, without a server.
@Suite struct SMTPDialogTests {
  private func answer(_ dialog: [(String, String)], isDone: Bool = false) -> TransportAnswer {
    var read = SMTPDialog()
    for (command, reply) in dialog {
      if !command.isEmpty { read.sent(Array("\(command)\r\n".utf8)) }
      for line in reply.split(separator: "|") { read.received(Array("\(line)\r\n".utf8)) }
    }
    return read.answer(isDone: isDone, problem: "it broke")
  }

  private static let start = [("", "220 mx"), ("EHLO x", "250-mx|250 PIPELINING")]

  @Test(arguments: [
    ("MAIL FROM:<a@b>", "550 5.7.1 no", TransportAnswer.Outcome.permanentFailure),
    ("RCPT TO:<a@b>", "550-no|550 such user", .permanentFailure),
    ("RCPT TO:<a@b>", "450 4.2.0 later", .temporaryFailure),
    ("DATA", "554 5.7.1 no", .permanentFailure), ("DATA", "451 later", .temporaryFailure),
    ("AUTH PLAIN xxxx", "535 5.7.8 wrong", .temporaryFailure),
    ("STARTTLS", "554 broken", .temporaryFailure),
    ("MAIL FROM:<>", "530 5.7.0 TLS first", .temporaryFailure),
    ("RCPT TO:<a@b>", "535 5.7.8 authenticate", .temporaryFailure),
  ])
  func aRefusalIsFinalWhereItConcernsTheMail(
    command: String, reply: String, outcome: TransportAnswer.Outcome
  ) {
    let answer = answer(Self.start + [(command, reply)])
    #expect(answer.outcome == outcome)
    #expect(answer.text.hasPrefix(String(reply.prefix(3))))
  }

  @Test func severalLinesAreOneReply() {
    let answer = answer(Self.start + [("RCPT TO:<a@b>", "550-no|550-such|550 user")])
    #expect(answer.text == "550 no / such / user")
  }

  @Test func theReplyToTheMailIsTheAnswer() {
    let dialog =
      Self.start + [
        ("MAIL FROM:<>", "250 ok"), ("RCPT TO:<a@b>", "250 ok"), ("DATA", "354 go"),
        ("", "250 2.0.0 Ok: queued as ABC"), ("QUIT", "221 bye"),
      ]
    let answer = answer(dialog, isDone: true)
    #expect(answer == TransportAnswer(.accepted, "250 2.0.0 Ok: queued as ABC"))
  }

  @Test func aBrokenConnectionIsTemporary() {
    #expect(answer([]) == TransportAnswer(.temporaryFailure, "it broke"))
    #expect(answer(Self.start).outcome == .temporaryFailure)
    var read = SMTPDialog()
    read.isWholeMailSent = true
    let late = read.answer(isDone: false, problem: "it broke")
    #expect(late.outcome == .temporaryFailure)
    #expect(late.text.contains("may have accepted it"))
  }
}

/// Settings that cannot work, and servers that are not there.
@Suite struct SMTPTransportTests {
  private func settings(port: UInt16 = 1) throws -> SMTPTransport.Settings {
    var settings = SMTPTransport.Settings(
      host: "127.0.0.1", port: port, clientName: try #require(DomainName("client.example")))
    settings.connectSeconds = 5
    return settings
  }

  @Test(arguments: [SMTPTransport.Security.none, .opportunistic])
  func aPasswordNeedsVerifiedTLS(security: SMTPTransport.Security) throws {
    let directory = try TemporaryDirectory()
    var settings = try settings()
    settings.user = "user"
    settings.passwordFile = try directory.write("secret\n", to: "password")
    settings.security = security
    #expect(throws: ReportTransportError.self) { try SMTPTransport(settings) }
    settings.security = .required
    #expect(throws: Never.self) { try SMTPTransport(settings) }
  }

  @Test func aPasswordFileHoldsAPassword() throws {
    let directory = try TemporaryDirectory()
    var settings = try settings()
    settings.user = "user"
    for path in [nil, directory.path("missing"), try directory.write("\nx\n", to: "empty")] {
      settings.passwordFile = path
      let error = #expect(throws: ReportTransportError.self) { try SMTPTransport(settings) }
      if let path { #expect(error?.description.contains(path) == true) }
    }
  }

  @Test(arguments: ["", "a b", "user@host", "host/path", "host?x", "a\r\nb"])
  func aHostIsANameOrAnAddress(host: String) throws {
    var settings = try settings()
    settings.host = host
    #expect(throws: ReportTransportError.self) { try SMTPTransport(settings) }
  }

  @Test func withNobodyThereNothingCanBeHandedOver() throws {
    let transport = try SMTPTransport(settings(port: try SMTPClient.freePort()))
    let recipient = try #require(MailAddress("a@b.example"))
    let mail = try #require(
      OutgoingMail(
        token: "t", envelopeSender: nil, recipient: recipient,
        octets: Array("Subject: x\r\n\r\n".utf8)))
    let error = #expect(throws: ReportTransportError.self) { try transport.handOver(mail) }
    #expect(
      error?.description.hasPrefix("the mail server 127.0.0.1 cannot be used: ") == true,
      "\(String(describing: error))")
    // Nothing tells what an earlier process got through.
    #expect(transport.earlierAnswer(token: "t")?.outcome == .unknown)
  }
}
