import Foundation
import GRDB
import MailAuth
import TestSupport
import Testing

@testable import Ledger

/// What is particular to SQLite: files, schema, durability, other processes.
@Suite struct SQLiteStoreTests {
  private func queueIDs(_ store: SQLiteStore) throws -> [String] {
    var ids: [String] = []
    try store.read { ledger in
      try ledger.messages(in: Int64.min..<Int64.max) { ids.append($0.record.queueID) }
    }
    return ids
  }

  private func readOnly(_ path: String) throws -> SQLiteStore {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    return try SQLiteStore(path: path, settings: settings)
  }

  @Test func keepsMessagesAcrossReopening() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    for id in ["A", "B"] { try SQLiteStore(path: path).append(.test(queueID: id)) }
    #expect(try queueIDs(SQLiteStore(path: path)) == ["A", "B"])
  }

  /// What a killed process leaves behind is what is on disk the moment append returns: a copy of
  /// the files, made while the store is open, must hold the row.
  @Test func hasTheRowOnDiskWhenAppendReturns() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    for number in 1...3 {
      try store.append(.test(queueID: "\(number)"))
      let copy = try directory.makeDirectory("copy\(number)") + "/ledger.sqlite"
      for suffix in ["", "-wal"] {
        try FileManager.default.copyItem(atPath: store.path + suffix, toPath: copy + suffix)
      }
      #expect(try queueIDs(SQLiteStore(path: copy)) == (1...number).map { "\($0)" })
    }
  }

  @Test(arguments: [(true, 2), (false, 1)])
  func syncsEachCommitUnlessToldOtherwise(_ isDurable: Bool, _ pragma: Int) throws {
    let directory = try TemporaryDirectory()
    var settings = SQLiteStore.Settings()
    settings.isDurable = isDurable
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"), settings: settings)
    #expect(try store.pragma("synchronous") == pragma)
    #expect(try store.pragma("foreign_keys") == 1)
    #expect(try store.pragma("busy_timeout") == 5_000)
    #expect(try store.pragma("application_id") == Int(SQLiteMigrations.applicationID))
  }

  @Test func makesItsPathAbsoluteAtOnce() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.url.path + "/./x/../ledger.sqlite")
    #expect(store.path == directory.path("ledger.sqlite"))
    let error = #expect(throws: LedgerError.self) { try SQLiteStore(path: "no-such-dir/l.sqlite") }
    #expect(error?.path.hasPrefix("/") == true)
    #expect(error?.path.hasSuffix("/no-such-dir/l.sqlite") == true)
  }

  struct Unusable: Sendable, CustomTestStringConvertible {
    let name: String
    var isReadOnly = false
    let problem: LedgerError.Problem
    let words: String
    let prepare: @Sendable (TemporaryDirectory) throws -> String
    var testDescription: String { name }
  }

  static let unusable = [
    Unusable(name: "directory missing", problem: .directoryMissing, words: "create it") {
      $0.path("missing/ledger.sqlite")
    },
    Unusable(name: "below a file", problem: .directoryMissing, words: "create it") {
      try $0.write("x", to: "file") + "/ledger.sqlite"
    },
    Unusable(name: "a directory", problem: .isDirectory, words: "name a file") {
      try $0.makeDirectory("ledger.sqlite")
    },
    Unusable(name: "a text file", problem: .notADatabase, words: "not an SQLite database") {
      try $0.write(String(repeating: "not a database\n", count: 100), to: "ledger.sqlite")
    },
    Unusable(
      name: "a text file shorter than a page", problem: .notADatabase,
      words: "not an SQLite database"
    ) { try $0.write("hello\n", to: "ledger.sqlite") },
    Unusable(
      name: "a short text file, read only", isReadOnly: true, problem: .notADatabase,
      words: "not an SQLite database"
    ) { try $0.write("hello\n", to: "ledger.sqlite") },
    Unusable(
      name: "a ledger cut off within its first page", problem: .notADatabase,
      words: "not an SQLite database"
    ) {
      let path = $0.path("whole.sqlite")
      try SQLiteStore(path: path).close()
      let start = try Data(contentsOf: URL(filePath: path)).prefix(1000)
      try start.write(to: URL(filePath: $0.path("ledger.sqlite")))
      return $0.path("ledger.sqlite")
    },
    Unusable(
      name: "what cannot be opened, read only", isReadOnly: true,
      problem: .notReadable("unable to open database file"), words: "must be able to read"
    ) {
      // SQLite takes no path of more than 512 octets; permissions would not keep root out.
      let folder = [String](repeating: String(repeating: "d", count: 200), count: 3)
        .joined(separator: "/")
      try FileManager.default.createDirectory(
        atPath: $0.path(folder), withIntermediateDirectories: true)
      return try $0.write("", to: folder + "/ledger.sqlite")
    },
    Unusable(
      name: "a place where nothing can be created",
      problem: .notWritable("unable to open database file"), words: "must be writable"
    ) { _ in "/proc/ledger.sqlite" },
    Unusable(name: "another program's", problem: .foreignDatabase, words: "other program") {
      let path = $0.path("ledger.sqlite")
      try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE contacts (name)") }
      return path
    },
    Unusable(
      name: "a newer version's", problem: .newerSchema(["9 teleport"]), words: "update this program"
    ) {
      let path = $0.path("ledger.sqlite")
      _ = try SQLiteStore(path: path)
      // The store's writer may still be closing its connection.
      var configuration = Configuration()
      configuration.busyMode = .timeout(20)
      try DatabaseQueue(path: path, configuration: configuration).write {
        try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('9 teleport')")
      }
      return path
    },
    Unusable(name: "missing, read only", isReadOnly: true, problem: .missing, words: "milter") {
      $0.path("ledger.sqlite")
    },
    Unusable(
      name: "not migrated, read only", isReadOnly: true, problem: .olderSchema, words: "migrates"
    ) {
      let path = $0.path("ledger.sqlite")
      try DatabasePool(path: path).write {
        try $0.execute(sql: "PRAGMA application_id = \(SQLiteMigrations.applicationID)")
      }
      return path
    },
  ]

  @Test(arguments: unusable)
  func refusesAnUnusableFileAtTheStart(_ unusable: Unusable) throws {
    let directory = try TemporaryDirectory()
    let path = try unusable.prepare(directory)
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = unusable.isReadOnly
    let error = #expect(throws: LedgerError.self) {
      try SQLiteStore(path: path, settings: settings)
    }
    #expect(error?.problem == unusable.problem)
    let text = try #require(error?.description)
    #expect(text.contains(path))
    #expect(text.contains(unusable.words))
  }

  @Test func leavesAnotherProgramsDatabaseAsItWas() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE contacts (name)") }
    let before = try Data(contentsOf: URL(filePath: path))
    #expect(throws: LedgerError.self) { try SQLiteStore(path: path) }
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }

  @Test func acceptsAnEmptyFile() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("", to: "ledger.sqlite")
    try SQLiteStore(path: path).append(.test(queueID: "A"))
    #expect(try queueIDs(readOnly(path)) == ["A"])
  }

  @Test func migratesFromEmptyToTheLatestSchema() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    let queue = try DatabaseQueue(path: store.path)
    let (names, applied) = try queue.read { database in
      (
        try String.fetchAll(
          database,
          sql: """
            SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')
            AND name NOT LIKE 'sqlite%' ORDER BY name
            """),
        try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations")
      )
    }
    #expect(
      applied == [
        "1 messages", "2 arc", "3 reports", "4 overview", "5 arc seal", "6 capture",
      ])
    #expect(
      names == [
        "delivery_event", "destination_authorization", "dkim_outcome", "failure_incident",
        "grdb_migrations", "ledger_state", "message", "message_capture", "message_overview",
        "policy_record", "report", "report_delivery", "report_lease", "report_window",
        "spf_outcome", "suppression",
      ])
  }

  @Test func keepsMessagesFromBeforeARC() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    try SQLiteStore(path: path).append(.test(queueID: "A"))
    // The store's writer may still be closing its connection.
    var configuration = Configuration()
    configuration.busyMode = .timeout(20)
    try DatabaseQueue(path: path, configuration: configuration).write { database in
      try database.execute(
        sql: """
          DROP VIEW message_overview;
          ALTER TABLE message DROP COLUMN arc;
          CREATE VIEW message_overview AS SELECT 1;
          DELETE FROM grdb_migrations WHERE identifier IN ('2 arc', '4 overview')
          """)
    }
    let store = try SQLiteStore(path: path)
    try store.append(.test(queueID: "B"))
    var outcomes: [ARCOutcome] = []
    try store.read { snapshot in
      for id in ["A", "B"] {
        try snapshot.messages(queueID: id) { outcomes.append($0.record.evaluation.arc) }
      }
    }
    #expect(outcomes == [.notEvaluated, .noSets])
    let shown = try DatabaseQueue(path: path).read {
      try String?.fetchAll($0, sql: "SELECT arc FROM message_overview ORDER BY queue_id")
    }
    #expect(shown == [nil, "none noSets"])
  }

  @Test func showsAnOperatorTheOverview() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try store.append(LedgerContractTests.fullRecord())
    let queue = try DatabaseQueue(path: store.path)
    let row = try #require(
      try queue.read { try Row.fetchOne($0, sql: "SELECT * FROM message_overview") })
    #expect(row["received_utc"] == "2026-11-20 23:43:31")
    #expect(row["author_domain"] == "mail.example.com")
    #expect(row["spf_mail_from"] == "softfail")
    #expect(row["dkim"] == "permerror mail.example.com noKey, neutral  signatureSyntax")
    #expect((row["arc"] as String?)?.hasPrefix("fail ") == true)
    #expect(row["policy_domain"] == "example.com")
    #expect(row["disposition"] == "quarantine")
  }

  @Test func keepsEachPolicyRecordOnce() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    for number in 1...5 { try store.append(.test(queueID: "\(number)")) }
    try store.append(.test(queueID: "6", dmarc: .test(.fail, record: .test(.none))))
    try store.append(.test(queueID: "7", dmarc: .test(.fail, discovery: .psl)))
    let queue = try DatabaseQueue(path: store.path)
    #expect(try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM policy_record") } == 3)
  }

  @Test func readsWhileAnotherConnectionWrites() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try store.append(.test(queueID: "A"))
    let reader = try readOnly(store.path)
    var ids: [String] = []
    try reader.read { ledger in
      try ledger.messages(in: 0..<Int64.max) { _ in }
      try store.append(.test(queueID: "B"))
      // Still the moment at which the reading began.
      try ledger.messages(in: 0..<Int64.max) { ids.append($0.record.queueID) }
    }
    #expect(ids == ["A"])
    #expect(try queueIDs(reader) == ["A", "B"])
  }

  @Test func refusesToAppendWhenReadOnlyOrClosed() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    #expect(throws: LedgerError(path: store.path, problem: .notWritable("opened read only"))) {
      try readOnly(store.path).append(.test())
    }
    store.close()
    #expect(throws: LedgerError(path: store.path, problem: .closed)) { try store.append(.test()) }
    #expect(try queueIDs(store) == [])
  }

  @Test func tellsWhenAnotherProcessHoldsTheLock() throws {
    let directory = try TemporaryDirectory()
    var settings = SQLiteStore.Settings()
    settings.busyTimeoutSeconds = 0.05
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"), settings: settings)
    let other = try DatabaseQueue(path: store.path)
    try other.inDatabase { database in
      try database.execute(sql: "BEGIN IMMEDIATE")
      #expect(throws: LedgerError(path: store.path, problem: .busy)) { try store.append(.test()) }
      try database.execute(sql: "ROLLBACK")
    }
    try store.append(.test(queueID: "after"))
    #expect(try queueIDs(store) == ["after"])
  }

  /// Rows that the database refuses fail alone; those that share their transaction are kept.
  @Test func failsOnlyTheRecordThatCannotBeKept() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try DatabaseQueue(path: store.path).write {
      try $0.execute(
        sql: """
          CREATE TRIGGER refuse BEFORE INSERT ON message WHEN NEW.queue_id LIKE 'bad%'
          BEGIN SELECT RAISE(ABORT, 'refused'); END
          """)
    }
    let failures = FailureList()
    let threads = (0..<32).map { number in
      JoinableThread {
        for message in 0..<8 {
          let id = "\(number % 4 == 0 ? "bad" : "good") \(number) \(message)"
          do { try store.append(.test(queueID: id)) } catch { failures.add(id) }
        }
      }
    }
    threads.forEach { $0.start() }
    threads.forEach { $0.join() }
    #expect(failures.texts.count == 64)
    #expect(failures.texts.allSatisfy { $0.hasPrefix("bad") })
    let kept = try queueIDs(store)
    #expect(kept.count == 192)
    #expect(kept.allSatisfy { $0.hasPrefix("good") })
    let orphans = try DatabaseQueue(path: store.path).read {
      try Int.fetchOne(
        $0,
        sql: "SELECT count(*) FROM spf_outcome WHERE message_id NOT IN (SELECT id FROM message)")
    }
    #expect(orphans == 0)
  }

  /// A trigger that rolls back takes the whole transaction with it, as a full disk does.
  @Test func commitsTheOthersAloneWhenATransactionIsLost() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try DatabaseQueue(path: store.path).write {
      try $0.execute(
        sql: """
          CREATE TRIGGER lose BEFORE INSERT ON message WHEN NEW.queue_id LIKE 'bad%'
          BEGIN SELECT RAISE(ROLLBACK, 'lost'); END
          """)
    }
    let failures = FailureList()
    let threads = (0..<16).map { number in
      JoinableThread {
        let id = "\(number == 7 ? "bad" : "good") \(number)"
        do { try store.append(.test(queueID: id)) } catch { failures.add(id) }
      }
    }
    threads.forEach { $0.start() }
    threads.forEach { $0.join() }
    #expect(failures.texts == ["bad 7"])
    #expect(try queueIDs(store).count == 15)
  }

  @Test(arguments: [
    ("UPDATE message SET dmarc_result = 'maybe'", "row 1, column dmarc_result"),
    ("UPDATE message SET client_address = 'here'", "row 1, column client_address"),
    ("UPDATE message SET dns_evidence = '[{'", "row 1, column dns_evidence"),
    ("UPDATE dkim_outcome SET cause = 'magic'", "column cause"),
    ("DELETE FROM spf_outcome", "message 1 has no SPF outcome"),
  ])
  func namesTheValueThatItCannotRead(_ sql: String, _ place: String) throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try store.append(.test())
    try DatabaseQueue(path: store.path).write { try $0.execute(sql: sql) }
    let error = #expect(throws: LedgerError.self) { try queueIDs(store) }
    #expect(error?.description.contains(place) == true, "\(String(describing: error))")
  }

  @Test func readsReportRowsWithoutSorting() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    let plan = try DatabaseQueue(path: store.path).read {
      try Row.fetchAll(
        $0, sql: "EXPLAIN QUERY PLAN " + SQLiteSnapshot.reportableMessages,
        arguments: [1, 2, 3, 4])
    }
    let steps = plan.map { $0["detail"] as String }
    #expect(steps.contains { $0.contains("message_by_policy") })
    #expect(!steps.contains { $0.contains("TEMP B-TREE") }, "\(steps)")
  }
}

extension SQLiteStore {
  /// A setting of the connection that writes.
  fileprivate func pragma(_ name: String) throws -> Int? {
    try inspectWriter { try Int.fetchOne($0, sql: "PRAGMA \(name)") }
  }
}
