import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Milter

/// What no MTA sends: an outcome or a closed connection, and the next message is served.
@Suite struct MilterAbuseTests {
  private func expectStillServing(_ location: SourceLocation = #_sourceLocation) throws {
    let script = SharedMilter.script()
    let outcome = try SharedMilter.connect().deliver(MilterMessage(mailFrom: script.sender))
    #expect(outcome.reply == .continue, sourceLocation: location)
  }

  @Test(arguments: [
    ("garbage", [UInt8](repeating: 0xA5, count: 5000)),
    ("text", Array("EHLO mail.example.com\r\nMAIL FROM:<a@example.com>\r\n".utf8)),
    ("largest length", [0xFF, 0xFF, 0xFF, 0xFF, 0x4F, 0, 0, 0, 6]),
    ("negative length", [0x80, 0, 0, 0, 0x4F]),
    ("length zero", [0, 0, 0, 0, 0]),
    ("length over the limit", [0x00, 0x20, 0x00, 0x02, 0x4C]),
    ("unknown command", MilterPacket("?", [1, 2, 3]).wireForm),
    ("negotiation too short", MilterPacket("O", [0, 0, 0, 6]).wireForm),
    (
      "negotiation of version 1",
      MilterPacket("O", [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).wireForm
    ),
  ])
  func closesOnAWrongBeginning(name: String, octets: [UInt8]) throws {
    let client = try MilterClient(SharedMilter.endpoint.get())
    try client.writeRaw(octets)
    #expect(try client.readToEnd() == [])
    try expectStillServing()
  }

  @Test(arguments: [1, 4, 5, 9])
  func survivesATruncatedPacket(octets: Int) throws {
    let client = try MilterClient(SharedMilter.endpoint.get())
    try client.writeRaw(Array(MilterPacket("O", [0, 0, 0, 6]).wireForm.prefix(octets)))
    try expectStillServing()
  }

  @Test(arguments: [
    ("connect without a name's end", MilterPacket("C", Array("mail".utf8))),
    ("connect of an odd family", MilterPacket("C", Array("mail\0Zab".utf8) + [0])),
    ("connect with a bad address", MilterPacket("C", Array("mail\u{0}4\u{0}\u{19}1.2.3.x\0".utf8))),
    ("mail without an end", MilterPacket("M", Array("<a@example.com>".utf8))),
    ("empty macro", MilterPacket("D")),
    ("header without a value", MilterPacket("L", Array("Subject\0".utf8))),
  ])
  func closesOnAWrongPacket(name: String, packet: MilterPacket) throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    if packet.command == UInt8(ascii: "L") {
      #expect(try client.begin(MilterMessage(mailFrom: script.sender)) == nil)
    }
    client.write(packet)
    // Where libmilter merely ignores the packet, the end of the connection is ours.
    try client.quit()
    #expect(try client.readToEnd() == [])
    try expectStillServing()
  }

  @Test(arguments: [
    ["E"], ["N"], ["B"], ["L"], ["R"], ["A"], ["E", "E"], ["M", "M", "E"], ["M", "E"],
    ["M", "R", "E"], ["M", "R", "B", "E"], ["M", "R", "L", "E"], ["M", "R", "N", "L", "E"],
    ["M", "R", "N", "R", "E"], ["M", "A", "E"], ["M", "R", "C", "E"], ["O", "M", "R", "E"],
    ["M", "R", "O", "E"], ["M", "R", "H", "E"], ["K", "C", "M", "R", "E"], ["U", "T", "M"],
  ])
  func survivesAnyOrder(letters: [String]) throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    for letter in letters.map(Character.init) {
      client.write(MilterPacket(letter, payload(letter, sender: script.sender)))
    }
    try client.quit()
    _ = try client.readToEnd()
    try expectStillServing()
  }

  /// Commands without any negotiation: libmilter lets MAIL through.
  @Test func answersWithoutNegotiation() throws {
    let script = SharedMilter.script()
    let client = try MilterClient(SharedMilter.endpoint.get())
    #expect(try client.begin(MilterMessage(mailFrom: script.sender)) == nil)
    #expect(try client.command("N") == .continue)
    #expect(try client.endOfMessage(queueID: "Q").reply == .continue)
    let start = try #require(script.seen.withLock { $0.start })
    #expect(start.clientAddress == nil)
    #expect(start.helo == [])
  }

  /// SMFIC_QUIT_NC: a new SMTP connection on the same milter connection, without negotiation.
  @Test func servesTheNextConnectionOfAReusedSocket() throws {
    let first = SharedMilter.script()
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    #expect(try client.begin(MilterMessage(mailFrom: first.sender)) == nil)
    #expect(try client.endOfMessage(queueID: "Q").reply == .continue)
    client.write(MilterPacket("K"))
    client.write(MilterPacket("C", payload("C", sender: "")))
    // The MTA goes by what was agreed before.
    #expect(try client.deliver(MilterMessage(mailFrom: script.sender)).reply == .continue)
    #expect(script.seen.withLock { $0.start?.clientName } == "next.example")
    #expect(
      script.seen.withLock { $0.header.map(\.value) }
        == [Array(" Sender <sender@example.com>".utf8), Array(" a\r\n\tfolded one".utf8)])
  }

  /// libmilter's own search for a macro reads past the end of such a list.
  @Test(
    arguments: ["C", "M", "E"],
    ["x\0", "x\0y\0z\0", "i\0", "{auth_authen}\0", "\0", "\0\0\0"])
  func survivesMacrosWithoutValues(stage: Character, macros: String) throws {
    for _ in 0..<20 {
      let script = SharedMilter.script()
      let client = try SharedMilter.connect()
      let packet = MilterPacket("D", [stage.asciiValue ?? 0] + Array(macros.utf8))
      if stage != "E" { client.write(packet) }
      #expect(try client.begin(MilterMessage(mailFrom: script.sender)) == nil)
      if stage == "E" { client.write(packet) }
      client.write(MilterPacket("E"))
      #expect(try client.readPacket() == MilterPacket("c"))
      #expect(script.seen.withLock { $0.start?.authenticatedName } == nil)
      #expect(script.seen.withLock { $0.queueID } == "NOQUEUE")
    }
  }

  @Test func endsAHeaderFieldAtNUL() throws {
    let script = SharedMilter.script()
    let client = try SharedMilter.connect()
    #expect(try client.begin(MilterMessage(mailFrom: script.sender)) == nil)
    try client.command("L", Array("Subject\0 before\0after\0".utf8))
    try client.command("L", Array("\0\0 no name\0".utf8))
    try client.command("L", MilterPacket.octets("To") + MilterPacket.octets(" b"))
    try client.command("N")
    #expect(try client.endOfMessage(queueID: "Q").reply == .continue)
    #expect(
      script.seen.withLock { $0.header }
        == [HeaderField("Subject", " before"), HeaderField("To", " b")])
  }

  @Test func takesFiveThousandFields() throws {
    let script = SharedMilter.script()
    let fields = (0..<5000).map { MilterMessage.Field("X-\($0)", " value \($0)") }
    let outcome = try SharedMilter.connect().deliver(
      MilterMessage(mailFrom: script.sender, header: fields))
    #expect(outcome.reply == .continue)
    #expect(
      script.seen.withLock { $0.header } == fields.map { HeaderField($0.name, $0.value) })
  }

  @Test func takesAFieldOfAMegabyte() throws {
    let script = SharedMilter.script()
    let line = String(repeating: "x", count: 70)
    let value = " " + Array(repeating: line, count: 15_000).joined(separator: "\n ")
    let outcome = try SharedMilter.connect().deliver(
      MilterMessage(mailFrom: script.sender, header: [MilterMessage.Field("X-Long", value)]))
    #expect(outcome.reply == .continue)
    let seen = script.seen.withLock { $0.header.first?.value.count }
    #expect(seen == value.utf8.count + 14_999)
  }

  private func payload(_ letter: Character, sender: String) -> [UInt8] {
    switch letter {
    case "M": MilterPacket.octets("<\(sender)>")
    case "R": MilterPacket.octets("<b@example.org>")
    case "L": MilterPacket.octets("Subject") + MilterPacket.octets(" x")
    case "H": MilterPacket.octets("helo")
    case "B": [0x61]
    case "U": MilterPacket.octets("XYZZY")
    case "O": [0, 0, 0, 6, 0, 0, 1, 0xFF, 0, 0x1F, 0xFF, 0xFF]
    case "C":
      MilterPacket.octets("next.example") + Array("4".utf8) + [0, 25]
        + MilterPacket.octets("192.0.2.77")
    default: []
    }
  }
}
