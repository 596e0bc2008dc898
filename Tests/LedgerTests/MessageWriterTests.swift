import Foundation
import GRDB
import MailAuth
import TestSupport
import Testing

@testable import Ledger

/// What the writer remembers of the ledger is true, whoever else changes the ledger.
@Suite struct MessageWriterTests {
  private let directory: TemporaryDirectory
  private let store: SQLiteStore
  /// Another connection, as another process has one.
  private let other: DatabaseQueue

  init() throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    var configuration = Configuration()
    configuration.busyMode = .timeout(20)
    other = try DatabaseQueue(path: store.path, configuration: configuration)
  }

  /// The text of the policy record that each message refers to, by queue ID.
  private func policyTexts() throws -> [String: String] {
    try other.read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT queue_id, text FROM message JOIN policy_record
          ON policy_record.id = policy_record_id
          """)
      return Dictionary(uniqueKeysWithValues: rows.map { ($0["queue_id"], $0["text"]) })
    }
  }

  private func messageIDs() throws -> [String: Int64] {
    try other.read { database in
      let rows = try Row.fetchAll(database, sql: "SELECT queue_id, id FROM message")
      return Dictionary(uniqueKeysWithValues: rows.map { ($0["queue_id"], $0["id"]) })
    }
  }

  /// Puts another policy record in the place of the only one, under its number.
  private static let replacePolicy = """
    DELETE FROM message;
    UPDATE policy_record SET text = 'v=DMARC1; p=none', p = 'none';
    """

  /// Whether the next message gets the policy that it was given, whatever was changed before it.
  private func expectPolicyAnew(after change: () throws -> Void) throws {
    try store.append(.test(queueID: "A"))
    let text = try #require(try policyTexts()["A"])
    try change()
    try store.append(.test(queueID: "B"))
    #expect(try policyTexts() == ["B": text])
  }

  @Test func findsAPolicyAnewAfterAnotherProcessReplacedIt() throws {
    try expectPolicyAnew { try other.write { try $0.execute(sql: Self.replacePolicy) } }
  }

  @Test func findsAPolicyAnewAfterItsOwnConnectionReplacedIt() throws {
    try expectPolicyAnew { try store.inspectWriter { try $0.execute(sql: Self.replacePolicy) } }
  }

  @Test func findsAPolicyAnewAfterItWasDeleted() throws {
    try expectPolicyAnew {
      try other.write { try $0.execute(sql: "DELETE FROM message; DELETE FROM policy_record") }
    }
  }

  @Test func forgetsThePolicyOfATransactionThatWasUndone() throws {
    try store.append(.test(queueID: "A"))
    try other.write {
      try $0.execute(
        sql: """
          CREATE TRIGGER refuse BEFORE INSERT ON message WHEN NEW.queue_id = 'bad'
          BEGIN SELECT RAISE(ABORT, 'refused'); END
          """)
    }
    let dmarc = DMARCOutcome.test(.fail, policyDomain: "other.example", record: .test(.quarantine))
    #expect(throws: LedgerError.self) { try store.append(.test(queueID: "bad", dmarc: dmarc)) }
    try store.append(.test(queueID: "good", dmarc: dmarc))
    #expect(try policyTexts()["good"] == dmarc.recordText)
  }

  @Test func numbersGoOnBehindMessagesAndWindowsOfOthers() throws {
    try store.append(.test(queueID: "A"))
    try store.append(.test(queueID: "B"))
    try store.append(.test(queueID: "B"))
    try store.append(.test(queueID: "C"))
    try other.write {
      try $0.execute(sql: "INSERT INTO report_window VALUES (0, 1, 1, 0, 50, NULL)")
    }
    try store.append(.test(queueID: "D"))
    try store.append(.test(queueID: "E"))
    try other.write { try $0.execute(sql: "DELETE FROM message WHERE queue_id IN ('D', 'E')") }
    try store.append(.test(queueID: "F"))
    #expect(try messageIDs() == ["A": 1, "B": 2, "C": 3, "F": 51])
  }

  @Test func theLargestNumberIsAnErrorAndNoMessageIsLostSilently() throws {
    try store.append(.test(queueID: "A"))
    try other.write {
      try $0.execute(
        sql: """
          DELETE FROM spf_outcome;
          DELETE FROM dkim_outcome;
          UPDATE message SET id = \(Int64.max - 1)
          """)
    }
    try store.append(.test(queueID: "B"))
    #expect(throws: LedgerError.self) { try store.append(.test(queueID: "C")) }
    #expect(try messageIDs() == ["A": Int64.max - 1, "B": Int64.max])
  }

  @Test func erasesCapturesThatAnotherProcessBroughtForward() throws {
    var record = MessageRecord.test(queueID: "A")
    record.capture = MessageCapture(
      expiresAt: testTime + 1000, settings: [], mailFrom: [], dns: [], header: nil, body: nil,
      bodyHashes: BodyHashes(entries: []))
    func captures() throws -> Int? {
      try other.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM message_capture") }
    }
    try store.append(record)
    try store.append(.test(queueID: "B", at: testTime + 1))
    #expect(try captures() == 1)
    try other.write { try $0.execute(sql: "UPDATE message_capture SET expires_at = 1") }
    try store.append(.test(queueID: "C", at: testTime + 2))
    #expect(try captures() == 0)
  }

  @Test func valuesArriveAsTheyAre() throws {
    var row = RowValues(values: 1, octets: 1)
    row.append("")
    row.append("a\0b\0")
    row.append("größer als fünfzehn Oktette")
    row.append([0x61, 0xFF])
    row.append([0x61, 0x00])
    row.append(Array("ü".utf8))
    row.append([UInt8]())
    row.append(nil as String?)
    row.append(Int64.min)
    row.append(true)
    row.append(nil as Bool?)
    let expected: [DatabaseValue] = [
      "".databaseValue, #"a\x00b\x00"#.databaseValue, "größer als fünfzehn Oktette".databaseValue,
      Data([0x61, 0xFF]).databaseValue, Data([0x61, 0x00]).databaseValue, "ü".databaseValue,
      "".databaseValue, .null, Int64.min.databaseValue, 1.databaseValue, .null,
    ]
    #expect(row.databaseValues == expected)
    #expect(RowValues(expected) == row)
    let columns = expected.indices.map { "c\($0)" }.joined(separator: ", ")
    let marks = expected.map { _ in "?" }.joined(separator: ", ")
    let kept = try store.inspectWriter { database in
      try database.execute(sql: "CREATE TEMP TABLE kept (\(columns), n, m)")
      let insert = try database.cachedStatement(sql: "INSERT INTO kept VALUES (\(marks), ?, ?)")
      // Rows without octets have no memory to point to.
      var empty = RowValues(values: 0, octets: 0)
      for _ in expected { empty.append("") }
      try LibSQLite.execute(insert, row, [7, nil])
      try LibSQLite.execute(insert, empty, [nil, 8])
      return try Row.fetchAll(database, sql: "SELECT * FROM kept ORDER BY rowid")
        .map { Array($0.databaseValues) }
    }
    #expect(
      kept == [
        expected + [7.databaseValue, .null],
        expected.map { _ in "".databaseValue } + [.null, 8.databaseValue],
      ])
  }

  @Test(arguments: [1024, 4096, 65536]) func theWALHasOneSizeWhateverThePages(bytes: Int) throws {
    let path = directory.path("old.sqlite")
    try DatabaseQueue(path: path).inDatabase { database in
      try database.execute(sql: "PRAGMA page_size = \(bytes)")
      try database.execute(sql: "PRAGMA application_id = \(SQLiteMigrations.applicationID)")
    }
    let old = try SQLiteStore(path: path)
    try old.append(.test(queueID: "A"))
    #expect(try old.inspectWriter { try Int.fetchOne($0, sql: "PRAGMA page_size") } == bytes)
    #expect(
      try old.inspectWriter { try Int.fetchOne($0, sql: "PRAGMA wal_autocheckpoint") }
        == 32 * 1024 * 1024 / bytes)
  }
}
