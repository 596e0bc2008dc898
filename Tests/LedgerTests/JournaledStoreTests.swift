import Foundation
import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Ledger

/// What happens to messages while the database cannot be written.
@Suite struct JournaledStoreTests {
  private let scene: JournaledStoreScene
  private var directory: TemporaryDirectory { scene.directory }
  private var path: String { scene.path }
  private var events: JournaledStoreScene.Events { scene.events }

  init() throws { scene = try JournaledStoreScene() }

  private func makeStore(retrySeconds: Double = 3600) throws -> JournaledStore {
    try scene.makeStore(usesCommitLog: false, retrySeconds: retrySeconds)
  }

  private func records(_ path: String) throws -> [MessageRecord] { try scene.records(path) }

  private func text(_ suffix: String) -> String? { scene.text(suffix) }

  private func whileLocked(_ body: () throws -> Void) throws { try scene.whileLocked(body) }

  @Test func movesWhatWasKeptAsideAsItWouldHaveBeenKept() throws {
    let all = try JournaledStoreScene.unlikeRecords()
    let direct = try SQLiteStore(path: directory.path("direct.sqlite"))
    for record in all { try direct.append(record) }

    let store = try makeStore()
    try whileLocked {
      for record in all { try store.append(record) }
      #expect(text(".pending")?.split(separator: "\n").count == 3)
    }
    #expect(try records(path).isEmpty)
    store.close()
    #expect(try records(path) == records(directory.path("direct.sqlite")))
    #expect(try records(path).count == 3)
    #expect(text(".pending") == nil && text(".replay") == nil && text(".refused") == nil)
    let busy = LedgerError(path: path, problem: .busy)
    #expect(events.all == [.keepsAside(file: path + ".pending", busy), .moved(3)])
  }

  @Test func waitsUntilTheDatabaseTakesMessages() throws {
    let store = try makeStore(retrySeconds: 0.02)
    try whileLocked {
      try store.append(.test(queueID: "A"))
      try waitUntil("an attempt to fail") {
        events.all.contains(.stillWaits(LedgerError(path: path, problem: .busy)))
      }
      // While the first waits to be moved, more come.
      try store.append(.test(queueID: "B"))
    }
    try waitUntil("both to be moved") { try records(path).count == 2 }
    try store.append(.test(queueID: "C"))
    store.close()
    #expect(try Set(records(path).map(\.queueID)) == ["A", "B", "C"])
    #expect(text(".pending") == nil && text(".replay") == nil)
  }

  /// What a process that was killed left: a message that is in the ledger too, files of both
  /// names, and a line that was cut off.
  @Test func takesUpWhatAKilledProcessLeft() throws {
    let first = try makeStore()
    try first.append(.test(queueID: "A"))
    var lines: [String: String] = [:]
    try whileLocked {
      for id in ["A", "B", "C"] {
        try first.append(.test(queueID: id))
        lines[id] = text(".pending")
        try FileManager.default.removeItem(atPath: path + ".pending")
      }
    }
    let (a, b, c) = (try #require(lines["A"]), try #require(lines["B"]), try #require(lines["C"]))
    try (a + b.dropLast(20)).write(toFile: path + ".replay", atomically: false, encoding: .utf8)
    try (b + c.prefix(100)).write(toFile: path + ".pending", atomically: false, encoding: .utf8)
    try whileLocked { try first.append(.test(queueID: "D")) }
    first.close()
    #expect(try records(path).map(\.queueID).sorted() == ["A", "B", "D"])
    #expect(text(".pending") == nil && text(".replay") == nil)
    let refused = try #require(text(".refused")).split(separator: "\n")
    #expect(refused == [b.dropLast(20), c.prefix(100)])
    let refusals = events.all.compactMap { event -> String? in
      guard case .refused(let count, let file, let reason) = event else { return nil }
      return "\(count) \(file == path + ".refused") \(reason)"
    }
    #expect(
      refusals == [
        "1 true not a whole record (\(b.utf8.count - 20) octets)",
        "1 true not a whole record (100 octets)",
      ])
  }

  @Test func keepsAsideWhatTheDatabaseRefuses() throws {
    let line = #"{"dkim":[],"message":{"host":"h","queue_id":"Q"},"spf":[],"version":1}"#
    let newer = #"{"dkim":[],"message":{},"spf":[],"version":2}"#
    _ = try SQLiteStore(path: path)
    try (line + "\n" + newer + "\n").write(
      toFile: path + ".pending", atomically: false, encoding: .utf8)
    let store = try makeStore()
    try store.append(.test(queueID: "A"))
    store.close()
    #expect(try records(path).map(\.queueID) == ["A"])
    #expect(text(".refused") == "\(newer)\n\(line)\n")
    #expect("\(events.all)".contains("written by a newer version (2)"))
  }

  @Test func keepsMessagesAfterItWasClosed() throws {
    let store = try makeStore()
    store.close()
    try store.append(.test(queueID: "late"))
    #expect(try records(path).isEmpty)
    try makeStore().close()
    #expect(try records(path).map(\.queueID) == ["late"])
  }

  @Test func saysWhenAMessageIsLost() throws {
    let store = try makeStore()
    _ = try directory.makeDirectory("ledger.sqlite.pending")
    try whileLocked {
      let error = #expect(throws: LedgerError.self) { try store.append(.test()) }
      #expect(
        error?.description
          == "ledger \(path): another process holds it locked; end that process or its transaction; "
          + "nor can it be kept aside: \(path).pending cannot be opened: Is a directory")
    }
    store.close()
  }

  @Test func losesNothingOfManyThreadsThroughOutages() throws {
    let store = try makeStore(retrySeconds: 0.001)
    let failures = FailureList()
    let isOver = Mutex(false)
    let appended = Mutex(0)
    let threads = (0..<4).map { thread in
      JoinableThread {
        var number = 0
        // Until every outage has come and gone, however fast or slow the machine is.
        while !isOver.withLock({ $0 }) {
          do {
            try store.append(.test(queueID: "\(thread)-\(number)"))
          } catch {
            failures.add("\(error)")
          }
          number += 1
        }
        appended.withLock { $0 += number }
      }
    }
    for thread in threads { thread.start() }
    for _ in 0..<3 {
      try whileLocked {
        try waitUntil("messages to be kept aside") { text(".pending") != nil }
      }
    }
    isOver.withLock { $0 = true }
    for thread in threads { thread.join() }
    store.close()
    #expect(failures.texts == [])
    #expect(events.all.contains { if case .moved = $0 { true } else { false } })
    #expect(try records(path).count == appended.withLock { $0 })
    #expect(text(".pending") == nil && text(".replay") == nil && text(".refused") == nil)
  }
}
