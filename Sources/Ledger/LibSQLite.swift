import Foundation
import GRDB
import GRDBSQLite

/// The parts of SQLite's C interface that GRDB does not reach.
enum LibSQLite {
  /// Keeps the `-wal` and `-shm` files when the last connection closes.
  ///
  /// A user who may only read cannot create them, and so could not open a ledger that no milter
  /// has open.
  static func keepWALFiles(_ database: Database) throws {
    var on: CInt = 1
    let code = unsafe sqlite3_file_control(
      database.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &on)
    guard code == SQLITE_OK else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: code), message: "cannot keep the WAL file")
    }
  }

  /// A number that changes with every change of the database, whoever makes it, as far as the
  /// current transaction sees it; nil when SQLite does not tell.
  static func dataVersion(of database: Database) -> UInt32? {
    var version: UInt32 = 0
    let code = unsafe sqlite3_file_control(
      database.sqliteConnection, "main", SQLITE_FCNTL_DATA_VERSION, &version)
    return code == SQLITE_OK ? version : nil
  }

  /// Runs a statement that takes no values and gives no rows.
  ///
  /// - Throws: `DatabaseError`.
  static func execute(_ statement: Statement) throws {
    let handle = unsafe statement.sqliteStatement
    defer { unsafe sqlite3_reset(handle) }
    _ = try unsafe step(handle, statement)
  }

  /// Runs a statement that gives no rows; it takes the values of a row, then `numbers`.
  ///
  /// GRDB's own way to hand values over takes longer than SQLite does for all the rest.
  ///
  /// - Throws: `DatabaseError`.
  static func execute(
    _ statement: Statement, _ row: RowValues, _ numbers: [Int64?] = []
  ) throws {
    _ = try firstNumber(of: statement, row, numbers)
  }

  /// Runs a statement as ``execute(_:_:_:)`` does and gives the number in the first column of its
  /// first row, nil without a row.
  ///
  /// - Throws: `DatabaseError`.
  static func firstNumber(
    of statement: Statement, _ row: RowValues, _ numbers: [Int64?] = []
  ) throws -> Int64? {
    let handle = unsafe statement.sqliteStatement
    return try unsafe row.octets.withUnsafeBytes { octets in
      // SQLite reads the texts where they are, so it must forget them while they are there.
      defer {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
      }
      var index: CInt = 1
      var rest = unsafe octets[...]
      for value in row.values {
        try unsafe check(bind(value, &rest, to: handle, at: index), handle, statement)
        index += 1
      }
      for number in numbers {
        let code =
          unsafe number.map { unsafe sqlite3_bind_int64(handle, index, $0) }
          ?? sqlite3_bind_null(handle, index)
        try unsafe check(code, handle, statement)
        index += 1
      }
      return try unsafe step(handle, statement)
    }
  }

  /// Binds a value; of `octets` it takes those that are its own.
  private static func bind(
    _ value: RowValues.Value, _ octets: inout Slice<UnsafeRawBufferPointer>,
    to handle: SQLiteStatement, at index: CInt
  ) -> CInt {
    func take(_ count: Int) -> UnsafeRawBufferPointer {
      defer { unsafe octets = unsafe octets.dropFirst(count) }
      return unsafe UnsafeRawBufferPointer(rebasing: octets.prefix(count))
    }
    switch value {
    case .null: return unsafe sqlite3_bind_null(handle, index)
    case .integer(let number): return unsafe sqlite3_bind_int64(handle, index, number)
    case .text(let count):
      let text = unsafe take(count)
      // No destructor is SQLITE_STATIC: SQLite copies nothing. Without an address it would bind
      // NULL, so an empty text gets one that is always there.
      let start = unsafe text.baseAddress ?? UnsafeRawPointer(emptyText.utf8Start)
      return unsafe sqlite3_bind_text64(
        handle, index, start.assumingMemoryBound(to: CChar.self), UInt64(count), nil,
        UInt8(SQLITE_UTF8))
    case .blob(let count):
      let blob = unsafe take(count)
      return unsafe blob.isEmpty
        ? sqlite3_bind_zeroblob(handle, index, 0)
        : sqlite3_bind_blob64(handle, index, blob.baseAddress, UInt64(count), nil)
    }
  }

  private static let emptyText: StaticString = ""

  /// Makes the first step of a statement; the number in the first column of its row, if any.
  private static func step(_ handle: SQLiteStatement, _ statement: Statement) throws -> Int64? {
    let code = unsafe sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return unsafe sqlite3_column_int64(handle, 0)
    case SQLITE_DONE: return nil
    default:
      try unsafe check(code, handle, statement)
      return nil
    }
  }

  private static func check(
    _ code: CInt, _ handle: SQLiteStatement, _ statement: Statement
  ) throws {
    guard code != SQLITE_OK else { return }
    let connection = unsafe sqlite3_db_handle(handle)
    throw DatabaseError(
      resultCode: ResultCode(rawValue: unsafe sqlite3_extended_errcode(connection)),
      message: unsafe sqlite3_errmsg(connection).map { unsafe String(cString: $0) },
      sql: statement.sql)
  }
}
