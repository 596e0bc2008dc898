import Dispatch
import Foundation
import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Milter

/// Whole messages through libmilter.
@Suite struct MilterServerTests {
  @Test func negotiatesWhatItNeeds() throws {
    let client = try MilterClient(SharedMilter.endpoint.get())
    let agreement = try client.negotiate()
    #expect(agreement.version == 6)
    // Add and change headers, set the macro lists; holding messages is asked for when it may happen,
    // which a test beside this one may have switched on.
    #expect(agreement.actions & ~0x20 == 0x111)
    // No DATA, no unknown commands, leading space, and no reply to anything but MAIL.
    #expect(agreement.steps == 0x1C_B380)
    #expect(agreement.macros == [0: "j", 2: "{auth_authen}", 5: "i"])
  }

  @Test func givesTheTransactionWhatTheMTASaid() throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    let message = MilterMessage(
      mailFrom: script.sender, recipients: ["a@example.org", "b@example.org"],
      queueID: "4Xyz", authenticatedName: "kim")
    #expect(try client.deliver(message) == MilterOutcome(edits: [], reply: .continue))
    let seen = script.seen.withLock { $0 }
    let start = try #require(seen.start)
    #expect(start.clientAddress == IPAddress("192.0.2.1"))
    #expect(start.clientName == "mail.example.net")
    #expect(start.helo == Array("helo.example.net".utf8))
    #expect(start.mailFrom == Array(script.sender.utf8))
    #expect(start.authenticatedName == "kim")
    #expect(start.hostName == "mx.example.org")
    #expect(seen.recipients == [Array("a@example.org".utf8), Array("b@example.org".utf8)])
    #expect(seen.queueID == "4Xyz")
    #expect(seen.aborts == 0)
    #expect(script.isReleased())
  }

  struct Client: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var host: MilterClientHost
    var address: IPAddress?
    var name: String?
  }

  @Test(arguments: [
    Client(
      testDescription: "IPv6", host: MilterClientHost(name: "v6.example", address: "2001:db8::7"),
      address: IPAddress("2001:db8::7"), name: "v6.example"),
    Client(
      testDescription: "no name, as Postfix sends it",
      host: MilterClientHost(name: "[192.0.2.9]", address: "192.0.2.9"),
      address: IPAddress("192.0.2.9"), name: nil),
    Client(
      testDescription: "unknown",
      host: MilterClientHost(name: "unknown", address: "192.0.2.9"),
      address: IPAddress("192.0.2.9"), name: nil),
    Client(
      testDescription: "Unix socket", host: MilterClientHost(localPath: "/run/s"), address: nil,
      name: "localhost"),
    Client(
      testDescription: "unknown family", host: MilterClientHost(localPath: nil), address: nil,
      name: "localhost"),
  ])
  func readsTheClient(client: Client) throws {
    let script = SharedMilter.script()
    let connection = try SharedMilter.connect(client: client.host)
    _ = try connection.deliver(MilterMessage(mailFrom: script.sender))
    let start = try #require(script.seen.withLock { $0.start })
    #expect(start.clientAddress == client.address)
    #expect(start.clientName == client.name)
    #expect(start.authenticatedName == nil)
  }

  @Test func keepsEveryOctetOfTheHeader() throws {
    let script = SharedMilter.script()
    let values = ["  two", "none", "\ttab", " a\n\tfold\n  again", " caf\u{E9} \u{1F4E7}", ""]
    let message = MilterMessage(
      mailFrom: script.sender, header: values.map { MilterMessage.Field("X-Case", $0) })
    _ = try SharedMilter.connect().deliver(message)
    let wanted = values.map { Array($0.replacing("\n", with: "\r\n").utf8) }
    #expect(script.seen.withLock { $0.header.map(\.value) } == wanted)
  }

  @Test func addsTheBlankThatAnOlderMTACut() throws {
    let script = SharedMilter.script(edits: [.insert(index: 0, name: "X-A", value: " b")])
    var offer = MilterClient.Offer.postfix
    offer.steps &= ~0x10_0000
    let client = try SharedMilter.connect(offer: offer)
    let message = MilterMessage(
      mailFrom: script.sender, header: [MilterMessage.Field("Subject", "cut")])
    let outcome = try client.deliver(message)
    #expect(script.seen.withLock { $0.header } == [HeaderField("Subject", " cut")])
    #expect(outcome.edits == [.insert(index: 0, name: "X-A", value: "b")])
  }

  @Test func passesTheBodyOnAsItIs() throws {
    let script = SharedMilter.script()
    let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 251) }
    _ = try SharedMilter.connect().deliver(MilterMessage(mailFrom: script.sender, body: body))
    #expect(script.seen.withLock { $0.body } == body)
    #expect(script.seen.withLock { $0.headerEnds } == 1)
  }

  @Test func repliesOnlyToMailAndTheEnd() throws {
    let script = SharedMilter.script()
    let client = try MilterClient(SharedMilter.endpoint.get())
    try client.negotiate()
    let host = MilterClientHost(name: "mail.example.net", address: "192.0.2.1")
    #expect(try client.connect(host, hostName: "mx.example.org") == nil)
    #expect(try client.command("H", MilterPacket.octets("helo")) == nil)
    let mail = MilterPacket.octets("<\(script.sender)>")
    #expect(try client.command("M", mail) == .continue)
    #expect(try client.command("R", MilterPacket.octets("<b@example.org>")) == nil)
    #expect(try client.command("L", MilterPacket.octets("A") + MilterPacket.octets(" b")) == nil)
    #expect(try client.command("N") == nil)
    #expect(try client.command("B", [1, 2, 3]) == nil)
    try client.flush()
    #expect(!client.hasInput(within: 300))
    #expect(try client.endOfMessage(queueID: "Q").reply == .continue)
    #expect(!client.hasInput(within: 100))
  }

  @Test func repliesToEverythingWhereTheMTAWantsIt() throws {
    let script = SharedMilter.script()
    let offer = MilterClient.Offer(version: 2, actions: 0x3F, steps: 0x7F)
    let client = try SharedMilter.connect(offer: offer)
    #expect(client.agreement.steps == 0)
    #expect(client.agreement.macros == nil)
    #expect(try client.deliver(MilterMessage(mailFrom: script.sender)).reply == .continue)
  }

  @Test func sendsEditsInOrder() throws {
    let script = SharedMilter.script(edits: [
      .delete(name: "Authentication-Results", occurrence: 3),
      .delete(name: "Authentication-Results", occurrence: 1),
      .insert(index: 0, name: "Authentication-Results", value: " mx.example;\n\tspf=pass"),
      .insert(index: 5, name: "X-Evil", value: " a\nBcc: b@example.com"),
      .insert(index: 7, name: "X-Last", value: " z"),
    ])
    let outcome = try SharedMilter.connect().deliver(MilterMessage(mailFrom: script.sender))
    #expect(
      outcome
        == MilterOutcome(
          edits: [
            .change(occurrence: 3, name: "Authentication-Results", value: ""),
            .change(occurrence: 1, name: "Authentication-Results", value: ""),
            .insert(
              index: 0, name: "Authentication-Results", value: " mx.example;\n\tspf=pass"),
            .insert(index: 7, name: "X-Last", value: " z"),
          ], reply: .continue))
  }

  @Test func acceptsWithoutEditsWhereTheMTAForbidsThem() throws {
    let script = SharedMilter.script(edits: [.insert(index: 0, name: "A", value: " b")])
    let offer = MilterClient.Offer(version: 6, actions: 0x02, steps: 0x1F_FFFF)
    let outcome = try SharedMilter.connect(offer: offer).deliver(
      MilterMessage(mailFrom: script.sender))
    #expect(outcome == MilterOutcome(edits: [], reply: .continue))
  }

  @Test(arguments: [
    (
      MilterReply.tempfail(code: "451", enhancedCode: "4.7.1", text: "50% done"),
      MilterReplyCode.reply("451 4.7.1 50%% done")
    ),
    (
      .tempfail(code: "451", enhancedCode: "4.7.1", text: "two\r\nlines"),
      .reply("451 4.7.1 two\\x0d\\x0alines")
    ),
    (.tempfail(code: "550", enhancedCode: "5.7.1", text: "no"), .tempfail),
    (.tempfail(code: "4", enhancedCode: "x", text: "no"), .tempfail),
  ])
  func tempfails(reply: MilterReply, wanted: MilterReplyCode) throws {
    let script = SharedMilter.script(reply: reply)
    let outcome = try SharedMilter.connect().deliver(MilterMessage(mailFrom: script.sender))
    #expect(outcome == MilterOutcome(edits: [], reply: wanted))
  }

  @Test(arguments: [
    (
      MilterReply.reject(code: "550", enhancedCode: "5.7.26", text: "DMARC of 100%.example"),
      MilterReplyCode.reply("550 5.7.26 DMARC of 100%%.example")
    ),
    (
      .reject(code: "550", enhancedCode: "5.7.26", text: "two\r\n250 lines"),
      .reply("550 5.7.26 two\\x0d\\x0a250 lines")
    ),
    (.reject(code: "451", enhancedCode: "4.7.1", text: "no"), .reject),
    (.reject(code: "5", enhancedCode: "x", text: "no"), .reject),
  ])
  func refuses(reply: MilterReply, wanted: MilterReplyCode) throws {
    let script = SharedMilter.script(reply: reply)
    let client = try SharedMilter.connect()
    let outcome = try client.deliver(MilterMessage(mailFrom: script.sender))
    #expect(outcome == MilterOutcome(edits: [], reply: wanted))
    // The connection goes on.
    let next = SharedMilter.script()
    #expect(try client.deliver(MilterMessage(mailFrom: next.sender)).reply == .continue)
  }

  @Test func holdsAMessageWhereThatWasNegotiated() throws {
    let script = SharedMilter.script(
      edits: [.insert(index: 0, name: "X-A", value: " b")], reply: .hold(reason: "DMARC\r\n100%"))
    SharedMilter.mayHold.store(true, ordering: .relaxed)
    defer { SharedMilter.mayHold.store(false, ordering: .relaxed) }
    let client = try MilterClient(SharedMilter.endpoint.get())
    // Every test at this time may get the flag; none but this and the one below looks.
    #expect(try client.negotiate().actions & 0x20 == 0x20)
    let host = MilterClientHost(name: "mail.example.net", address: "192.0.2.1")
    try client.connect(host, hostName: "mx.example.org")
    let outcome = try client.deliver(MilterMessage(mailFrom: script.sender))
    #expect(
      outcome
        == MilterOutcome(
          edits: [
            .insert(index: 0, name: "X-A", value: " b"), .hold(reason: "DMARC\\x0d\\x0a100%"),
          ], reply: .continue))
  }

  @Test func deliversWhatItCannotHold() throws {
    let script = SharedMilter.script(reply: .hold(reason: "DMARC"))
    var offer = MilterClient.Offer.postfix
    offer.actions &= ~0x20
    let client = try SharedMilter.connect(offer: offer)
    #expect(client.agreement.actions & 0x20 == 0)
    let outcome = try client.deliver(MilterMessage(mailFrom: script.sender))
    #expect(outcome == MilterOutcome(edits: [], reply: .continue))
  }

  @Test func carriesManyMessagesOnAConnection() throws {
    let client = try SharedMilter.connect()
    for number in 1...50 {
      let script = SharedMilter.script(edits: [
        .insert(index: number, name: "X-Number", value: " \(number)")
      ])
      let message = MilterMessage(
        mailFrom: script.sender, header: [MilterMessage.Field("Subject", " \(number)")],
        queueID: "Q\(number)")
      let outcome = try client.deliver(message)
      #expect(
        outcome.edits
          == [.insert(index: UInt32(number), name: "X-Number", value: " \(number)")])
      #expect(script.seen.withLock { $0.header } == [HeaderField("Subject", " \(number)")])
      #expect(script.seen.withLock { $0.queueID } == "Q\(number)")
      #expect(script.isReleased())
    }
  }

  @Test func skipsAMessageAtMail() throws {
    let skipped = SharedMilter.script(isSkipped: true)
    let followed = SharedMilter.script()
    let client = try SharedMilter.connect()
    let outcome = try client.begin(MilterMessage(mailFrom: skipped.sender))
    #expect(outcome == MilterOutcome(edits: [], reply: .accept))
    // The next message of the connection is followed again.
    #expect(try client.deliver(MilterMessage(mailFrom: followed.sender)).reply == .continue)
    #expect(followed.seen.withLock { $0.queueID } != nil)
  }

  @Test func forgetsAMessageAfterReset() throws {
    let reset = SharedMilter.script()
    let next = SharedMilter.script()
    let client = try SharedMilter.connect()
    #expect(try client.begin(MilterMessage(mailFrom: reset.sender)) == nil)
    client.abort()
    try client.flush()
    #expect(reset.isReleased())
    #expect(reset.seen.withLock { $0.aborts } == 1)
    #expect(try client.deliver(MilterMessage(mailFrom: next.sender)).reply == .continue)
    #expect(next.seen.withLock { $0.recipients.count } == 1)
  }

  @Test(arguments: ["envelope", "header", "body", "quit"])
  func releasesAMessageWhenTheMTAGoes(during part: String) throws {
    let script = SharedMilter.script()
    do {
      let client = try SharedMilter.connect()
      #expect(try client.begin(MilterMessage(mailFrom: script.sender)) == nil)
      if part != "envelope" {
        try client.command("L", MilterPacket.octets("A") + MilterPacket.octets(" b"))
      }
      if part == "body" {
        try client.command("N")
        try client.command("B", [1])
      }
      if part == "quit" { try client.quit() }
      try client.flush()
    }
    #expect(script.isReleased())
    #expect(script.seen.withLock { $0.aborts } == 1)
  }

  @Test func servesAHundredConnectionsAtOnce() throws {
    let endpoint = try SharedMilter.endpoint.get()
    let failures = Mutex<[String]>([])
    let group = DispatchGroup()
    for number in 0..<100 {
      group.enter()
      Thread.detachNewThread {
        defer { group.leave() }
        do {
          try deliverTen(to: endpoint, number)
        } catch {
          failures.withLock { $0.append("\(number): \(error)") }
        }
      }
    }
    #expect(group.wait(timeout: .now() + .seconds(120)) == .success)
    #expect(failures.withLock { $0 } == [])
  }
}

private struct Mismatch: Error {
  var outcome: MilterOutcome
}

private func deliverTen(to endpoint: MilterClient.Endpoint, _ number: Int) throws {
  let client = try MilterClient(endpoint, timeoutSeconds: 60)
  try client.negotiate()
  let host = MilterClientHost(name: "h\(number).example", address: "192.0.2.\(number)")
  try client.connect(host, hostName: "mx.example.org")
  for round in 0..<10 {
    let script = SharedMilter.script(edits: [
      .insert(index: 0, name: "X-Round", value: " \(number)/\(round)")
    ])
    let outcome = try client.deliver(MilterMessage(mailFrom: script.sender))
    guard
      outcome.edits == [.insert(index: 0, name: "X-Round", value: " \(number)/\(round)")],
      script.seen.withLock({ $0.start?.clientName }) == "h\(number).example"
    else { throw Mismatch(outcome: outcome) }
  }
}
