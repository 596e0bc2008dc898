import Foundation
import GRDB
import MailAuth
import Synchronization
import TestSupport
import Testing

@testable import Ledger

/// A ledger in a directory of its own, whose database can be locked by somebody else.
final class JournaledStoreScene {
  let directory: TemporaryDirectory
  let path: String
  var logPath: String { path + ".commitlog" }
  let events = Events()

  /// What was reported, in order.
  final class Events: Sendable {
    private let list = Mutex<[JournaledStore.Event]>([])
    var all: [JournaledStore.Event] { list.withLock { $0 } }
    func add(_ event: JournaledStore.Event) { list.withLock { $0.append(event) } }
  }

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.path("ledger.sqlite")
  }

  func makeStore(usesCommitLog: Bool, retrySeconds: Double = 3600) throws -> JournaledStore {
    var settings = SQLiteStore.Settings()
    settings.busyTimeoutSeconds = 0.05
    let events = events
    return JournaledStore(
      try SQLiteStore(path: path, settings: settings), usesCommitLog: usesCommitLog,
      retrySeconds: retrySeconds
    ) { events.add($0) }
  }

  func records(_ path: String) throws -> [MessageRecord] {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    var records: [MessageRecord] = []
    try SQLiteStore(path: path, settings: settings).read { ledger in
      try ledger.messages(in: Int64.min..<Int64.max) { records.append($0.record) }
    }
    return records
  }

  /// Leaves what a process leaves that is killed before the database has anything: a batch for each
  /// list of records.
  func leave(_ batches: [[MessageRecord]], applied: UInt64 = 0) throws {
    _ = try SQLiteStore(path: path)
    let file = try #require(try CommitLogFile(ledgerPath: path))
    try file.prepare()
    for records in batches {
      try file.append(CommitLogFile.batch(records.map { MessageRow($0) }))
    }
    file.note(applied: applied)
  }

  /// What stands in a file beside the ledger; nil when there is none.
  func text(_ suffix: String) -> String? {
    FileManager.default.contents(atPath: path + suffix).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Runs `body` while another connection holds the database locked.
  func whileLocked(_ body: () throws -> Void) throws {
    var configuration = Configuration()
    configuration.busyMode = .timeout(20)
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try other.inDatabase { database in
      try database.execute(sql: "BEGIN IMMEDIATE")
      try body()
      try database.execute(sql: "ROLLBACK")
    }
  }

  /// Records that differ in as much as they can.
  static func unlikeRecords() throws -> [MessageRecord] {
    var odd = MessageRecord.test(queueID: "odd")
    odd.envelope.helo = [0xFF, 0x00, 0x41]
    odd.evaluation.dmarc.policyDomain = nil
    odd.evaluation.dmarc.record = nil
    odd.evaluation.dmarc.recordText = nil
    odd.verdict.authenticationResults = "a\u{0}b \"ñ\"\n"
    return [try LedgerContractTests.fullRecord(), odd, .test(queueID: "NOQUEUE")]
  }
}

extension CommitLogFile {
  /// Writes a batch where the next one goes, and returns its number.
  @discardableResult
  func append(_ batch: [UInt8], applied: UInt64 = 0) throws -> UInt64 {
    try write(batch, at: try #require(place(for: batch.count, applied: applied)))
  }
}
