import Foundation
import Glibc
import TestSupport

@testable import Milter

/// A `MilterTestServer` process; killed when the test lets go of it.
final class TestServer {
  let socketPath: String
  private let directory: TemporaryDirectory
  private let process = Process()
  private let output = Pipe()
  private var pending: [UInt8] = []

  struct Failure: Error {
    var reason: String
  }

  /// - Parameters:
  ///   - drainSeconds: See ``MilterServerSettings``.
  ///   - socketPath: Where it listens; nil for a place of its own.
  ///   - isReady: Whether it is expected to start.
  ///   - isBuffered: Whether libmilter's reading and writing is buffered.
  ///   - isBusy: Whether connections do without the answer to MAIL.
  ///   - silenceTimeoutSeconds: See ``MilterServerSettings``; nil for its default.
  /// - Throws: Why it did not start.
  init(
    drainSeconds: Int, socketPath: String? = nil, isReady: Bool = true, isBuffered: Bool = true,
    isBusy: Bool = false, silenceTimeoutSeconds: Int? = nil
  ) throws {
    directory = try TemporaryDirectory()
    self.socketPath = socketPath ?? directory.path + "/milter"
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = URL(filePath: tests).deletingLastPathComponent()
      .appending(path: "MilterTestServer")
    process.executableURL = program
    process.arguments = ["unix:" + self.socketPath, String(drainSeconds)]
    if !isBuffered { process.arguments?.append("unbuffered") }
    if isBusy { process.arguments?.append("busy") }
    if let silenceTimeoutSeconds {
      process.arguments?.append("timeout=\(silenceTimeoutSeconds)")
    }
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

  var processID: Int32 { process.processIdentifier }

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
