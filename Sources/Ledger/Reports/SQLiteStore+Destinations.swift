import Foundation
import GRDB
public import MailAuth

extension SQLiteStore {
  /// All entries; see ``ReportStore/suppressions()``.
  public func suppressions() throws(LedgerError) -> [Suppression] {
    try look { database in
      try rows(database, "SELECT * FROM suppression ORDER BY kind, subject").map { row in
        let text = try row.text("subject")
        return Suppression(
          subject: try row.text("kind") == "domain" ? .domain(text) : .address(text),
          reason: try row.text("reason"), origin: try row.word("origin"),
          createdAt: Int64(try row.integer("created_at")),
          expiresAt: try row.optionalInteger("expires_at").map(Int64.init))
      }
    }
  }

  /// Adds an entry; see ``ReportStore/suppress(_:)``.
  public func suppress(_ suppression: Suppression) throws(LedgerError) {
    try change { database in
      try database.execute(
        sql: "REPLACE INTO suppression VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
          suppression.subject.kind, suppression.subject.text, suppression.reason,
          suppression.origin.rawValue, suppression.createdAt, suppression.expiresAt,
        ])
    }
  }

  /// Removes an entry; see ``ReportStore/unsuppress(_:)``.
  public func unsuppress(_ subject: Suppression.Subject) throws(LedgerError) -> Bool {
    try change { database in
      try database.execute(
        sql: "DELETE FROM suppression WHERE kind = ? AND subject = ?",
        arguments: [subject.kind, subject.text])
      return database.changesCount > 0
    }
  }

  /// A kept answer; see ``ReportStore/authorization(policyDomain:host:tag:now:)``.
  public func authorization(
    policyDomain: DomainName, host: DomainName, tag: StoredAuthorization.Tag, now: Int64
  ) throws(LedgerError) -> StoredAuthorization? {
    try look { database in
      try rows(
        database,
        """
        SELECT * FROM destination_authorization
        WHERE policy_domain = ? AND host = ? AND tag = ? AND expires_at > ?
        """, [policyDomain.text, host.text, tag.rawValue, now]
      ).first.map { row in
        StoredAuthorization(
          policyDomain: policyDomain, host: host, tag: tag,
          isAuthorized: try row.flag("is_authorized"), overrides: try row.list("overrides"),
          reason: try row.text("reason"), expiresAt: Int64(try row.integer("expires_at")))
      }
    }
  }

  /// Keeps an answer; see ``ReportStore/keep(_:)``.
  public func keep(_ authorization: StoredAuthorization) throws(LedgerError) {
    try change { database in
      let overrides = try JSONEncoder().encode(authorization.overrides)
      try database.execute(
        sql: "REPLACE INTO destination_authorization VALUES (?, ?, ?, ?, ?, ?, ?)",
        arguments: [
          authorization.policyDomain.text, authorization.host.text, authorization.tag.rawValue,
          authorization.isAuthorized, String(decoding: overrides, as: UTF8.self),
          authorization.reason, authorization.expiresAt,
        ])
    }
  }

  /// Takes the lease; see ``ReportStore/takeLease(_:now:isGone:)``.
  public func takeLease(
    _ lease: ReportLease, now: Int64, isGone: (ReportLease) -> Bool
  ) throws(LedgerError) -> ReportLease? {
    try change { database in
      let held = try rows(database, "SELECT * FROM report_lease").first.map { row in
        ReportLease(
          holder: try row.text("holder"), host: try row.text("host"),
          process: Int32(truncatingIfNeeded: try row.integer("process")),
          processStart: try row.text("process_start"),
          expiresAt: Int64(try row.integer("expires_at")))
      }
      if let held, held.holder != lease.holder, held.expiresAt > now, !isGone(held) { return held }
      try database.execute(
        sql: "REPLACE INTO report_lease VALUES (1, ?, ?, ?, ?, ?)",
        arguments: [
          lease.holder, lease.host, lease.process, lease.processStart, lease.expiresAt,
        ])
      return nil
    }
  }

  /// Gives the lease back; see ``ReportStore/releaseLease(holder:)``.
  public func releaseLease(holder: String) throws(LedgerError) {
    try change { database in
      try database.execute(sql: "DELETE FROM report_lease WHERE holder = ?", arguments: [holder])
    }
  }
}

extension Suppression.Subject {
  fileprivate var kind: String {
    switch self {
    case .domain: "domain"
    case .address: "address"
    }
  }

  fileprivate var text: String {
    switch self {
    case .domain(let text), .address(let text): text
    }
  }
}
