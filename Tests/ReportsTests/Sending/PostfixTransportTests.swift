import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Both transports against a real Postfix, and what it returns.
@Suite(.enabled(if: PostfixInstance.isAvailable, "needs root and Postfix"))
struct PostfixTransportTests {
  private static let body = (0..<300).map { "line \($0)\r\n.\r\n..two\r\n" }.joined()

  private func mail(
    to recipient: String = "user@receiver.example", token: String = "tok1", subject: String = "x"
  ) throws -> OutgoingMail {
    let bounces = BounceAddress(try #require(MailAddress("report-bounce@receiver.example")))
    let text = """
      From: reports@receiver.example\r
      To: \(recipient)\r
      Subject: Report Domain: example.com Submitter: receiver.example\r
      \tReport-ID: <abc123>\r
      Message-ID: <abc123.\(token)@receiver.example>\r
      \r
      \(Self.body)
      """
    let recipient = try #require(MailAddress(recipient))
    return try #require(
      OutgoingMail(
        token: token, envelopeSender: bounces.address(for: token),
        recipient: recipient, octets: Array(text.utf8)))
  }

  private func expectArrived(_ postfix: PostfixInstance) throws {
    var found: DeliveredMessage?
    try waitUntil("the mail in the mailbox, log: \(postfix.mailLog)") {
      found = try postfix.mailbox().first
      return found != nil
    }
    let message = try #require(found)
    #expect(message["Return-Path"] == ["<report-bounce+tok1@receiver.example>"])
    #expect(message["Message-ID"] == ["<abc123.tok1@receiver.example>"])
    #expect(
      String(decoding: message.body, as: UTF8.self) == Self.body.replacing("\r\n", with: "\n"))
  }

  // MARK: - sendmail

  private func sendmail(
    _ postfix: PostfixInstance, _ directory: TemporaryDirectory
  ) -> SendmailTransport {
    var settings = SendmailTransport.Settings(spoolDirectory: directory.path("spool"))
    settings.arguments = ["-C", postfix.configurationDirectory]
    return SendmailTransport(settings)
  }

  private func localPostfix() throws -> PostfixInstance {
    let postfix = try PostfixInstance(
      settings: ["smtpd_milters =", "recipient_delimiter = +"],
      services: ["pickup unix n - n 60 1 pickup"])
    try postfix.start()
    return postfix
  }

  @Test func sendmailDelivers() throws {
    let postfix = try localPostfix()
    let directory = try TemporaryDirectory()
    let transport = sendmail(postfix, directory)
    let answer = try transport.handOver(mail())
    #expect(answer.outcome == .accepted, "\(answer)")
    try expectArrived(postfix)
    try transport.finish(token: "tok1")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("spool")).isEmpty)
  }

  @Test func whatCannotBeDeliveredComesBackWithItsToken() throws {
    let postfix = try localPostfix()
    let directory = try TemporaryDirectory()
    let answer = try sendmail(postfix, directory).handOver(
      mail(to: "dmarc@elsewhere.example", token: "bounced7"))
    #expect(answer.outcome == .accepted, "\(answer)")
    var bounce: [UInt8]?
    try waitUntil("the bounce in the mailbox, log: \(postfix.mailLog)") {
      bounce = try postfix.mailboxFiles().first
      return bounce != nil
    }
    let notification = try DeliveryStatusNotification(
      parsing: try #require(bounce),
      bounceAddress: BounceAddress(try #require(MailAddress("report-bounce@receiver.example"))))
    #expect(notification.outcome == .failure)
    #expect(notification.token == "bounced7")
    #expect(notification.reportID == "abc123")
    #expect(notification.messageID == "<abc123.bounced7@receiver.example>")
    #expect(notification.reportingServer == "mx.receiver.example")
    #expect(
      notification.recipients == [
        .init(
          finalRecipient: "dmarc@elsewhere.example", originalRecipient: "dmarc@elsewhere.example",
          action: .failed, status: "5.0.0", diagnostic: "this Postfix sends nothing")
      ])
  }

  @Test func aStoppedPostfixStillTakesMail() throws {
    let postfix = try localPostfix()
    let directory = try TemporaryDirectory()
    postfix.stop()
    let answer = try sendmail(postfix, directory).handOver(mail())
    #expect(answer.outcome == .accepted, "\(answer)")
    try postfix.start()
    try expectArrived(postfix)
  }

  // MARK: - SMTP

  private func smtpPostfix(
    _ certificate: TestCertificate, settings: [String] = []
  ) throws -> PostfixInstance {
    let postfix = try PostfixInstance(
      settings: [
        "smtpd_milters =", "smtpd_tls_security_level = may",
        "smtpd_tls_cert_file = \(certificate.certificatePath)",
        "smtpd_tls_key_file = \(certificate.keyPath)", "smtpd_tls_loglevel = 1",
        "smtpd_tls_received_header = yes", "recipient_delimiter = +",
        "smtpd_recipient_restrictions = check_recipient_access"
          + " inline:{{later@receiver.example = 450 4.2.0 try later}}",
      ] + settings, services: ["tlsmgr unix - - n 1000? 1 tlsmgr"])
    try postfix.start()
    return postfix
  }

  private func smtp(
    _ postfix: PostfixInstance, _ security: SMTPTransport.Security, authority: String? = nil,
    configure: (inout SMTPTransport.Settings) -> Void = { _ in }
  ) throws -> SMTPTransport {
    var settings = SMTPTransport.Settings(
      host: "127.0.0.1", port: postfix.port, clientName: try #require(DomainName("out.example")))
    settings.security = security
    settings.authorityFile = authority
    configure(&settings)
    return try SMTPTransport(settings)
  }

  @Test(arguments: [SMTPTransport.Security.none, .opportunistic, .required])
  func smtpDelivers(security: SMTPTransport.Security) throws {
    let certificate = try TestCertificate()
    let postfix = try smtpPostfix(certificate)
    // Opportunistic TLS asks for no valid certificate, required TLS does.
    let authority = security == .required ? certificate.certificatePath : nil
    let transport = try smtp(postfix, security, authority: authority)
    let answer = try transport.handOver(mail())
    #expect(answer.outcome == .accepted, "\(answer)")
    #expect(answer.text.hasPrefix("250 2.0.0 Ok: queued as "), "\(answer)")
    try expectArrived(postfix)
    let received = try #require(try postfix.mailbox().first?["Received"].first)
    #expect(received.contains("from out.example"))
    #expect(received.contains("with ESMTPS") == (security != .none), "\(received)")
  }

  @Test func requiredTLSSendsNothingWithoutAValidCertificate() throws {
    let certificate = try TestCertificate()
    let postfix = try smtpPostfix(certificate)
    let error = #expect(throws: ReportTransportError.self) {
      try smtp(postfix, .required).handOver(mail())
    }
    #expect(error?.description.contains("certificate") == true, "\(String(describing: error))")
    let plain = try smtpPostfix(certificate, settings: ["smtpd_tls_security_level = none"])
    #expect(throws: ReportTransportError.self) { try smtp(plain, .required).handOver(mail()) }
    for server in [postfix, plain] {
      #expect(!server.mailLog.contains("mail="), "\(server.mailLog)")
    }
  }

  @Test func theServersWordsTellWhatItRefuses() throws {
    let certificate = try TestCertificate()
    let postfix = try smtpPostfix(certificate)
    let transport = try smtp(postfix, .none)
    let relayed = try transport.handOver(mail(to: "dmarc@elsewhere.example"))
    #expect(relayed.outcome == .permanentFailure)
    #expect(relayed.text.hasPrefix("554 5.7.1 <dmarc@elsewhere.example>"), "\(relayed)")
    let later = try transport.handOver(mail(to: "later@receiver.example"))
    #expect(later.outcome == .temporaryFailure)
    #expect(later.text.contains("450 4.2.0") && later.text.contains("try later"), "\(later)")
    let small = try smtpPostfix(certificate, settings: ["message_size_limit = 3000"])
    let large = try smtp(small, .none).handOver(mail())
    #expect(large.outcome == .permanentFailure)
    #expect(large.text.hasPrefix("552 5.3.4"), "\(large)")
    postfix.stop()
    #expect(throws: ReportTransportError.self) { try transport.handOver(mail()) }
  }

  @Test(
    .enabled(if: SubmissionServer.isAvailable, "needs saslpasswd2"),
    arguments: [SMTPTransport.Security.required, .implicit])
  func smtpAuthenticates(security: SMTPTransport.Security) throws {
    let server = try SubmissionServer()
    let directory = try TemporaryDirectory()
    func transport(_ password: String) throws -> SMTPTransport {
      let file = try directory.write("\(password)\n", to: "password")
      return try smtp(server.postfix, security, authority: server.authorityPath) {
        if security == .implicit { $0.port = server.implicitPort }
        $0.user = SubmissionServer.user
        $0.passwordFile = file
      }
    }
    let wrong = #expect(throws: ReportTransportError.self) {
      try transport("wrong secret").handOver(mail())
    }
    #expect(wrong?.description.contains("535 5.7.8") == true, "\(String(describing: wrong))")
    let answer = try transport(SubmissionServer.password).handOver(mail())
    #expect(answer.outcome == .accepted, "\(answer) \(server.postfix.mailLog)")
    try expectArrived(server.postfix)
    #expect(server.postfix.mailLog.contains("sasl_username=reports"))
  }
}
