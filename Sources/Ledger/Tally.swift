import GRDB

/// Counts equal values when there may be more of them than memory should hold.
///
/// What overflows goes to an SQLite table in a private temporary file, which vanishes with the
/// tally. Not for use by several threads at once.
public final class Tally<Value: Hashable> {
  /// A value written out; lines are ordered by `sortKey`, then by `text`.
  ///
  /// Equal values must give equal lines, different values different ones.
  public struct Line: Sendable, Equatable {
    /// What lines are ordered by, by octets.
    public var sortKey: String
    /// The value, in a form from which it can be made again; without NUL.
    public var text: String

    /// Makes a line.
    public init(sortKey: String, text: String) {
      self.sortKey = sortKey
      self.text = text
    }
  }

  private let database: DatabaseQueue
  private var counts: [Value: Int] = [:]
  private let valuesInMemory: Int
  private let line: (Value) throws -> Line

  /// Makes an empty tally.
  ///
  /// - Parameters:
  ///   - valuesInMemory: How many different values are held in memory at most.
  ///   - line: Writes out a value.
  /// - Throws: `LedgerError` when no temporary file can be made.
  public init(valuesInMemory: Int = 1_000, line: @escaping (Value) throws -> Line) throws {
    self.valuesInMemory = max(valuesInMemory, 1)
    self.line = line
    do {
      // An empty path is a database of its own on disk, deleted when it is closed.
      database = try DatabaseQueue(path: "")
      try database.writeWithoutTransaction {
        try $0.execute(
          sql: """
            PRAGMA journal_mode = OFF;
            CREATE TABLE tally (
              sort_key TEXT NOT NULL, text TEXT NOT NULL, count INTEGER NOT NULL,
              PRIMARY KEY (sort_key, text)
            ) STRICT, WITHOUT ROWID;
            """)
      }
    } catch {
      throw LedgerError(error, path: "(temporary file)")
    }
  }

  /// Counts a value once more.
  ///
  /// - Throws: What writing it out throws, and `LedgerError` when the temporary file fails.
  public func add(_ value: Value) throws {
    counts[value, default: 0] += 1
    if counts.count >= valuesInMemory { try flush() }
  }

  /// Visits each line with its count, in order, then forgets everything.
  ///
  /// - Throws: What `body` throws, and `LedgerError` when the temporary file fails.
  public func drain(_ body: (Line, _ count: Int) throws -> Void) throws {
    try flush()
    try database.writeWithoutTransaction { database in
      let rows = try Row.fetchCursor(
        database, sql: "SELECT sort_key, text, count FROM tally ORDER BY sort_key, text")
      while let next = try rows.next() {
        let row = StoredRow(row: next, path: "(temporary file)")
        try body(
          Line(sortKey: try row.text("sort_key"), text: try row.text("text")),
          try row.integer("count"))
      }
    }
    try forget()
  }

  /// Forgets everything.
  ///
  /// - Throws: `LedgerError` when the temporary file fails.
  public func forget() throws {
    counts.removeAll(keepingCapacity: true)
    try write { try $0.execute(sql: "DELETE FROM tally") }
  }

  private func flush() throws {
    try write { database in
      let statement = try database.cachedStatement(
        sql: """
          INSERT INTO tally VALUES (?, ?, ?)
          ON CONFLICT DO UPDATE SET count = count + excluded.count
          """)
      for (value, count) in counts {
        let line = try line(value)
        try statement.execute(arguments: [line.sortKey, line.text, count])
      }
    }
    counts.removeAll(keepingCapacity: true)
  }

  private func write(_ body: (Database) throws -> Void) throws {
    do {
      try database.write(body)
    } catch let error as DatabaseError {
      throw LedgerError(error, path: "(temporary file)")
    }
  }
}
