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
}
