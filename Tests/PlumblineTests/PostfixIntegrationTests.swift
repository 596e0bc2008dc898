import Foundation
import MailAuth
import TestSupport
import Testing

/// The whole path with nothing replaced but DNS: SMTP client, Postfix, milter, mailbox, ledger.
///
/// Needs root and the Debian package postfix, which scripts/setup installs.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct PostfixIntegrationTests {
  @Test func removesForgedResultsAndPutsItsOwnOnTop() throws {
    let host = try MailHost()
    let forged = try DemoExpectation.message("13-forged-results.eml")
    let delivered = try host.delivered(host.send(forged))

    let results = delivered["Authentication-Results"]
    #expect(results.count == 2)
    #expect(results.filter { $0.lowercased().contains("mx.receiver.example") }.count == 1)
    #expect(results.first?.hasPrefix("mx.receiver.example;") == true)
    #expect(results.last == "mx.other.example; spf=fail smtp.mailfrom=example.com")
    let names = delivered.fields.map(\.name)
    let own = try #require(names.firstIndex(of: "Authentication-Results"))
    let received = try #require(names.firstIndex(of: "Received"))
    // Above them are only the fields that delivery adds.
    #expect(own == received - 1)
    #expect(delivered["Return-Path"] == ["<ceo@example.com>"])
  }

  @Test func judgesTheNullSenderByItsHelloName() throws {
    let host = try MailHost()
    let bounce = try DemoExpectation.message("10-null-sender.eml")
    let delivered = try host.delivered(host.send(bounce))

    let results = try #require(delivered["Authentication-Results"].first)
    #expect(results.contains("smtp.helo=mail.example.com"))
    #expect(!results.contains("smtp.mailfrom"))
    #expect(results.contains("dmarc=pass"))
  }

  @Test func servesTheNextMessageWhenAClientHangsUpInTheMiddleOfOne() throws {
    let host = try MailHost()
    let message = try DemoExpectation.message("01-aligned-pass.eml")
    for bytes in [0, 40, 400] {
      let client = try host.postfix.client(from: message.client)
      try client.hello(message.helo)
      try client.mail(from: message.mailFrom)
      try client.recipient(message.recipient)
      #expect(try client.command("DATA").code == 354)
      try client.send(Array(SMTPClient.dotStuffed(try message.bytes()).prefix(bytes)))
      client.disconnect()
    }

    let delivered = try host.delivered(host.send(message))
    #expect(delivered["Authentication-Results"].first?.contains("dmarc=pass") == true)
    #expect(try host.postfix.mailbox().count == 1)
    #expect(try host.ledger().count == 1)
  }

  @Test(arguments: [100, 0]) func startsAnewAfterReset(busyRate: Int) throws {
    let host = try MailHost(milter: "busy_rate = \(busyRate)")
    let message = try DemoExpectation.message("01-aligned-pass.eml")
    let client = try host.postfix.client(from: message.client)
    try client.hello(message.helo)
    try client.mail(from: "somebody@bank.example")
    try client.recipient(message.recipient)
    #expect(try client.command("RSET").code == 250)
    try client.mail(from: message.mailFrom)
    try client.recipient(message.recipient)
    let first = try host.delivered(client.data(try message.bytes()))
    // A second message over the same connection.
    try client.mail(from: "")
    try client.recipient(message.recipient)
    let second = try host.delivered(client.data(try message.bytes()))

    #expect(first["Authentication-Results"].first?.contains("smtp.mailfrom=example.com") == true)
    #expect(second["Authentication-Results"].first?.contains("smtp.mailfrom") == false)
    #expect(try host.ledger().count == 2)
  }

  @Test(arguments: HostileHeader.allCases)
  func takesHostileHeaders(_ header: HostileHeader) throws {
    // Postfix cuts a field at 100 kB unless told otherwise.
    let host = try MailHost(settings: ["header_size_limit = 3000000"])
    let signed = try DemoExpectation.message("01-aligned-pass.eml").bytes()
    let delivered = try host.exchange(header.octets + signed)
    let results = delivered["Authentication-Results"].first
    #expect(results?.hasPrefix("mx.receiver.example;") == true)
    #expect(results?.contains("dmarc=") == true)

    let next = try host.exchange(signed)
    #expect(next["Authentication-Results"].first?.contains("dmarc=pass") == true)
    #expect(host.milter.isRunning)
    #expect(try host.ledger().count == 2)
  }

  enum HostileHeader: CaseIterable, Sendable {
    case oneMegabyteField, fiveThousandFields, threeHundredSignatures, nulInField

    var octets: [UInt8] {
      switch self {
      case .oneMegabyteField:
        Array("X-Long: begins\r\n".utf8)
          + Array(
            [[UInt8]](
              repeating: Array(" \(String(repeating: "x", count: 997))\r\n".utf8), count: 1000
            )
            .joined())
      case .fiveThousandFields:
        Array((1...5000).map { "X-Field-\($0): value\r\n" }.joined().utf8)
      case .threeHundredSignatures:
        Array(
          (1...300).map {
            "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s\($0); h=from; bh=AA==; b=AA==\r\n"
          }.joined().utf8)
      case .nulInField:
        Array("X-Nul: before\0after\r\nX-After: yes\r\n".utf8)
      }
    }
  }

  @Test func aHundredMegabytesPassInBoundedMemory() throws {
    let host = try MailHost(settings: ["message_size_limit = 0", "queue_minfree = 0"])
    let message = try DemoExpectation.message("01-aligned-pass.eml")
    let line = Array("\(String(repeating: "y", count: 98))\r\n".utf8)
    let megabyte = [[UInt8]](repeating: line, count: 10_000).flatMap(\.self)
    let client = try host.postfix.client(from: message.client)
    try client.hello(message.helo)
    try client.mail(from: message.mailFrom)
    try client.recipient(message.recipient)
    #expect(try client.command("DATA").code == 354)
    try client.send(SMTPClient.dotStuffed(try message.bytes()))
    for _ in 1...100 { try client.send(megabyte) }
    try client.send(Array(".\r\n".utf8))
    let delivered = try host.delivered(client.readReply())

    // The body is not the one that was signed: it was hashed to its end.
    let results = delivered["Authentication-Results"].first
    #expect(results?.contains("dkim=fail reason=\"bodyHashMismatch\"") == true)
    #expect(delivered.body.count > 98_000_000)
    #expect(try host.milterPeakBytes() < 100 * 1024 * 1024)
  }

  /// Mail of a trusted network is left alone, also where that is not said at MAIL.
  @Test(arguments: [100, 0]) func leavesMailAlone(busyRate: Int) throws {
    let host = try MailHost(
      milter: "busy_rate = \(busyRate)\ntrusted_networks = [\"127.0.0.99\"]")
    let message = try DemoExpectation.message("01-aligned-pass.eml")
    let own = try host.postfix.client(from: "127.0.0.99")
    let reply = try own.deliver(
      message.bytes(), hello: message.helo, from: message.mailFrom, to: message.recipient)
    #expect(try host.delivered(reply)["Authentication-Results"] == [])
    #expect(try host.delivered(host.send(message))["Authentication-Results"].count == 1)
    #expect(try host.ledger().count == 1)
  }

  @Test func finishesOpenMessagesAtTermAndEnds() throws {
    let host = try MailHost()
    let message = try DemoExpectation.message("01-aligned-pass.eml")
    let octets = SMTPClient.dotStuffed(try message.bytes())
    let client = try host.postfix.client(from: message.client)
    try client.hello(message.helo)
    try client.mail(from: message.mailFrom)
    try client.recipient(message.recipient)
    #expect(try client.command("DATA").code == 354)
    try client.send(Array(octets.prefix(200)))

    host.milter.signal(SIGTERM)
    try client.send(Array(octets.dropFirst(200)) + Array(".\r\n".utf8))
    let delivered = try host.delivered(client.readReply())
    #expect(delivered["Authentication-Results"].first?.contains("dmarc=pass") == true)
    let result = try host.milter.result(within: .seconds(30))
    #expect(result.status == 0)
    #expect(try host.ledger().count == 1)
  }

  @Test func readsItsConfigurationAgainAtHangup() throws {
    let host = try MailHost()
    let message = try DemoExpectation.message("01-aligned-pass.eml").bytes()
    #expect(
      try host.exchange(message)["Authentication-Results"].first?.hasPrefix("mx.receiver.example;")
        == true)

    try host.configure(authservID: "other.receiver.example")
    host.milter.signal(SIGHUP)
    try waitUntil("the new name in the results") {
      try host.exchange(message)["Authentication-Results"].first?
        .hasPrefix("other.receiver.example;") == true
    }
    #expect(host.milter.isRunning)
  }
}
