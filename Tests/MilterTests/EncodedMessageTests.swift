import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Milter

/// Messages that are encoded once: the load generator's way to send.
@Suite struct EncodedMessageTests {
  /// Postfix's offer, and one under which the filter has to answer every packet.
  @Test(arguments: [MilterClient.Offer.postfix.steps, 0x10_0300])
  func arrivesAsItIs(steps: UInt32) throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect(
      offer: MilterClient.Offer(version: 6, actions: 0x1FF, steps: steps))
    let fields: [MilterMessage.Field] = [
      .init("From", " Sender <sender@example.com>"), .init("Subject", " a\n\tfolded one"),
      .init("X-Bare", "no blank"),
    ]
    let body = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 % 251 + 1) }
    // Twice, since a connection carries several messages.
    for queueID in ["4One", "4Two"] {
      let mail = EncodedCommand(
        "M", MilterPacket.octets("<\(script.sender)>"), macros: ["{mail_mailer}": "smtp"])
      let recipient = EncodedCommand("R", MilterPacket.octets("<rcpt@example.org>"))
      for command in [mail, recipient, EncodedCommand("T", macros: ["i": queueID])] {
        let reply = try client.send(command)
        #expect(reply == nil || reply == .continue)
      }
      let outcome = try client.sendContent(
        header: EncodedHeader(fields), body: EncodedBody(body[...]), queueID: queueID)
      #expect(outcome == MilterOutcome(edits: [], reply: .continue))
      client.abort()
      let seen = script.seen.withLock { seen in
        defer { seen = SharedMilter.Script.Seen() }
        return seen
      }
      #expect(seen.header.map(\.value) == fields.map { Array($0.value.utf8).crlf })
      #expect(seen.body == body)
      #expect(seen.recipients == [Array("rcpt@example.org".utf8)])
      #expect(seen.queueID == queueID)
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var edit: MilterEdit
    var names: [String]
  }

  @Test(arguments: [
    Case(
      testDescription: "on top", edit: .insert(index: 0, name: "New", value: " x"),
      names: ["New", "A", "B", "a"]),
    Case(
      testDescription: "below the MTA's own field",
      edit: .insert(index: 1, name: "New", value: " x"), names: ["New", "A", "B", "a"]),
    Case(
      testDescription: "below the first that the filter saw",
      edit: .insert(index: 2, name: "New", value: " x"), names: ["A", "New", "B", "a"]),
    Case(
      testDescription: "far behind the end",
      edit: .insert(index: 99, name: "New", value: " x"), names: ["A", "B", "a", "New"]),
    Case(
      testDescription: "appended", edit: .add(name: "New", value: " x"),
      names: ["A", "B", "a", "New"]),
    Case(
      testDescription: "the second of a name deleted",
      edit: .change(occurrence: 2, name: "A", value: ""), names: ["A", "B"]),
    Case(
      testDescription: "renamed in another case",
      edit: .change(occurrence: 1, name: "b", value: " x"), names: ["A", "b", "a"]),
    Case(
      testDescription: "one that is not there",
      edit: .change(occurrence: 2, name: "B", value: ""), names: ["A", "B", "a"]),
    Case(testDescription: "held", edit: .hold(reason: "x"), names: ["A", "B", "a"]),
  ])
  func isSeenByTheNextFilterWithTheEdits(_ wanted: Case) throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    let header = EncodedHeader(["A", "B", "a"].map { .init($0, " value") })
    _ = try client.send(EncodedCommand("M", MilterPacket.octets("<\(script.sender)>")))
    _ = try client.send(EncodedCommand("R", MilterPacket.octets("<rcpt@example.org>")))
    _ = try client.sendContent(
      header: header.applying([wanted.edit], isSpaced: true), body: EncodedBody([]),
      queueID: "4Edit")
    let seen = script.seen.withLock { $0.header }
    #expect(seen.map { String(decoding: $0.name, as: UTF8.self) } == wanted.names)
    #expect(seen.allSatisfy { $0.value == Array(" value".utf8) || $0.value == Array(" x".utf8) })
  }

  @Test func valuesGetTheirBlankBack() throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    let header = EncodedHeader([.init("A", " value")])
    _ = try client.send(EncodedCommand("M", MilterPacket.octets("<\(script.sender)>")))
    _ = try client.send(EncodedCommand("R", MilterPacket.octets("<rcpt@example.org>")))
    _ = try client.sendContent(
      header: header.applying([.add(name: "New", value: "x")], isSpaced: false),
      body: EncodedBody([]), queueID: "4Edit")
    #expect(script.seen.withLock { $0.header.last?.value } == Array(" x".utf8))
  }
}

extension [UInt8] {
  /// The octets with each LF as CRLF.
  fileprivate var crlf: [UInt8] { flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } }
}
