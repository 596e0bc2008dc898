import GRDB

/// Writes the rows of messages through the one connection that writes.
///
/// It keeps its statements, and what it saw of the ledger for as long as that has not changed in any
/// other way: to look it up anew for each message takes as long as to insert the message.
final class MessageWriter: @unchecked Sendable {
  // Why @unchecked holds: its methods are called only inside the pool's access for writing, which
  // one thread has at a time.

  private var statements: Statements?
  private var known = Known()

  /// What was seen of the ledger in the last transaction.
  private struct Known {
    /// The ledger's data version after that transaction; nil when nothing is known.
    var dataVersion: UInt32?
    /// The numbers of policy records by their values.
    var policyIDs: [RowValues: Int64] = [:]
    /// The number of the next message.
    var nextMessageID: Int64?
    /// When the first capture expires; a time that never comes when there is none.
    var firstExpiry: Int64?
  }

  /// The most policy records that are remembered.
  private static let mostPolicies = 1000

  /// Writes rows in one transaction, and commits it.
  ///
  /// - Throws: Why none of them is in the ledger.
  func write(_ rows: [MessageRow], to database: Database) throws {
    let statements = try prepared(database)
    try LibSQLite.execute(statements.begin)
    do {
      // The transaction shuts everybody else out, so what holds now holds to its end.
      let version = LibSQLite.dataVersion(of: database)
      if version == nil || version != known.dataVersion { known = Known() }
      try eraseCaptures(database, expiredBy: rows.lazy.map(\.receivedAt).max() ?? 0)
      for row in rows { try insert(row, into: database, statements) }
      try LibSQLite.execute(statements.commit)
    } catch {
      // What was seen may be what is undone here.
      known = Known()
      // Some failures, such as a full disk, have made SQLite roll back by itself.
      if database.isInsideTransaction {
        try LibSQLite.execute(database.cachedStatement(sql: "ROLLBACK"))
      }
      throw error
    }
    known.dataVersion = LibSQLite.dataVersion(of: database)
  }

  /// Ends its statements, without which the connection cannot be closed.
  func end() { statements = nil }

  /// Inserts the rows of a message; does nothing when the message is there already.
  private func insert(
    _ row: MessageRow, into database: Database, _ statements: Statements
  ) throws {
    let policyID = try row.policyRecord.map { try self.policyID($0, in: database, statements) }
    if let id = known.nextMessageID {
      try LibSQLite.execute(statements.insertNumberedMessage, row.message, [policyID, id])
    } else {
      try LibSQLite.execute(statements.insertMessage, row.message, [policyID])
    }
    guard database.changesCount > 0 else { return }
    let id = database.lastInsertedRowID
    known.nextMessageID = id < .max ? id + 1 : nil
    for outcome in row.spfOutcomes { try LibSQLite.execute(statements.insertSPF, outcome, [id]) }
    for outcome in row.dkimOutcomes { try LibSQLite.execute(statements.insertDKIM, outcome, [id]) }
    if let incident = row.incident {
      try database.cachedStatement(sql: MessageRow.insertIncident)
        .execute(arguments: ["message": id, "details": incident])
    }
    if let capture = row.capture {
      try LibSQLite.execute(
        database.cachedStatement(sql: MessageRow.insertCapture), capture.values, [id])
      known.firstExpiry = known.firstExpiry.map { min($0, capture.expiresAt) }
    }
  }

  /// Nearly every message has a policy that is there already.
  private func policyID(
    _ values: RowValues, in database: Database, _ statements: Statements
  ) throws -> Int64 {
    if let id = known.policyIDs[values] { return id }
    let id: Int64
    if let found = try LibSQLite.firstNumber(of: statements.findPolicy, values) {
      id = found
    } else {
      try LibSQLite.execute(database.cachedStatement(sql: MessageRow.insertPolicy), values)
      guard database.changesCount > 0 else {
        // Only a journal written by hand has values that are one thing as given and another as
        // kept.
        throw DatabaseError(
          resultCode: .SQLITE_MISMATCH, message: "the policy record has values of a wrong type")
      }
      id = database.lastInsertedRowID
    }
    if known.policyIDs.count >= Self.mostPolicies { known.policyIDs = [:] }
    known.policyIDs[values] = id
    return id
  }

  /// Erases what has been kept of messages for long enough.
  static func eraseCaptures(_ database: Database, expiredBy time: Int64) throws {
    var values = RowValues(values: 1, octets: 0)
    values.append(time)
    try LibSQLite.execute(
      database.cachedStatement(sql: "DELETE FROM message_capture WHERE expires_at <= ?"), values)
  }

  /// The same, for a time when there is nothing to erase without asking the database.
  private func eraseCaptures(_ database: Database, expiredBy time: Int64) throws {
    if let firstExpiry = known.firstExpiry, firstExpiry > time { return }
    try Self.eraseCaptures(database, expiredBy: time)
    known.firstExpiry =
      try Int64.fetchOne(
        database.cachedStatement(sql: "SELECT min(expires_at) FROM message_capture")) ?? .max
  }

  private func prepared(_ database: Database) throws -> Statements {
    if let statements { return statements }
    let made = try Statements(database)
    statements = made
    return made
  }

  /// The statements that each message needs; to find them by their text would take longer than
  /// some of them run.
  private struct Statements {
    let begin: Statement
    let commit: Statement
    let findPolicy: Statement
    let insertMessage: Statement
    let insertNumberedMessage: Statement
    let insertSPF: Statement
    let insertDKIM: Statement

    init(_ database: Database) throws {
      begin = try database.cachedStatement(sql: "BEGIN IMMEDIATE")
      commit = try database.cachedStatement(sql: "COMMIT")
      findPolicy = try database.cachedStatement(sql: MessageRow.findPolicy)
      insertMessage = try database.cachedStatement(sql: MessageRow.insertMessage)
      insertNumberedMessage = try database.cachedStatement(sql: MessageRow.insertNumberedMessage)
      insertSPF = try database.cachedStatement(sql: MessageRow.insertSPF)
      insertDKIM = try database.cachedStatement(sql: MessageRow.insertDKIM)
    }
  }
}
