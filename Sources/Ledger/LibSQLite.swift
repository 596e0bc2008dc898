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

  /// Runs a statement that gives no rows.
  ///
  /// GRDB's own way to hand values over takes longer than SQLite does for all the rest.
  ///
  /// - Throws: `DatabaseError`.
  static func execute(_ statement: Statement, _ values: [DatabaseValue]) throws {
    _ = try firstNumber(of: statement, values)
  }

  /// Runs a statement and gives the number in the first column of its first row, nil without a row.
  ///
  /// - Throws: `DatabaseError`.
  static func firstNumber(of statement: Statement, _ values: [DatabaseValue]) throws -> Int64? {
    let handle = unsafe statement.sqliteStatement
    defer { unsafe sqlite3_reset(handle) }
    for (index, value) in values.enumerated() {
      try unsafe check(bind(value, to: handle, at: CInt(index) + 1), handle, statement)
    }
    let code = unsafe sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return unsafe sqlite3_column_int64(handle, 0)
    case SQLITE_DONE: return nil
    default:
      try unsafe check(code, handle, statement)
      return nil
    }
  }

  private static func bind(
    _ value: DatabaseValue, to handle: SQLiteStatement, at index: CInt
  ) -> CInt {
    // SQLITE_TRANSIENT, which C makes from -1: SQLite copies what it is given.
    let copies = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value.storage {
    case .null: return unsafe sqlite3_bind_null(handle, index)
    case .int64(let number): return unsafe sqlite3_bind_int64(handle, index, number)
    case .double(let number): return unsafe sqlite3_bind_double(handle, index, number)
    case .string(let text):
      var text = text
      return text.withUTF8 { octets in
        unsafe octets.withMemoryRebound(to: CChar.self) { characters in
          unsafe sqlite3_bind_text64(
            handle, index, characters.baseAddress, UInt64(characters.count), copies,
            UInt8(SQLITE_UTF8))
        }
      }
    case .blob(let data):
      return unsafe data.withUnsafeBytes { octets in
        // Without an address SQLite would bind NULL.
        unsafe octets.isEmpty
          ? sqlite3_bind_zeroblob(handle, index, 0)
          : sqlite3_bind_blob64(
            handle, index, octets.baseAddress, UInt64(octets.count), copies)
      }
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
