import Foundation
import Glibc
import TestSupport
import Testing

@testable import Milter

/// SIGHUP, SIGTERM and the end of the process, in a process of its own.
@Suite struct MilterSignalTests {
  private let refused = MilterReplyCode.reply(
    "451 4.3.2 Mail filter is restarting, try again shortly")

  @Test func survivesAStormOfHangups() throws {
    let server = try TestServer(drainSeconds: 20)
    for _ in 0..<300 { server.send(SIGHUP) }
    #expect(try server.line() == "reload 1")
    #expect(try server.connect().deliver(MilterMessage()).reply == .continue)
    // One more is one more reload: nothing is stuck.
    server.send(SIGHUP)
    #expect(try server.line(where: { $0.hasPrefix("reload") }).hasPrefix("reload"))
    server.send(SIGTERM)
    #expect(try server.exitStatus() == 0)
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func finishesTheMessageInFlight(signal: Int32) throws {
    let server = try TestServer(drainSeconds: 60)
    let open = try server.connect()
    #expect(try open.begin(MilterMessage()) == nil)
    let idle = try server.connect()

    for _ in 0..<20 { server.send(SIGHUP) }
    server.send(signal)
    _ = try server.line(where: { $0 == "drain" })

    #expect(try idle.deliver(MilterMessage()).reply == refused)
    #expect(try server.connect().deliver(MilterMessage()).reply == refused)

    try open.command("L", MilterPacket.octets("Subject") + MilterPacket.octets(" x"))
    try open.command("N")
    try open.command("B", Array("Hello\r\n".utf8))
    #expect(
      try open.endOfMessage(queueID: "Q")
        == MilterOutcome(
          edits: [.insert(index: 0, name: "X-Seen", value: " fields=1 octets=7")],
          reply: .continue))
    #expect(try server.exitStatus() == 0)
    #expect(!FileManager.default.fileExists(atPath: server.socketPath))
  }

  /// On a busy host, what would have been said at MAIL is said at the end of the message.
  @Test func doesWithoutTheAnswerToMail() throws {
    let server = try TestServer(drainSeconds: 60, isBusy: true)
    let client = try server.connect()
    #expect(client.agreement.waivesReply(to: "M"))
    let followed = MilterOutcome(
      edits: [.insert(index: 0, name: "X-Seen", value: " fields=2 octets=7")], reply: .continue)
    let skipped = MilterMessage(mailFrom: "skip@example.com")
    for _ in 0..<3 {
      #expect(try client.deliver(MilterMessage()) == followed)
      #expect(try client.deliver(skipped) == MilterOutcome(edits: [], reply: .continue))
    }
    let late = try server.connect()
    // Keeps the milter from ending.
    #expect(try client.begin(MilterMessage()) == nil)
    try client.flush()
    server.send(SIGTERM)
    _ = try server.line(where: { $0 == "drain" })
    #expect(try late.deliver(MilterMessage()).reply == refused)
    _ = try client.endOfMessage(queueID: "Q")
    #expect(try server.exitStatus() == 0)
  }

  @Test func stopsAtOnceWhenToldTwice() throws {
    let server = try TestServer(drainSeconds: 600)
    let open = try server.connect()
    #expect(try open.begin(MilterMessage()) == nil)
    server.send(SIGTERM)
    _ = try server.line(where: { $0 == "drain" })
    server.send(SIGTERM)
    #expect(try server.exitStatus() == 0)
    #expect(throws: MilterClient.Failure.closed) { try open.endOfMessage(queueID: "Q") }
  }

  @Test func stopsWhenTheTimeIsUp() throws {
    let server = try TestServer(drainSeconds: 0)
    let open = try server.connect()
    #expect(try open.begin(MilterMessage()) == nil)
    server.send(SIGTERM)
    #expect(try server.exitStatus() == 0)
  }

  @Test func refusesASocketInUseAndReplacesAStaleOne() throws {
    let first = try TestServer(drainSeconds: 0)
    let second = try TestServer(drainSeconds: 0, socketPath: first.socketPath, isReady: false)
    #expect(
      try second.line()
        == "error milter socket unix:\(first.socketPath): another process listens there; "
        + "stop it or configure another socket")
    #expect(try second.exitStatus() == 70)
    #expect(try first.connect().deliver(MilterMessage()).reply == .continue)

    first.send(SIGKILL)
    #expect(try first.exitStatus() == SIGKILL)
    #expect(FileManager.default.fileExists(atPath: first.socketPath))
    let third = try TestServer(drainSeconds: 0, socketPath: first.socketPath)
    #expect(try third.connect().deliver(MilterMessage()).reply == .continue)
    third.send(SIGTERM)
    #expect(try third.exitStatus() == 0)
  }
}
