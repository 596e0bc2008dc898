import Foundation
import GRDB
import MailAuth

// What reports are built from.

extension SQLiteSnapshot {
  func members(of window: ReportWindow) throws -> WindowMembers {
    let windows = try Row.fetchAll(
      database,
      sql: "SELECT begin_at, end_at, through_message_id FROM report_window WHERE begin_at <> ?",
      arguments: [window.period.lowerBound]
    ).map { try StoredRow(row: $0, path: path).closedPeriod() }
    var late: [Int64: WindowMembers.Late] = [:]
    if !windows.isEmpty {
      try lateMessages(of: window, windows) { policyID, id, isReportTraffic, receivedAt in
        late[policyID, default: .init()].add(id, isReportTraffic, receivedAt)
      }
    }
    return WindowMembers(
      period: window.period, throughMessageID: window.throughMessageID, late: late)
  }

  /// A window as the search for late messages sees it.
  fileprivate struct ClosedPeriod {
    let begin: Int64
    let end: Int64
    let throughMessageID: Int64
  }

  /// Visits the messages of other periods that became known between the windows closed before this
  /// one and this one, and whose own window had been closed by then.
  private func lateMessages(
    of window: ReportWindow, _ windows: [ClosedPeriod],
    _ body: (_ policyID: Int64, _ id: Int64, _ isReportTraffic: Bool, _ receivedAt: Int64) -> Void
  ) throws {
    // By row number, one pass over what came since; the unary plus keeps SQLite from walking
    // through all times instead.
    let cursor = try Row.fetchCursor(
      database,
      sql: """
        SELECT id, received_at, policy_record_id, report_traffic FROM message
        WHERE id > ? AND id <= ? AND (+received_at < ? OR +received_at >= ?)
          AND author_domain IS NOT NULL AND +policy_record_id IS NOT NULL
        ORDER BY id
        """,
      arguments: [
        window.afterMessageID, window.throughMessageID, window.period.lowerBound,
        window.period.upperBound,
      ])
    while let next = try cursor.next() {
      let row = StoredRow(row: next, path: path)
      let id = Int64(try row.integer("id"))
      let receivedAt = Int64(try row.integer("received_at"))
      let own = windows.first { $0.begin <= receivedAt && receivedAt < $0.end }
      // Without a window of its own it will get one, and be counted there.
      guard let own, own.throughMessageID < id else { continue }
      body(
        Int64(try row.integer("policy_record_id")), id, try row.flag("report_traffic"), receivedAt)
    }
  }

  func policies(
    of members: WindowMembers, policyDomain: DomainName?
  ) throws -> [StoredPolicy] {
    let cursor = try Row.fetchCursor(
      database,
      sql: """
        SELECT policy_record_id, count(*) AS messages, sum(report_traffic) AS report_traffic,
          max(received_at) AS last_seen_at
        FROM message
        WHERE received_at >= :start AND received_at < :end AND id <= :through
          AND author_domain IS NOT NULL AND policy_record_id IS NOT NULL
        GROUP BY policy_record_id
        """,
      arguments: [
        "start": members.period.lowerBound, "end": members.period.upperBound,
        "through": members.throughMessageID,
      ])
    var counts: [Int64: PolicyCounts] = [:]
    while let next = try cursor.next() {
      let row = StoredRow(row: next, path: path)
      counts[Int64(try row.integer("policy_record_id"))] = PolicyCounts(
        messages: try row.integer("messages"), reportTraffic: try row.integer("report_traffic"),
        lastSeenAt: Int64(try row.integer("last_seen_at")))
    }
    for (policyID, late) in members.late { counts[policyID, default: .init()].add(late) }
    let policies = try counts.compactMap { id, counts in
      try policy(id, policyDomain, counts)
    }
    return policies.sorted { left, right in
      (left.policyDomain.text, left.id) < (right.policyDomain.text, right.id)
    }
  }

  /// How many messages there are under one policy record.
  private struct PolicyCounts {
    var messages = 0
    var reportTraffic = 0
    var lateMessages = 0
    var lastSeenAt = Int64.min

    mutating func add(_ late: WindowMembers.Late) {
      messages += late.messageIDs.count
      reportTraffic += late.reportTraffic
      lateMessages += late.messageIDs.count - late.reportTraffic
      lastSeenAt = max(lastSeenAt, late.lastSeenAt)
    }
  }

  /// Reads a policy record; nil when it cannot be reported about, or not about this domain.
  private func policy(
    _ id: Int64, _ policyDomain: DomainName?, _ counts: PolicyCounts
  ) throws -> StoredPolicy? {
    let found = try Row.fetchOne(
      database.cachedStatement(
        sql: """
          SELECT * FROM policy_record
          WHERE id = ? AND policy_domain IS NOT NULL AND p IS NOT NULL
          """), arguments: [id])
    guard let found else { return nil }
    let row = StoredRow(row: found, path: path)
    let domain = try row.domain("policy_domain")
    guard policyDomain == nil || domain == policyDomain else { return nil }
    guard let record = try row.policyRecord() else { throw row.unreadable("p") }
    return StoredPolicy(
      id: id, policyDomain: domain, discovery: try row.word("discovery"), record: record,
      text: try row.optionalText("text"), messages: counts.messages - counts.reportTraffic,
      lateMessages: counts.lateMessages, reportTraffic: counts.reportTraffic,
      lastSeenAt: counts.lastSeenAt)
  }

  func reportableMessages(
    ofPolicies policyIDs: [Int64], of members: WindowMembers,
    _ body: (ReportableMessage) throws -> Void
  ) throws {
    var reasons = ReasonLists()
    let statement = try database.cachedStatement(sql: Self.reportableMessages)
    let lateStatement = try database.cachedStatement(sql: Self.lateReportableMessages)
    for policyID in policyIDs {
      try visit(
        Row.fetchCursor(
          statement,
          arguments: [
            policyID, members.period.lowerBound, members.period.upperBound,
            members.throughMessageID,
          ]), isLate: false, &reasons, body)
      let late = members.late[policyID]?.messageIDs ?? []
      for begin in stride(from: 0, to: late.count, by: 1_000) {
        let numbers = late[begin..<min(begin + 1_000, late.count)].map(String.init)
        try visit(
          Row.fetchCursor(
            lateStatement, arguments: ["[" + numbers.joined(separator: ",") + "]"]), isLate: true,
          &reasons, body)
      }
    }
  }

  private func visit(
    _ cursor: RowCursor, isLate: Bool, _ reasons: inout ReasonLists,
    _ body: (ReportableMessage) throws -> Void
  ) throws {
    // The join repeats a message for each of its signatures: they follow one another.
    var current: (id: Int, message: ReportableMessage)?
    while let next = try cursor.next() {
      let row = StoredRow(row: next, path: path)
      let id = try row.integer("id")
      if current?.id != id {
        if let message = current?.message { try body(message) }
        current = (
          id, try row.reportableMessage(reasons: try reasons.list(of: row), isLate: isLate)
        )
      }
      if let signature = try row.reportableDKIM() { current?.message.dkim.append(signature) }
    }
    if let message = current?.message { try body(message) }
  }

  static let reportableMessages =
    reportableColumns + """
      WHERE policy_record_id = ? AND received_at >= ? AND received_at < ? AND message.id <= ?
        AND author_domain IS NOT NULL AND report_traffic = 0
      ORDER BY received_at, message.id, position
      """

  private static let lateReportableMessages =
    reportableColumns + """
      WHERE message.id IN (SELECT value FROM json_each(?)) AND report_traffic = 0
      ORDER BY message.id, position
      """

  private static let reportableColumns = """
    SELECT message.id, client_address, author_domain, author_domain_exists, null_reverse_path,
      envelope_from_domain, dmarc_result, dmarc_cause, applied_policy, spf_aligned, dkim_aligned,
      disposition, override_reasons, spf_outcome.domain AS spf_domain,
      spf_outcome.result AS spf_result, spf_outcome.cause AS spf_cause,
      dkim_outcome.domain AS dkim_domain, dkim_outcome.selector AS dkim_selector,
      dkim_outcome.result AS dkim_result, dkim_outcome.cause AS dkim_cause,
      dkim_outcome.is_aligned AS dkim_is_aligned
    FROM message
    JOIN spf_outcome ON spf_outcome.message_id = message.id AND spf_outcome.identity = 'mailFrom'
    LEFT JOIN dkim_outcome ON dkim_outcome.message_id = message.id

    """
}

/// The lists of reasons met lately: few differ, and reading JSON takes long.
private struct ReasonLists {
  private var lists: [String: [OverrideReason]] = [:]

  mutating func list(of row: StoredRow) throws -> [OverrideReason] {
    let text = try row.text("override_reasons")
    if text == "[]" { return [] }
    if let list = lists[text] { return list }
    let list: [OverrideReason] = try row.list("override_reasons")
    if lists.count >= 1_000 { lists.removeAll() }
    lists[text] = list
    return list
  }
}

extension WindowMembers.Late {
  fileprivate mutating func add(_ id: Int64, _ isReportTraffic: Bool, _ receivedAt: Int64) {
    messageIDs.append(id)
    if isReportTraffic { reportTraffic += 1 }
    lastSeenAt = max(lastSeenAt, receivedAt)
  }
}

extension StoredRow {
  fileprivate func closedPeriod() throws -> SQLiteSnapshot.ClosedPeriod {
    SQLiteSnapshot.ClosedPeriod(
      begin: Int64(try integer("begin_at")), end: Int64(try integer("end_at")),
      throughMessageID: Int64(try integer("through_message_id")))
  }

  fileprivate func reportableMessage(
    reasons: [OverrideReason], isLate: Bool
  ) throws -> ReportableMessage {
    ReportableMessage(
      clientAddress: try address("client_address"), authorDomain: try domain("author_domain"),
      authorDomainExists: try optionalFlag("author_domain_exists"),
      hasNullReversePath: try flag("null_reverse_path"),
      envelopeFromDomain: try optionalOctets("envelope_from_domain"),
      spf: ReportableMessage.SPF(
        domain: try text("spf_domain"), result: try word("spf_result"),
        cause: try word("spf_cause")),
      dkim: [], result: try word("dmarc_result"), cause: try word("dmarc_cause"),
      appliedPolicy: try optionalWord("applied_policy"), spfAligned: try flag("spf_aligned"),
      dkimAligned: try flag("dkim_aligned"), disposition: try word("disposition"),
      overrideReasons: reasons, isLate: isLate)
  }

  fileprivate func reportableDKIM() throws -> ReportableMessage.DKIM? {
    guard let result: DKIMResult = try optionalWord("dkim_result") else { return nil }
    return ReportableMessage.DKIM(
      domain: try text("dkim_domain"), selector: try text("dkim_selector"), result: result,
      cause: try word("dkim_cause"), isAligned: try optionalFlag("dkim_is_aligned"))
  }
}
