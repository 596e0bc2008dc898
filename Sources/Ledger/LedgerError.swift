/// Why the ledger could not be opened, written or read.
public struct LedgerError: Error, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Problem: Sendable, Equatable {
    /// The directory of the database file does not exist.
    case directoryMissing
    /// The path names a directory.
    case isDirectory
    /// The file does not exist, and was to be read only.
    case missing
    /// The file cannot be opened or written; with the library's words.
    case notWritable(String)
    /// The file, or one beside it, cannot be read; with the library's words.
    case notReadable(String)
    /// The file is not an SQLite database.
    case notADatabase
    /// The file is a database of some other program.
    case foreignDatabase
    /// The database was written by a newer version; the names of the migrations unknown here.
    case newerSchema([String])
    /// The database needs migrations, and was to be read only.
    case olderSchema
    /// Another process held the database for longer than the busy timeout.
    case busy
    /// The file system is full.
    case full
    /// The file was deleted, or another put in its place, while it was open.
    case replaced
    /// The ledger was closed.
    case closed
    /// A stored value is not one that this version writes: table, column, row and value.
    case unreadable(String)
    /// The message could be written neither to the ledger nor to its journal: why not to either.
    case lost(ledger: String, journal: String)
    /// Anything else that the database reports: its code and words.
    case database(code: Int32, message: String)
  }

  /// The database file, an absolute path.
  public var path: String
  /// What is wrong.
  public var problem: Problem

  /// Makes an error.
  public init(path: String, problem: Problem) {
    self.path = path
    self.problem = problem
  }

  /// What is wrong, where, and what to do.
  public var description: String { "ledger \(path): \(words)" }

  /// What is wrong and what to do, without the place.
  var words: String {
    switch problem {
    case .directoryMissing:
      "its directory does not exist; create it, writable for the user of the milter"
    case .isDirectory: "it is a directory; name a file inside it"
    case .missing: "it does not exist; the milter creates it at its first start"
    case .notWritable(let reason):
      "cannot be written (\(reason)); file and directory must be writable for this user"
    case .notReadable(let reason):
      "cannot be read (\(reason)); this user must be able to read it and the files beside it that end "
        + "in -wal and -shm"
    case .notADatabase: "not an SQLite database; name another file, or move this one away"
    case .foreignDatabase:
      "a database of some other program; name another file, this one was left untouched"
    case .newerSchema(let migrations):
      "written by a newer version (\(migrations.joined(separator: ", "))); update this program"
    case .olderSchema:
      "written by an older version; start the milter of this version once, it migrates the ledger"
    case .busy: "another process holds it locked; end that process or its transaction"
    case .full: "no space left on its file system; make room"
    case .replaced:
      "the file was deleted or replaced while it was open; put it back or restart the milter"
    case .closed: "already closed"
    case .unreadable(let what): "holds a value that this version cannot read: \(what)"
    case .lost(let ledger, let journal): "\(ledger); nor can it be kept aside: \(journal)"
    case .database(let code, let message): "\(message) (SQLite code \(code))"
    }
  }
}

extension LedgerError {
  /// Whether the database will never take this very row: SQLITE_TOOBIG, SQLITE_CONSTRAINT,
  /// SQLITE_MISMATCH.
  var concernsOneRow: Bool {
    guard case .database(let code, _) = problem else { return false }
    return [18, 19, 20].contains(code & 0xFF)
  }

  /// Whether every message would meet this, so that trying them one by one is of no use.
  var concernsWholeLedger: Bool {
    switch problem {
    case .busy, .full, .notWritable, .notReadable, .notADatabase, .replaced, .closed,
      .directoryMissing, .isDirectory, .missing, .foreignDatabase, .newerSchema, .olderSchema:
      true
    case .unreadable, .lost, .database: false
    }
  }
}
