import Foundation
import GRDB
import Ledger
import TestSupport
import Testing

/// What becomes of messages when the ledger's file is not left in peace.
@Suite struct LedgerFileTests {
  @Test func aDeletedFileIsNoPlaceToKeepMessages() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    let store = try SQLiteStore(path: path)
    try store.append(.test(queueID: "1"))
    for suffix in ["", "-wal", "-shm"] { try FileManager.default.removeItem(atPath: path + suffix) }
    #expect(throws: LedgerError(path: path, problem: .replaced)) {
      try store.append(.test(queueID: "2"))
    }
    // Another file in its place is not this ledger either.
    _ = try SQLiteStore(path: path)
    #expect(throws: LedgerError(path: path, problem: .replaced)) {
      try store.append(.test(queueID: "3"))
    }
  }

  @Test func afterAnOrderlyEndTheFileAloneIsWhole() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    for number in 1...20 { try store.append(.test(queueID: "\(number)")) }
    store.close()
    let copy = directory.path("copy.sqlite")
    try FileManager.default.copyItem(atPath: directory.path("ledger.sqlite"), toPath: copy)
    let count = try DatabaseQueue(path: copy).read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM message")
    }
    #expect(count == 20)
    #expect(throws: LedgerError(path: directory.path("ledger.sqlite"), problem: .closed)) {
      try store.append(.test(queueID: "21"))
    }
  }

  @Test func aLockedLedgerIsWaitedForOncePerTransaction() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    var settings = SQLiteStore.Settings()
    settings.busyTimeoutSeconds = 0.5
    let store = try SQLiteStore(path: path, settings: settings)
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let intruder = try DatabaseQueue(path: path, configuration: configuration)
    try intruder.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    let started = ContinuousClock.now
    let refused = DispatchSemaphore(value: 0)
    // Threads of their own: a pool would let only a few wait at a time.
    for number in 0..<40 {
      Thread.detachNewThread {
        do throws(LedgerError) {
          try store.append(.test(queueID: "\(number)"))
        } catch {
          if error == LedgerError(path: path, problem: .busy) { refused.signal() }
        }
      }
    }
    for _ in 0..<40 { #expect(refused.wait(timeout: .now() + 60) == .success) }
    // One wait for each message would be 20 seconds.
    #expect(ContinuousClock.now - started < .seconds(12))
    try intruder.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    try store.append(.test(queueID: "later"))
  }
}
