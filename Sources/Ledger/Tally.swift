import GRDB

/// Counts equal values when there may be more of them than memory should hold.
///
/// What overflows goes to an SQLite table in a private temporary file, which vanishes with the
/// tally. Not for use by several threads at once.
public final class Tally<Value: Hashable> {
  /// A value written out; lines are ordered by `sortKey`, then by `text`, both by octets.
  public struct Line: Sendable, Equatable {
    /// What lines are ordered by first.
    public var sortKey: String
    /// The value, in a form from which it can be made again; without NUL.
    public var text: String

    /// Makes a line.
    public init(sortKey: String, text: String) {
      self.sortKey = sortKey
      self.text = text
    }
  }

  private let valuesInMemory: Int
  private let line: (Value) throws -> Line
  private let value: (Line) throws -> Value
  private var counts: [Value: Int] = [:]
  /// Where the overflow goes; made when it is needed first.
  private var overflow: DatabaseQueue?
  private var hasOverflowed = false

  /// Makes an empty tally.
  ///
  /// - Parameters:
  ///   - valuesInMemory: How many different values are held in memory at most.
  ///   - line: Writes out a value: equal values give equal lines, different values different ones.
  ///   - value: Makes the value of a line again.
  public init(
    valuesInMemory: Int = 2_000, line: @escaping (Value) throws -> Line,
    value: @escaping (Line) throws -> Value
  ) {
    self.valuesInMemory = max(valuesInMemory, 1)
    self.line = line
    self.value = value
  }

  /// Counts a value once more.
  ///
  /// - Throws: What writing it out throws, and `LedgerError` when the temporary file fails.
  public func add(_ value: Value) throws {
    counts[value, default: 0] += 1
    if counts.count > valuesInMemory { try flush() }
  }

  /// Visits each value with its count, in the order of the lines, then forgets everything.
  ///
  /// - Throws: What `body`, writing out and reading again throw, and `LedgerError` when the
  ///   temporary file fails.
  public func drain(_ body: (Value, _ count: Int) throws -> Void) throws {
    if hasOverflowed {
      try flush()
      try withOverflow { database in
        let rows = try Row.fetchCursor(
          database, sql: "SELECT sort_key, text, count FROM tally ORDER BY sort_key, text")
        while let next = try rows.next() {
          let row = StoredRow(row: next, path: Self.place)
          let line = Line(sortKey: try row.text("sort_key"), text: try row.text("text"))
          try body(try value(line), try row.integer("count"))
        }
      }
    } else {
      for counted in try sorted() { try body(counted.value, counted.count) }
    }
    try forget()
  }

  /// Forgets everything.
  ///
  /// - Throws: `LedgerError` when the temporary file fails.
  public func forget() throws {
    counts.removeAll(keepingCapacity: true)
    guard hasOverflowed else { return }
    try withOverflow { try $0.execute(sql: "DELETE FROM tally") }
    hasOverflowed = false
  }

  /// A value in memory; a class, because sorting moves it about.
  private final class Counted {
    let value: Value
    let line: Line
    let count: Int

    init(value: Value, line: Line, count: Int) {
      self.value = value
      self.line = line
      self.count = count
    }
  }

  private func sorted() throws -> [Counted] {
    try counts.map { Counted(value: $0, line: try line($0), count: $1) }
      .sorted { left, right in
        // As SQLite compares: by octets, not by characters.
        let (leftKey, rightKey) = (left.line.sortKey.utf8, right.line.sortKey.utf8)
        guard leftKey.elementsEqual(rightKey) else {
          return leftKey.lexicographicallyPrecedes(rightKey)
        }
        return left.line.text.utf8.lexicographicallyPrecedes(right.line.text.utf8)
      }
  }

  private func flush() throws {
    // In order, so that neighbours lie on the same pages.
    let counted = try sorted()
    hasOverflowed = true
    try withOverflow { database in
      try database.inTransaction {
        let statement = try database.cachedStatement(
          sql: """
            INSERT INTO tally VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count
            """)
        for each in counted {
          try statement.execute(arguments: [each.line.sortKey, each.line.text, each.count])
        }
        return .commit
      }
    }
    counts.removeAll(keepingCapacity: true)
  }

  private static var place: String { "(temporary file)" }

  private func withOverflow(_ body: (Database) throws -> Void) throws {
    do {
      try makeOverflow().inDatabase(body)
    } catch let error as DatabaseError {
      throw LedgerError(error, path: Self.place)
    }
  }

  private func makeOverflow() throws -> DatabaseQueue {
    if let overflow { return overflow }
    // An empty path is a database of its own on disk, deleted when it is closed.
    let database = try DatabaseQueue(path: "")
    try database.inDatabase {
      try $0.execute(
        sql: """
          PRAGMA journal_mode = OFF;
          PRAGMA cache_size = -16384;
          CREATE TABLE tally (
            sort_key TEXT NOT NULL, text TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (sort_key, text)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    overflow = database
    return database
  }
}
