import Foundation
import GRDB
import Synchronization

/// The ledger in an SQLite file, in WAL mode: readers, in this process or others, never wait for
/// the writer, nor it for them.
public final class SQLiteStore: LedgerStore {
  /// How a database is opened.
  public struct Settings: Sendable {
    /// Whether the database is only read; then nothing on disk changes.
    public var isReadOnly = false
    /// Whether a commit waits for the disk (`synchronous=FULL`); without, a power failure can take
    /// the last messages, a crash of the process cannot.
    public var isDurable = true
    /// How long to wait for another process's lock, in seconds.
    public var busyTimeoutSeconds = 5.0
    /// The most messages in one transaction, at least 1.
    public var maximumBatch = 512

    /// Makes the default settings.
    public init() {}
  }

  /// The database file, an absolute path.
  public let path: String
  let pool: DatabasePool
  /// Whether it was opened for reading only.
  var isReadOnly: Bool { writer == nil }
  private let writer: GroupCommit?
  private let messages = MessageWriter()
  private let commits: Counter

  /// Opens a ledger; creates or migrates it unless it is to be read only.
  ///
  /// It is written to and committed once before this returns, so that an unusable ledger shows at
  /// the start and not with the first mail.
  ///
  /// - Parameters:
  ///   - path: The database file; relative to the working directory of this moment.
  ///   - settings: How it is opened.
  /// - Throws: Why the file cannot be used as a ledger.
  public init(path: String, settings: Settings = Settings()) throws(LedgerError) {
    let absolutePath = Self.absolute(path)
    self.path = absolutePath
    let counter = Counter()
    commits = counter
    do {
      try Self.checkPlace(absolutePath, isReadOnly: settings.isReadOnly)
      // A running milter answers for a message some milliseconds before the database has it.
      CommitLogFile.waitUntilApplied(ledgerPath: absolutePath, atMostSeconds: 2)
      let pool = try Self.open(absolutePath, settings)
      if settings.isReadOnly {
        try pool.read { try Self.checkSchema($0, path: absolutePath, mustBeCurrent: true) }
      } else {
        try Self.prepareForWriting(pool, path: absolutePath, settings)
      }
      self.pool = pool
    } catch {
      throw LedgerError(error, path: absolutePath, isReadOnly: settings.isReadOnly)
    }
    guard !settings.isReadOnly else {
      writer = nil
      return
    }
    let opened = LibDurableFile.lookUp(absolutePath)?.identity
    writer = GroupCommit(
      maximumBatch: settings.maximumBatch,
      closedError: LedgerError(path: absolutePath, problem: .closed)
    ) { [pool, messages] rows in
      // SQLite goes on writing into a deleted file without a word.
      guard LibDurableFile.lookUp(absolutePath)?.identity == opened else {
        return rows.map { _ in .failure(LedgerError(path: absolutePath, problem: .replaced)) }
      }
      return Self.commit(rows, with: messages, to: pool, path: absolutePath, counter)
    }
  }

  deinit {
    guard let writer else { return }
    writer.stop()
    // What ends a connection's statements must not meet what ends the connection.
    pool.writeWithoutTransaction { [messages] _ in messages.end() }
  }

  /// Keeps one message; see ``LedgerStore/append(_:meanwhile:)``.
  public func append(
    _ record: MessageRecord, meanwhile work: () -> Void
  ) throws(LedgerError) {
    try append(MessageRow(record), meanwhile: work)
  }

  /// Keeps the rows of one message.
  func append(_ row: MessageRow, meanwhile work: () -> Void = {}) throws(LedgerError) {
    guard let writer else {
      work()
      throw openedReadOnly
    }
    try writer.commit(row, meanwhile: work)
  }

  /// Keeps the rows of several messages, and says of each how that ended.
  func append(_ rows: [MessageRow]) -> [Result<Void, LedgerError>] {
    guard let writer else { return rows.map { _ in .failure(openedReadOnly) } }
    return writer.commit(rows)
  }

  private var openedReadOnly: LedgerError {
    LedgerError(path: path, problem: .notWritable("opened read only"))
  }

  /// Gives a view that does not change; see ``LedgerStore/read(_:)``.
  public func read<Result>(_ body: (any LedgerSnapshot) throws -> Result) throws -> Result {
    do {
      return try pool.read { try body(SQLiteSnapshot(database: $0, path: path)) }
    } catch let error as DatabaseError {
      throw LedgerError(error, path: path, isReadOnly: true)
    }
  }

  /// Refuses further messages, waits until those handed in are committed, and moves all of them
  /// into the database file, so that a copy of that file alone is whole.
  public func close() {
    guard let writer else { return }
    writer.stop()
    writer.waitForEnd()
    // Without it everything stands in the file with -wal behind its name, which is as good; a
    // reader who holds an old snapshot can prevent it.
    _ = try? pool.writeWithoutTransaction {
      messages.end()
      try $0.checkpoint(.truncate)
    }
  }

  /// How many transactions were committed.
  var commitCount: Int { commits.value }

  /// Looks at the connection that writes; for tests.
  func inspectWriter<Result>(_ body: (Database) throws -> Result) throws -> Result {
    try pool.writeWithoutTransaction(body)
  }

  // MARK: Opening

  private static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
  }

  /// Finds the plain mistakes, for which SQLite has only "unable to open database file".
  private static func checkPlace(_ path: String, isReadOnly: Bool) throws(LedgerError) {
    var isDirectory: ObjCBool = false
    let files = FileManager.default
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard unsafe files.fileExists(atPath: directory, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { throw LedgerError(path: path, problem: .directoryMissing) }
    let exists = unsafe files.fileExists(atPath: path, isDirectory: &isDirectory)
    if exists, isDirectory.boolValue { throw LedgerError(path: path, problem: .isDirectory) }
    if isReadOnly, !exists { throw LedgerError(path: path, problem: .missing) }
  }

  private static func open(_ path: String, _ settings: Settings) throws -> DatabasePool {
    var configuration = Configuration()
    configuration.readonly = settings.isReadOnly
    configuration.busyMode = .timeout(settings.busyTimeoutSeconds)
    configuration.foreignKeysEnabled = true
    configuration.label = "ledger"
    configuration.prepareDatabase { database in
      // Before anything is written: the file may be somebody else's.
      try checkSchema(database, path: path, mustBeCurrent: false)
    }
    return try DatabasePool(path: path, configuration: configuration)
  }

  private static func checkSchema(
    _ database: Database, path: String, mustBeCurrent: Bool
  ) throws {
    let id = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    guard id == SQLiteMigrations.applicationID || (id == 0 && tables == 0) else {
      throw LedgerError(path: path, problem: .foreignDatabase)
    }
    let migrator = SQLiteMigrations.migrator
    let known = Set(migrator.migrations)
    let applied = try migrator.appliedIdentifiers(database)
    let unknown = applied.subtracting(known).sorted()
    guard unknown.isEmpty else {
      throw LedgerError(path: path, problem: .newerSchema(unknown))
    }
    if mustBeCurrent, applied != known { throw LedgerError(path: path, problem: .olderSchema) }
  }

  /// How much waits in the file with -wal behind its name before it is moved into the database.
  ///
  /// Moving it keeps everybody waiting who commits, for some milliseconds. With SQLite's own 1000
  /// pages that is every 75th message, and a page that changes often is moved each time.
  private static let mostWaitingBytes = 32 * 1024 * 1024

  /// What the file with -wal behind its name is cut back to once its contents have been moved.
  private static let mostWALBytes = 64 * 1024 * 1024

  private static func prepareForWriting(
    _ pool: DatabasePool, path: String, _ settings: Settings
  ) throws {
    try pool.writeWithoutTransaction { database in
      // GRDB sets NORMAL when it turns WAL on.
      try database.execute(
        sql: "PRAGMA synchronous = \(settings.isDurable ? "FULL" : "NORMAL")")
      try database.execute(sql: "PRAGMA application_id = \(SQLiteMigrations.applicationID)")
      // What is deleted may be somebody's mail, so it is overwritten.
      try database.execute(sql: "PRAGMA secure_delete = ON")
      let bytesPerPage = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
      try database.execute(
        sql: "PRAGMA wal_autocheckpoint = \(mostWaitingBytes / max(bytesPerPage, 512))")
      try database.execute(sql: "PRAGMA journal_size_limit = \(mostWALBytes)")
      try LibSQLite.keepWALFiles(database)
    }
    try SQLiteMigrations.migrator.migrate(pool)
    try pool.write { database in
      try database.execute(sql: "UPDATE ledger_state SET writer_starts = writer_starts + 1")
      try MessageWriter.eraseCaptures(
        database, expiredBy: Int64(Date().timeIntervalSince1970))
    }
  }

  // MARK: Writing

  private static func commit(
    _ rows: [MessageRow], with messages: MessageWriter, to pool: DatabasePool, path: String,
    _ commits: Counter
  ) -> [Result<Void, LedgerError>] {
    do {
      try pool.writeWithoutTransaction { try messages.write(rows, to: $0) }
      commits.increment()
      return rows.map { _ in .success(()) }
    } catch {
      let failure = LedgerError(error, path: path)
      // The whole transaction is lost. Where a row may be at fault, each gets a transaction of its
      // own, and its own error; where the ledger is, trying again would make every message wait.
      if rows.count > 1, !failure.concernsWholeLedger {
        return rows.flatMap { commit([$0], with: messages, to: pool, path: path, commits) }
      }
      return rows.map { _ in .failure(failure) }
    }
  }

  /// A number that several threads may raise.
  private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func increment() { count.withLock { $0 += 1 } }
  }
}

extension LedgerError {
  /// Puts what SQLite or the file system says into our words.
  ///
  /// `isReadOnly` says whether it was only to be read.
  init(_ error: any Error, path: String, isReadOnly: Bool = false) {
    if let error = error as? LedgerError {
      self = error
      return
    }
    guard let error = error as? DatabaseError else {
      self.init(path: path, problem: .database(code: -1, message: "\(error)"))
      return
    }
    let words = error.message ?? "no further words"
    let problem: Problem
    switch error.resultCode {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT: problem = .notADatabase
    case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
      problem = isReadOnly ? .notReadable(words) : .notWritable(words)
    case .SQLITE_BUSY, .SQLITE_LOCKED: problem = .busy
    case .SQLITE_FULL: problem = .full
    default: problem = .database(code: error.extendedResultCode.rawValue, message: words)
    }
    self.init(path: path, problem: problem)
  }
}
