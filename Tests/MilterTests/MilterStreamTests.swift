import Dispatch
import Foundation
import TestSupport
import Testing

@testable import Milter

/// libmilter's reading and writing with a buffer: fewer calls of the kernel, and nothing else.
@Suite struct MilterStreamTests {
  @Test func libmilterCallsTheBufferedFunctions() {
    #expect(MilterServer.canBufferConnections)
  }

  /// What a client sends: one connection with some messages.
  private static func session(bodySize: Int, messages: Int) -> [UInt8] {
    var packets = [
      MilterPacket("O", [0, 0, 0, 6, 0, 0, 1, 0xFF, 0, 0x1F, 0xFF, 0xFF]),
      MilterPacket("C", MilterClientHost(name: "mail.example.net", address: "192.0.2.1").payload),
      MilterPacket("H", MilterPacket.octets("mail.example.net")),
    ]
    for number in 0..<messages {
      packets.append(MilterPacket("M", MilterPacket.octets("<sender@example.com>")))
      packets.append(MilterPacket("R", MilterPacket.octets("<rcpt@example.org>")))
      for field in 0..<(20 + number) {
        let value = " " + String(repeating: "x", count: field * 11)
        packets.append(
          MilterPacket("L", MilterPacket.octets("X-\(field)") + MilterPacket.octets(value)))
      }
      packets.append(MilterPacket("N"))
      var left = bodySize + number
      while left > 0 {
        packets.append(MilterPacket("B", [UInt8](repeating: 0x61, count: min(left, 65_535))))
        left -= min(left, 65_535)
      }
      packets.append(MilterPacket("D", Array("Ei\0".utf8) + MilterPacket.octets("Q\(number)")))
      packets.append(MilterPacket("E"))
      packets.append(MilterPacket("A"))
    }
    packets.append(MilterPacket("Q"))
    return packets.flatMap(\.wireForm)
  }

  /// What the server answers to octets that come in pieces of a size.
  private func answers(_ server: TestServer, to octets: [UInt8], piece: Int) throws -> [UInt8] {
    let client = try MilterClient(.unix(server.socketPath))
    var rest = octets[...]
    while !rest.isEmpty {
      try client.writeRaw(Array(rest.prefix(piece)))
      rest = rest.dropFirst(piece)
    }
    return try client.readToEnd()
  }

  @Test(arguments: [
    (0, 1), (0, 3), (10, 5), (4000, 7), (16_380, 100), (16_384, 16_384), (40_000, 16_383),
    (70_000, 65_536), (300_000, 1_000_000),
  ])
  func answersTheSameHoweverItIsSent(bodySize: Int, piece: Int) throws {
    let octets = Self.session(bodySize: bodySize, messages: 3)
    let buffered = try TestServer(drainSeconds: 0)
    let unbuffered = try TestServer(drainSeconds: 0, isBuffered: false)
    let expected = try answers(unbuffered, to: octets, piece: piece)
    for number in 0..<3 {
      let seen = " fields=\(20 + number) octets=\(bodySize + number)"
      #expect(expected.contains(Array(seen.utf8)))
    }
    #expect(try answers(buffered, to: octets, piece: piece) == expected)
    #expect(try answers(buffered, to: octets, piece: octets.count) == expected)
  }

  /// Between two commands the connection goes back to libmilter's controller.
  @Test func answersAfterAPause() throws {
    let server = try TestServer(drainSeconds: 0)
    let client = try server.connect()
    for _ in 0..<3 {
      #expect(try client.begin(MilterMessage()) == nil)
      #expect(!client.hasInput(within: 50))
      try client.command("L", MilterPacket.octets("Subject") + MilterPacket.octets(" x"))
      try client.flush()
      #expect(!client.hasInput(within: 50))
      // Half of a command, and its other half later.
      let packet = MilterPacket("B", Array("Hello\r\n".utf8)).wireForm
      try client.command("N")
      try client.writeRaw(Array(packet.prefix(7)))
      #expect(!client.hasInput(within: 50))
      try client.writeRaw(Array(packet.dropFirst(7)))
      let outcome = try client.endOfMessage(queueID: "Q")
      #expect(outcome.reply == .continue)
      #expect(
        outcome.edits == [.insert(index: 0, name: "X-Seen", value: " fields=1 octets=7")])
    }
  }

  @Test func forgetsAConnectionThatEndsWithinACommand() throws {
    let server = try TestServer(drainSeconds: 0)
    let octets = Self.session(bodySize: 100, messages: 1)
    for count in stride(from: 1, to: octets.count - 20, by: 37) {
      let client = try MilterClient(.unix(server.socketPath))
      try client.writeRaw(Array(octets.prefix(count)))
    }
    #expect(try server.connect().deliver(MilterMessage()).reply == .continue)
  }

  /// Also to an MTA that does not wait for it before it goes on.
  @Test func answersBeforeTheNextMessageIsWorkedOn() throws {
    let gate = DispatchSemaphore(value: 0)
    let scripts = [SharedMilter.script(), SharedMilter.script(gate: gate)]
    let client = try SharedMilter.connect()
    var octets: [UInt8] = []
    for script in scripts {
      for packet in [
        MilterPacket("M", MilterPacket.octets("<\(script.sender)>")),
        MilterPacket("R", MilterPacket.octets("<rcpt@example.org>")), MilterPacket("N"),
        MilterPacket("E"), MilterPacket("A"),
      ] { octets += packet.wireForm }
    }
    try client.writeRaw(octets)
    // MAIL and the end of the first message, and MAIL of the second one, whose end waits.
    for _ in 0..<3 { #expect(try client.readPacket() == MilterPacket("c")) }
    gate.signal()
    #expect(try client.readPacket() == MilterPacket("c"))
  }

  /// An MTA that does not read its replies for longer than libmilter has patience.
  @Test func losesNoReplyFromTheMiddle() throws {
    let server = try TestServer(drainSeconds: 0, silenceTimeoutSeconds: 1)
    let octets = Self.session(bodySize: 0, messages: 1)
    let expected = try answers(server, to: octets, piece: octets.count)
    let client = try MilterClient(.unix(server.socketPath))
    try client.writeRaw(octets.dropLast(MilterPacket("Q").wireForm.count))
    let message = [
      MilterPacket("M", MilterPacket.octets("<sender@example.com>")), MilterPacket("N"),
      MilterPacket("E"), MilterPacket("A"),
    ].flatMap(\.wireForm)
    // Until the connection is closed: with it this writing ends.
    #expect(throws: MilterClient.Failure.closed) {
      for _ in 0..<100_000 { try client.writeRaw(message) }
    }
    let received = try client.readToEnd()
    #expect(received.starts(with: expected))
    let reply = MilterPacket("c").wireForm
    let edit = MilterPacket(
      "i",
      MilterPacket.octets(UInt32(0)) + MilterPacket.octets("X-Seen")
        + MilterPacket.octets(" fields=0 octets=0")
    ).wireForm
    var rest = received.dropFirst(expected.count)
    var replies = 0
    while rest.starts(with: reply) {
      rest = rest.dropFirst(reply.count)
      replies += 1
      if rest.starts(with: edit) { rest = rest.dropFirst(edit.count) }
    }
    #expect(replies > 10)
    // Nothing but the beginning of the next one.
    #expect(edit.starts(with: rest))
  }

  private static let countsReads = FileManager.default.fileExists(atPath: "/proc/self/io")

  @Test(.enabled(if: countsReads, "this kernel does not count the calls of a process"))
  func savesMostReads() throws {
    let buffered = try readsPerMessage(TestServer(drainSeconds: 0))
    let unbuffered = try readsPerMessage(TestServer(drainSeconds: 0, isBuffered: false))
    // A length and the rest of each of 24 commands; the message comes in two pieces.
    #expect(unbuffered > 40)
    #expect(buffered < 8)
  }

  private func readsPerMessage(_ server: TestServer) throws -> Double {
    let message = MilterMessage(
      header: (0..<20).map { MilterMessage.Field("X-\($0)", " value") })
    let client = try server.connect()
    let before = try reads(of: server.processID)
    for _ in 0..<50 { #expect(try client.deliver(message).reply == .continue) }
    return Double(try reads(of: server.processID) - before) / 50
  }

  private func reads(of processID: Int32) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(processID)/io", encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("syscr:") })
    return try #require(Int(line.dropFirst(6).trimmingCharacters(in: .whitespaces)))
  }
}
