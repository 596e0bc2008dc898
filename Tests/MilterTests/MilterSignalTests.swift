import Foundation
import Glibc
import TestSupport
import Testing

@testable import Milter

/// SIGHUP, SIGTERM and the end of the process, in a process of its own.
@Suite struct MilterSignalTests {
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

    let refused = MilterReplyCode.reply(
      "451 4.3.2 Mail filter is restarting, try again shortly")
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

/// A `MilterTestServer` process; killed when the test lets go of it.
private final class TestServer {
  let socketPath: String
  private let directory: TemporaryDirectory
  private let process = Process()
  private let output = Pipe()
  private var pending: [UInt8] = []

  struct Failure: Error {
    var reason: String
  }

  init(drainSeconds: Int, socketPath: String? = nil, isReady: Bool = true) throws {
    directory = try TemporaryDirectory()
    self.socketPath = socketPath ?? directory.path + "/milter"
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = URL(filePath: tests).deletingLastPathComponent()
      .appending(path: "MilterTestServer")
    process.executableURL = program
    process.arguments = ["unix:" + self.socketPath, String(drainSeconds)]
    process.standardOutput = output
    try process.run()
    if isReady, try line() != "ready unix:\(self.socketPath)" {
      throw Failure(reason: "the server did not start")
    }
  }

  deinit {
    if process.isRunning { send(SIGKILL) }
    process.waitUntilExit()
    directory.remove()
  }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  func connect() throws -> MilterClient {
    let client = try MilterClient(.unix(socketPath))
    try client.negotiate()
    try client.connect(
      MilterClientHost(name: "mail.example.net", address: "192.0.2.1"), hostName: "mx")
    return client
  }

  /// The next line of output that fits; throws when the output ends or 20 seconds pass.
  func line(where fits: (String) -> Bool = { _ in true }) throws -> String {
    while true {
      while let end = pending.firstIndex(of: 0x0A) {
        let text = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeFirst(end + 1)
        if fits(text) { return text }
      }
      guard try readMore() else { throw Failure(reason: "the server ended") }
    }
  }

  /// Waits for the end of the process.
  func exitStatus() throws -> Int32 {
    while try readMore() {}
    process.waitUntilExit()
    return process.terminationStatus
  }

  private func readMore() throws -> Bool {
    let descriptor = output.fileHandleForReading.fileDescriptor
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&request, 1, 20_000) > 0 else { throw Failure(reason: "nothing came") }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe read(descriptor, &buffer, buffer.count)
    guard count > 0 else { return false }
    pending += buffer.prefix(count)
    return true
  }
}
