import Foundation
import GRDB
import Glibc
import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Ledger

/// Messages that are answered before the database has them.
@Suite struct CommitLogTests {
  private let scene: JournaledStoreScene
  private var logPath: String { scene.logPath }

  init() throws { scene = try JournaledStoreScene() }

  private func makeStore(retrySeconds: Double = 3600) throws -> JournaledStore {
    try scene.makeStore(usesCommitLog: true, retrySeconds: retrySeconds)
  }

  private func queueIDs() throws -> [String] {
    try scene.records(scene.path).map(\.queueID).sorted()
  }

  // MARK: In order

  @Test func keepsWhatTheDatabaseWouldHaveKept() throws {
    let all = try JournaledStoreScene.unlikeRecords()
    let direct = try SQLiteStore(path: scene.directory.path("direct.sqlite"))
    for record in all { try direct.append(record) }
    let store = try makeStore()
    for record in all { try store.append(record) }
    let inLog = FileManager.default.contents(atPath: logPath)
    #expect(inLog?.range(of: Data("NOQUEUE".utf8)) != nil)
    store.close()
    #expect(try scene.records(scene.path) == scene.records(direct.path))
    #expect(try scene.records(scene.path).count == all.count)
    #expect(!FileManager.default.fileExists(atPath: logPath))
    #expect(scene.events.all == [])
  }

  /// Whoever opens the ledger sees what was answered before, as does whoever has it open.
  @Test func showsAtOnceWhatWasAnswered() throws {
    let store = try makeStore()
    for number in 1...30 {
      try store.append(.test(queueID: "\(number)"))
      #expect(try scene.records(scene.path).count == number)
    }
    for number in 31...60 {
      try store.append(.test(queueID: "\(number)"))
      let count = try store.read { ledger in
        var count = 0
        try ledger.messages(in: Int64.min..<Int64.max) { _ in count += 1 }
        return count
      }
      #expect(count == number)
    }
    store.close()
  }

  @Test func takesManyMessagesOfManyThreads() throws {
    let store = try makeStore()
    let failures = FailureList()
    let threads = (0..<8).map { thread in
      JoinableThread {
        // Together they fill both segments more than once.
        for number in 0..<500 {
          do {
            try store.append(.test(queueID: "\(thread)-\(number)"))
          } catch {
            failures.add("\(error)")
          }
        }
      }
    }
    for thread in threads { thread.start() }
    for thread in threads { thread.join() }
    store.close()
    #expect(failures.texts == [])
    #expect(try Set(queueIDs()).count == 4000)
    #expect(scene.events.all == [])
  }

  /// Whatever becomes of the message, what is to be done meanwhile is done once.
  @Test func doesTheWorkMeanwhileOnce() throws {
    var captured = MessageRecord.test(queueID: "captured")
    captured.capture = MessageCapture(
      expiresAt: 1, settings: [], mailFrom: [], dns: [], header: nil, body: nil,
      bodyHashes: BodyHashes())
    let store = try makeStore()
    var done: [String] = []
    for record in [.test(queueID: "logged"), captured] {
      try store.append(record) { done.append(record.queueID) }
    }
    store.close()
    // The journal takes it now.
    try store.append(.test(queueID: "late")) { done.append("late") }
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    let readOnly = try SQLiteStore(path: scene.path, settings: settings)
    #expect(throws: LedgerError.self) {
      try readOnly.append(.test(queueID: "refused")) { done.append("refused") }
    }
    #expect(done == ["logged", "captured", "late", "refused"])
  }

  /// What is captured of a message has to be erased in time, so it must not stand in another file.
  @Test func keepsNoCapture() throws {
    var record = MessageRecord.test(queueID: "A")
    record.capture = MessageCapture(
      expiresAt: 1, settings: [], mailFrom: Array("who@sender.example".utf8), dns: [], header: nil,
      body: Array("the very body".utf8), bodyHashes: BodyHashes())
    let store = try makeStore()
    try store.append(record)
    let log = try #require(FileManager.default.contents(atPath: logPath))
    #expect(log.range(of: Data("the very body".utf8)) == nil)
    #expect(log.range(of: Data("who@".utf8)) == nil)
    store.close()
    #expect(try queueIDs() == ["A"])
  }

  // MARK: After a process that was killed

  @Test func takesUpWhatAKilledProcessLeft() throws {
    let all = try JournaledStoreScene.unlikeRecords()
    let direct = try SQLiteStore(path: scene.directory.path("direct.sqlite"))
    for record in all { try direct.append(record) }
    try scene.leave([[all[0]], [all[1], all[2]]])
    try makeStore().close()
    #expect(try scene.records(scene.path) == scene.records(direct.path))
    #expect(scene.events.all == [.recovered(3)])
    #expect(!FileManager.default.fileExists(atPath: logPath))
  }

  @Test func takesUpWhatWasLeftAlsoWhenItIsSwitchedOff() throws {
    try scene.leave([[.test(queueID: "A")]])
    try scene.makeStore(usesCommitLog: false).close()
    #expect(try queueIDs() == ["A"])
    #expect(!FileManager.default.fileExists(atPath: logPath))
  }

  @Test func takesUpOnlyWhatTheDatabaseDoesNotHave() throws {
    try scene.leave(
      [[.test(queueID: "A")], [.test(queueID: "B")], [.test(queueID: "C")]], applied: 2)
    try makeStore().close()
    #expect(try queueIDs() == ["C"])
  }

  /// A batch that a crash cut off was not answered for; those before it were.
  @Test(arguments: [0, 8, 24, 30, 100, 1000])
  func leavesOutABatchThatIsNotWhole(at offset: Int) throws {
    try scene.leave([[.test(queueID: "A")], [.test(queueID: "B")]])
    let first = CommitLogFile.batch([MessageRow(.test(queueID: "A"))])
    var log = try #require(FileManager.default.contents(atPath: logPath))
    log[2 * CommitLogFile.blockBytes + DurableBlocks.wholeBlocks(first.count) + offset] ^= 0x40
    try log.write(to: URL(fileURLWithPath: logPath))
    try makeStore().close()
    #expect(try queueIDs() == ["A"])
  }

  /// A log whose rows have other columns, in another order, as an earlier version wrote it.
  @Test func readsColumnsByTheirNames() throws {
    let row = MessageRow(try LedgerContractTests.fullRecord())
    var octets: [UInt8] = []
    CommitLogEntry.append(row, to: &octets)
    var columns = CommitLogEntry.Columns.current
    #expect(CommitLogEntry.rows(octets, columns: columns)?.map(\.message) == [row.message])
    columns.message[5] = "gone"
    columns.message.swapAt(6, 7)
    let moved = try #require(CommitLogEntry.rows(octets, columns: columns)?.first)
    var expected = row.message.databaseValues
    expected[5] = .null
    expected.swapAt(6, 7)
    #expect(moved.message.databaseValues == expected)
    #expect(moved.spfOutcomes == row.spfOutcomes)
    #expect(moved.incident == row.incident)
    #expect(CommitLogEntry.rows(Array(octets.dropLast()), columns: columns) == nil)
  }

  // MARK: When something does not work

  /// Why what is in the log has no other place, if that was reported.
  private var waitsInLog: LedgerError? {
    scene.events.all.lazy.compactMap { event in
      guard case .waitsInLog(logPath, let error) = event else { return nil }
      return error
    }.first
  }

  @Test func keepsAsideWhatTheDatabaseDoesNotTake() throws {
    let store = try makeStore()
    try scene.whileLocked {
      try store.append(.test(queueID: "A"))
      try waitUntil("it to be kept aside") { scene.text(".pending") != nil }
      try store.append(.test(queueID: "B"))
    }
    store.close()
    #expect(try queueIDs() == ["A", "B"])
    let busy = LedgerError(path: scene.path, problem: .busy)
    #expect(scene.events.all.first == .keepsAside(file: scene.path + ".pending", busy))
    #expect(scene.text(".pending") == nil && scene.text(".replay") == nil)
    #expect(!FileManager.default.fileExists(atPath: logPath))
  }

  /// Neither the database nor the journal: what was answered stays in the log, and from then on
  /// each message is told that it cannot be kept.
  @Test func keepsWhatNothingElseTakes() throws {
    let store = try makeStore()
    _ = try scene.directory.makeDirectory("ledger.sqlite.pending")
    try scene.whileLocked {
      try store.append(.test(queueID: "answered"))
      try waitUntil("it to have no place") { waitsInLog != nil }
      #expect(throws: LedgerError.self) { try store.append(.test(queueID: "refused")) }
      store.close()
    }
    #expect(waitsInLog?.description.contains("another process holds it locked") == true)
    #expect(try queueIDs() == [])
    try FileManager.default.removeItem(atPath: scene.path + ".pending")
    try makeStore().close()
    #expect(try queueIDs() == ["answered"])
    #expect(!FileManager.default.fileExists(atPath: logPath))
  }

  @Test func takesMessagesAgainOnceThereIsAPlace() throws {
    let store = try makeStore(retrySeconds: 0.01)
    let pending = try scene.directory.makeDirectory("ledger.sqlite.pending")
    try scene.whileLocked {
      try store.append(.test(queueID: "A"))
      try waitUntil("it to have no place") { waitsInLog != nil }
      withExtendedLifetime(pending) {}
    }
    try waitUntil("it to be moved") { try queueIDs() == ["A"] }
    try store.append(.test(queueID: "B"))
    #expect(try queueIDs() == ["A", "B"])
    store.close()
  }

  @Test func movesAtTheEndWhatHadNoPlace() throws {
    let store = try makeStore()
    let pending = try scene.directory.makeDirectory("ledger.sqlite.pending")
    try scene.whileLocked {
      try store.append(.test(queueID: "A"))
      try waitUntil("it to have no place") { waitsInLog != nil }
    }
    store.close()
    #expect(try queueIDs() == ["A"])
    #expect(!FileManager.default.fileExists(atPath: logPath))
    withExtendedLifetime(pending) {}
  }

  /// Also when the database stops taking messages while it closes.
  @Test func closesWithoutWaitingForTheNextAttempt() throws {
    _ = try SQLiteStore(path: scene.path)
    let file = try #require(try CommitLogFile(ledgerPath: scene.path))
    let mayMove = DispatchSemaphore(value: 0)
    let attempts = Mutex(0)
    let log = try CommitLog(file, retrySeconds: 3600, reportFailure: { _ in }) { rows in
      let attempt = attempts.withLock { count in
        count += 1
        return count
      }
      if attempt == 1 { mayMove.wait() }
      return attempt == 1 ? [] : rows
    }
    #expect(log.append(MessageRow(.test(queueID: "A"))))
    try waitUntil("the first to be moved") { attempts.withLock { $0 } == 1 }
    #expect(log.append(MessageRow(.test(queueID: "B"))))
    let hasClosed = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      log.close()
      hasClosed.signal()
    }
    try waitUntil("it to begin closing") { !log.append(MessageRow(.test(queueID: "C"))) }
    mayMove.signal()
    #expect(hasClosed.wait(timeout: .now() + 60) == .success)
    #expect(FileManager.default.fileExists(atPath: logPath))
  }

  @Test func worksWithoutALogThatAnotherProcessHas() throws {
    let first = try makeStore()
    let second = try makeStore()
    #expect(scene.events.all == [.logUnused("another process uses \(logPath)")])
    try second.append(.test(queueID: "second"))
    try first.append(.test(queueID: "first"))
    second.close()
    #expect(FileManager.default.fileExists(atPath: logPath))
    first.close()
    #expect(try queueIDs() == ["first", "second"])
  }

  /// What is done to the file of a milter that runs.
  enum Mishap: CaseIterable {
    case removed, moved, replaced, cutOff

    func befall(_ path: String) throws {
      let aside = path + ".aside"
      if self == .removed { try FileManager.default.removeItem(atPath: path) }
      if self == .moved { try FileManager.default.moveItem(atPath: path, toPath: aside) }
      if self == .replaced {
        try FileManager.default.copyItem(atPath: path, toPath: aside)
        guard unsafe rename(aside, path) == 0 else { throw FixtureError("cannot rename") }
      }
      if self == .cutOff { #expect(unsafe truncate(path, 0) == 0) }
    }
  }

  @Test(arguments: Mishap.allCases)
  func noticesThatTheNextProcessWouldNotFindIt(_ mishap: Mishap) throws {
    let store = try makeStore()
    try store.append(.test(queueID: "A"))
    try mishap.befall(logPath)
    try store.append(.test(queueID: "B"))
    store.close()
    #expect(try queueIDs() == ["A", "B"])
    #expect(
      scene.events.all == [.logUnused("\(logPath) was removed, replaced or cut off")])
  }

  /// Another milter may have made its own where ours was.
  @Test func removesNoFileButItsOwn() throws {
    let store = try makeStore()
    try FileManager.default.removeItem(atPath: logPath)
    let other = try #require(try CommitLogFile(ledgerPath: scene.path))
    store.close()
    #expect(FileManager.default.fileExists(atPath: logPath))
    withExtendedLifetime(other) {}
  }

  @Test func worksWithoutALogThatCannotBeMade() throws {
    _ = try scene.directory.makeDirectory("ledger.sqlite.commitlog")
    let store = try makeStore()
    try store.append(.test(queueID: "A"))
    #expect(try queueIDs() == ["A"])
    store.close()
    #expect(scene.events.all == [.logUnused("\(logPath) cannot be opened: Is a directory")])
  }
}
