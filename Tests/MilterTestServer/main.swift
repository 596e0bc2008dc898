// A milter that accepts everything, for tests that need a process of their own: signals, and
// measurements. Usage: MilterTestServer SOCKET DRAIN-SECONDS [unbuffered] [busy]
// [timeout=SECONDS]. Writes a line for each event.

import Foundation
import Glibc
import Logging
import MailAuth
import Milter
import Synchronization

MilterSignals.blockAll()

/// Prints one line at once; the reader of a pipe waits for it.
func tell(_ line: String) {
  FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

/// Counts what it sees and reports it in one header field.
final class CountingTransaction: MilterTransaction {
  private var fields = 0
  private var octets = 0

  func recipient(_ address: [UInt8]) {}
  func header(_ field: HeaderField) { fields += 1 }
  func endOfHeaders() {}
  func body(_ chunk: UnsafeRawBufferPointer) { octets += chunk.count }
  func abort() {}

  func endOfMessage(queueID: String) -> MilterVerdict {
    let seen = " fields=\(fields) octets=\(octets)"
    return MilterVerdict(
      edits: [.insert(index: 0, name: "X-Seen", value: seen)], reply: .accept)
  }
}

/// What the signal thread counts.
final class Reloads: Sendable {
  private let count = Mutex(0)
  func increment() -> Int {
    count.withLock {
      $0 += 1
      return $0
    }
  }
}

func serve(_ arguments: [String]) throws {
  guard arguments.count >= 3, let seconds = Int(arguments[2]) else {
    tell("usage: MilterTestServer SOCKET DRAIN-SECONDS [unbuffered] [busy] [timeout=SECONDS]")
    exit(64)
  }
  let address = try MilterSocketAddress(
    parsing: arguments[1], relativeTo: FileManager.default.currentDirectoryPath)
  let reloads = Reloads()
  var settings = MilterServerSettings(
    socket: address, drainSeconds: seconds,
    buffersConnections: !arguments.contains("unbuffered"),
    busyRate: arguments.contains("busy") ? 0 : .max)
  if let timeout = arguments.last?.split(separator: "=").last.flatMap({ Int32($0) }),
    arguments.count > 3
  {
    settings.silenceTimeoutSeconds = timeout
  }
  let server = MilterServer(
    settings: settings,
    logger: Logger(label: "test")
  ) { start in start.mailFrom == Array("skip@example.com".utf8) ? nil : CountingTransaction() }
  try server.openSocket()
  MilterSignals.startThread(
    reload: { tell("reload \(reloads.increment())") },
    stop: {
      server.drain()
      tell("drain")
    })
  tell("ready \(server.listeningAddress?.description ?? "")")
  try server.run()
  tell("end")
}

do {
  try serve(CommandLine.arguments)
} catch {
  tell("error \(error)")
  exit(70)
}
