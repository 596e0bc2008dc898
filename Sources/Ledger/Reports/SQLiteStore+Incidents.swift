import GRDB
public import MailAuth

// Incidents wait in the ledger until a run makes reports of them or drops them; with that their
// details are erased, so that the ledger keeps no more of a message than it must.

extension SQLiteStore {
  /// How many incidents may wait; what comes beyond is dropped at once.
  ///
  /// A wave of forged mail, or a run that never comes, must not fill the disk.
  public static let mostWaitingIncidents = 5_000

  /// The incidents that wait for a report, oldest first.
  ///
  /// - Parameter limit: The most to return.
  /// - Returns: The incidents.
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  public func waitingIncidents(limit: Int) throws(LedgerError) -> [StoredIncident] {
    try look { database in
      try rows(
        database,
        """
        SELECT message_id, details FROM failure_incident
        WHERE reported_in IS NULL AND dropped IS NULL ORDER BY message_id LIMIT ?
        """, [limit]
      ).map { row in
        // One that cannot be read must not stand in the way of the others.
        let incident: FailureIncident? = try? row.json("details")
        return StoredIncident(messageID: Int64(try row.integer("message_id")), incident: incident)
      }
    }
  }

  /// Keeps a failure report with its deliveries and marks what it reports, all or nothing.
  ///
  /// - Parameters:
  ///   - report: The report.
  ///   - deliveries: Where it goes.
  ///   - incidents: ``StoredIncident/messageID`` of what it reports.
  /// - Returns: Whether it was kept; false when one of them was reported or dropped meanwhile, or
  ///   the report is there already. Then nothing changed.
  /// - Throws: ``LedgerError`` when the ledger cannot be written.
  public func keep(
    _ report: StoredReport, _ deliveries: [StoredDelivery], of incidents: [Int64]
  ) throws(LedgerError) -> Bool {
    try change { database in
      var isKept = false
      try database.inSavepoint {
        let marked = try close(incidents, in: database, reportedIn: report.reportID, dropped: nil)
        isKept =
          try marked == incidents.count && insert(report, deliveries, into: database)
        return isKept ? .commit : .rollback
      }
      return isKept
    }
  }

  /// Gives incidents up: they will not be reported.
  ///
  /// - Parameters:
  ///   - incidents: ``StoredIncident/messageID`` of each; those that do not wait stay as they are.
  ///   - reason: Why, in words.
  /// - Throws: ``LedgerError`` when the ledger cannot be written.
  public func drop(_ incidents: [Int64], reason: String) throws(LedgerError) {
    try change { database in
      _ = try close(incidents, in: database, reportedIn: nil, dropped: reason)
    }
  }

  /// How many failure reports about a policy domain were made since a time, seconds since the epoch.
  public func failureReportCount(
    about policyDomain: DomainName, since: Int64
  ) throws(LedgerError) -> Int {
    try look { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM report
          WHERE kind = 'failure' AND policy_domain = ? AND built_at > ?
          """, arguments: [policyDomain.text, since]) ?? 0
    }
  }

  /// Why incidents were given up, and how many for each reason.
  public func droppedIncidents() throws(LedgerError) -> [String: Int] {
    try look { database in
      let found = try rows(
        database,
        "SELECT dropped, count(*) AS n FROM failure_incident WHERE dropped IS NOT NULL GROUP BY 1")
      return try Dictionary(
        found.map { (try $0.text("dropped"), try $0.integer("n")) }, uniquingKeysWith: +)
    }
  }

  /// Ends the waiting of incidents, erases their details, and says how many waited.
  private func close(
    _ incidents: [Int64], in database: Database, reportedIn reportID: String?, dropped: String?
  ) throws -> Int {
    let statement = try database.cachedStatement(
      sql: """
        UPDATE failure_incident SET reported_in = ?, dropped = ?, details = '{}'
        WHERE message_id = ? AND reported_in IS NULL AND dropped IS NULL
        """)
    var count = 0
    for incident in incidents {
      try statement.execute(arguments: [reportID, dropped, incident])
      count += database.changesCount
    }
    return count
  }
}

extension MessageRow {
  /// Drops what comes beyond ``SQLiteStore/mostWaitingIncidents``.
  static let insertIncident = """
    WITH room AS (
      SELECT count(*) < \(SQLiteStore.mostWaitingIncidents) AS is_there FROM failure_incident
      WHERE reported_in IS NULL AND dropped IS NULL)
    INSERT INTO failure_incident (message_id, details, dropped)
    SELECT :message, CASE WHEN is_there THEN :details ELSE '{}' END,
      CASE WHEN is_there THEN NULL ELSE 'too many incidents were waiting already' END
    FROM room
    """
}
