import Foundation
import GRDB
import MailAuth

extension SQLiteStore: ReportStore {
  /// Closes a window; see ``ReportStore/closeWindow(_:now:)``.
  public func closeWindow(
    _ period: Range<Int64>, now: Int64
  ) throws(LedgerError) -> ReportWindow {
    try change { database in
      try database.execute(
        sql: """
          INSERT INTO report_window
          SELECT :begin, :end, :now,
            coalesce((SELECT max(through_message_id) FROM report_window), 0),
            coalesce((SELECT max(id) FROM message), 0), NULL
          WHERE true ON CONFLICT DO NOTHING
          """,
        arguments: ["begin": period.lowerBound, "end": period.upperBound, "now": now])
      let row = try Row.fetchOne(
        database, sql: "SELECT * FROM report_window WHERE begin_at = ? AND end_at = ?",
        arguments: [period.lowerBound, period.upperBound])
      guard let row else {
        throw LedgerError(
          path: path, problem: .unreadable("a report window overlaps \(period)"))
      }
      return try StoredRow(row: row, path: path).reportWindow()
    }
  }

  /// All windows; see ``ReportStore/reportWindows()``.
  public func reportWindows() throws(LedgerError) -> [ReportWindow] {
    try look { database in
      try rows(database, "SELECT * FROM report_window ORDER BY begin_at").map {
        try $0.reportWindow()
      }
    }
  }

  /// Notes that a window is done; see ``ReportStore/windowIsPlanned(_:now:)``.
  public func windowIsPlanned(_ period: Range<Int64>, now: Int64) throws(LedgerError) {
    try change { database in
      try database.execute(
        sql: "UPDATE report_window SET planned_at = coalesce(planned_at, ?) WHERE begin_at = ?",
        arguments: [now, period.lowerBound])
    }
  }

  /// The first message since a time; see ``ReportStore/firstMessageTime(since:)``.
  public func firstMessageTime(since time: Int64) throws(LedgerError) -> Int64? {
    try look { database in
      try Int64.fetchOne(
        database, sql: "SELECT min(received_at) FROM message WHERE received_at >= ?",
        arguments: [time])
    }
  }

  /// Keeps a report; see ``ReportStore/keep(_:_:)``.
  public func keep(
    _ report: StoredReport, _ deliveries: [StoredDelivery]
  ) throws(LedgerError) -> Bool {
    try change { database in try insert(report, deliveries, into: database) }
  }

  /// Finds reports; see ``ReportStore/reports(_:)``.
  public func reports(_ filter: ReportFilter) throws(LedgerError) -> [StoredReport] {
    try look { database in
      try rows(
        database,
        """
        SELECT * FROM report WHERE \(Self.condition)
        ORDER BY begin_at, policy_domain, report_id
        """, Self.arguments(filter)
      ).map { try $0.report() }
    }
  }

  static let condition = """
    (:begin IS NULL OR (begin_at < :end AND end_at > :begin))
    AND (:domain IS NULL OR policy_domain = :domain)
    AND (:report IS NULL OR report.report_id = :report) AND (:kind IS NULL OR kind = :kind)
    """

  static func arguments(_ filter: ReportFilter) -> StatementArguments {
    [
      "begin": filter.period?.lowerBound, "end": filter.period?.upperBound,
      "domain": filter.policyDomain?.text, "report": filter.reportID, "kind": filter.kind?.rawValue,
    ]
  }

  /// Letters and digits, drawn when the ledger was made, that tell it from all others: part of
  /// the IDs of its reports.
  ///
  /// - Throws: When the ledger cannot be read.
  public func identity() throws(LedgerError) -> String {
    try look { database in
      let row = try Row.fetchOne(database, sql: "SELECT identity FROM ledger_state")
      guard let row else {
        throw LedgerError(path: path, problem: .unreadable("ledger_state has no row"))
      }
      return try StoredRow(row: row, path: path).text("identity")
    }
  }

  // MARK: Shared with the other parts

  /// Inserts a report with its deliveries; false when one with this ID stands in the way.
  func insert(
    _ report: StoredReport, _ deliveries: [StoredDelivery], into database: Database
  ) throws -> Bool {
    // One that failed its check never left, so a better one may take its place.
    try database.execute(
      sql: "DELETE FROM report WHERE report_id = ? AND problem IS NOT NULL",
      arguments: [report.reportID])
    try database.execute(
      sql: """
        INSERT INTO report (kind, report_id, policy_domain, begin_at, end_at, file_name, messages,
          late_messages, aligned_messages, row_count, problem, note, content, built_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
        """,
      arguments: [
        report.kind.rawValue, report.reportID, report.policyDomain.text,
        report.period.lowerBound, report.period.upperBound, report.fileName, report.messages,
        report.lateMessages, report.alignedMessages, report.rows, report.problem, report.note,
        report.content.map { Data($0) }, report.builtAt,
      ])
    guard database.changesCount > 0 else { return false }
    for delivery in deliveries { _ = try insert(delivery, into: database) }
    return true
  }

  /// Runs a transaction that changes something.
  func change<Result>(_ body: (Database) throws -> Result) throws(LedgerError) -> Result {
    guard !isReadOnly else {
      throw LedgerError(path: path, problem: .notWritable("opened read only"))
    }
    do {
      return try pool.write(body)
    } catch {
      throw LedgerError(error, path: path)
    }
  }

  /// Runs a transaction that changes nothing.
  func look<Result>(_ body: (Database) throws -> Result) throws(LedgerError) -> Result {
    do {
      return try pool.read(body)
    } catch {
      throw LedgerError(error, path: path)
    }
  }

  func rows(
    _ database: Database, _ sql: String, _ arguments: StatementArguments = []
  ) throws -> [StoredRow] {
    try Row.fetchAll(database, sql: sql, arguments: arguments)
      .map { StoredRow(row: $0, path: path) }
  }
}

extension StoredRow {
  fileprivate func reportWindow() throws -> ReportWindow {
    ReportWindow(
      period: try period(), closedAt: Int64(try integer("closed_at")),
      afterMessageID: Int64(try integer("after_message_id")),
      throughMessageID: Int64(try integer("through_message_id")),
      plannedAt: try optionalInteger("planned_at").map(Int64.init))
  }

  fileprivate func report() throws -> StoredReport {
    StoredReport(
      kind: try word("kind"), reportID: try text("report_id"),
      policyDomain: try domain("policy_domain"), period: try period(),
      fileName: try text("file_name"), messages: try integer("messages"),
      lateMessages: try integer("late_messages"),
      alignedMessages: try integer("aligned_messages"), rows: try integer("row_count"),
      problem: try optionalText("problem"), note: try optionalText("note"),
      content: try optionalOctets("content"), builtAt: Int64(try integer("built_at")))
  }

  private func period() throws -> Range<Int64> {
    let begin = Int64(try integer("begin_at"))
    let end = Int64(try integer("end_at"))
    guard begin <= end else { throw unreadable("end_at") }
    return begin..<end
  }
}
