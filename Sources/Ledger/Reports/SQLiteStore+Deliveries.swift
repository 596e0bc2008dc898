import GRDB
import MailAuth

extension SQLiteStore {
  /// The deliveries of a report; see ``ReportStore/deliveries(ofReport:)``.
  public func deliveries(ofReport reportID: String) throws(LedgerError) -> [StoredDelivery] {
    try look { database in
      try rows(
        database, "\(Self.selectDelivery) WHERE report.report_id = ? ORDER BY report_delivery.id",
        [reportID]
      ).map { try $0.delivery() }
    }
  }

  /// Deliveries that are due; see ``ReportStore/deliveries(in:dueAt:_:)``.
  public func deliveries(
    in states: Set<DeliveryState>, dueAt now: Int64?, _ filter: ReportFilter
  ) throws(LedgerError) -> [StoredDelivery] {
    // The words of an enumeration, so they may stand in the statement.
    let words = states.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
    return try look { database in
      try rows(
        database,
        """
        \(Self.selectDelivery)
        WHERE state IN (\(words)) AND (:now IS NULL OR coalesce(next_attempt_at, 0) <= :now)
          AND \(Self.condition)
        ORDER BY coalesce(next_attempt_at, 0), report_delivery.id
        """, Self.arguments(filter) &+ ["now": now]
      ).map { try $0.delivery() }
    }
  }

  /// The delivery that a token names; see ``ReportStore/delivery(token:)``.
  public func delivery(token: String) throws(LedgerError) -> StoredDelivery? {
    try look { database in
      try rows(database, "\(Self.selectDelivery) WHERE token = ?", [token]).first?.delivery()
    }
  }

  /// What happened to a delivery; see ``ReportStore/events(ofDelivery:)``.
  public func events(ofDelivery id: Int64) throws(LedgerError) -> [DeliveryEvent] {
    try look { database in
      try rows(database, "SELECT * FROM delivery_event WHERE delivery_id = ? ORDER BY id", [id])
        .map { row in
          DeliveryEvent(
            at: Int64(try row.integer("at")), state: try row.word("state"),
            text: try row.optionalText("text"))
        }
    }
  }

  /// Brings a delivery to a new state; see ``ReportStore/change(_:from:)``.
  public func change(
    _ delivery: StoredDelivery, from expected: DeliveryState
  ) throws(LedgerError) -> Bool {
    try change { database in
      try database.execute(
        sql: """
          UPDATE report_delivery SET state = ?, reason = ?, answer = ?, attempts = ?,
            next_attempt_at = ?, planned_at = ?, changed_at = ?
          WHERE id = ? AND state = ?
          """,
        arguments: [
          delivery.state.rawValue, delivery.reason, delivery.answer, delivery.attempts,
          delivery.nextAttemptAt, delivery.plannedAt, delivery.changedAt, delivery.id,
          expected.rawValue,
        ])
      guard database.changesCount > 0 else { return false }
      try addEvent(delivery, in: database)
      return true
    }
  }

  /// Adds a delivery; see ``ReportStore/add(_:)``.
  public func add(_ delivery: StoredDelivery) throws(LedgerError) -> StoredDelivery {
    try change { database in
      var added = delivery
      added.id = try insert(delivery, into: database)
      return added
    }
  }

  /// Counts deliveries to an address; see ``ReportStore/deliveryCount(to:plannedIn:)``.
  public func deliveryCount(
    to destination: String, plannedIn span: Range<Int64>
  ) throws(LedgerError) -> Int {
    try look { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM report_delivery WHERE destination = ?
            AND planned_at >= ? AND planned_at < ? AND state NOT IN ('suppressed', 'failed')
          """, arguments: [destination, span.lowerBound, span.upperBound]) ?? 0
    }
  }

  /// Counts bounces of an address; see ``ReportStore/bounceCount(of:since:)``.
  public func bounceCount(of destination: String, since: Int64) throws(LedgerError) -> Int {
    try look { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM report_delivery
          WHERE destination = ? AND state = 'bounced' AND changed_at >= ?
          """, arguments: [destination, since]) ?? 0
    }
  }

  private static let selectDelivery = """
    SELECT report_delivery.*, report.report_id AS report_text
    FROM report_delivery JOIN report ON report.id = report_delivery.report_id
    """

  /// Inserts a delivery with its first event and returns its number.
  func insert(_ delivery: StoredDelivery, into database: Database) throws -> Int64 {
    try database.execute(
      sql: """
        INSERT INTO report_delivery (report_id, destination, format, state, reason, answer,
          attempts, next_attempt_at, planned_at, changed_at, token)
        SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM report WHERE report_id = ?
        """,
      arguments: [
        delivery.destination, delivery.format, delivery.state.rawValue, delivery.reason,
        delivery.answer, delivery.attempts, delivery.nextAttemptAt, delivery.plannedAt,
        delivery.changedAt, delivery.token, delivery.reportID,
      ])
    guard database.changesCount > 0 else {
      throw LedgerError(path: path, problem: .unreadable("no report \(delivery.reportID)"))
    }
    var inserted = delivery
    inserted.id = database.lastInsertedRowID
    try addEvent(inserted, in: database)
    return inserted.id
  }

  private func addEvent(_ delivery: StoredDelivery, in database: Database) throws {
    // What the mail server said belongs to the states that it decided.
    let text =
      switch delivery.state {
      case .sent: delivery.answer
      case .planned, .sending, .deferred, .suppressed, .failed, .bounced: delivery.reason
      }
    try database.execute(
      sql: "INSERT INTO delivery_event (delivery_id, at, state, text) VALUES (?, ?, ?, ?)",
      arguments: [delivery.id, delivery.changedAt, delivery.state.rawValue, text])
  }
}

extension StoredRow {
  fileprivate func delivery() throws -> StoredDelivery {
    StoredDelivery(
      id: Int64(try integer("id")), reportID: try text("report_text"),
      destination: try text("destination"), format: try text("format"), state: try word("state"),
      reason: try optionalText("reason"), answer: try optionalText("answer"),
      attempts: try integer("attempts"),
      nextAttemptAt: try optionalInteger("next_attempt_at").map(Int64.init),
      plannedAt: Int64(try integer("planned_at")), changedAt: Int64(try integer("changed_at")),
      token: try text("token"))
  }
}
