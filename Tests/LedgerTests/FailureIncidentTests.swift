import GRDB
import MailAuth
import TestSupport
import Testing

@testable import Ledger

/// Incidents are kept with their messages.
@Suite struct FailureIncidentTests {
  private let directory: TemporaryDirectory
  private let store: SQLiteStore

  init() throws {
    directory = try TemporaryDirectory()
    var settings = SQLiteStore.Settings()
    settings.isDurable = false
    store = try SQLiteStore(path: directory.path("ledger.sqlite"), settings: settings)
  }

  private var incident: FailureIncident {
    FailureIncident(
      kind: .dkim, policyDomain: domain("example.com"), authorDomain: domain("a.example.com"),
      destinations: ["mailto:x@example.com"],
      sourceAddress: Envelope.test(client: "2001:db8::1").clientAddress,
      arrivedAt: testTime, reportingHost: "mx.example", authservID: "mx.example",
      mailFrom: "w@example.com", dmarcResult: .pass, failedMechanisms: [.dkim],
      signatures: [
        .init(
          domain: "example.com", selector: "s", identity: "@example.com", result: .fail,
          cause: .bodyHashMismatch, isAligned: nil)
      ],
      spf: .init(
        domain: nil, result: .softfail, failed: true, isAligned: false,
        records: [PublishedSPFRecord(domain: "example.com", text: "v=spf1")]),
      deliveryResult: .policy, subject: nil, header: "From: <w@example.com>\r\n")
  }

  private func record(_ queueID: String, isReportTraffic: Bool = false) -> MessageRecord {
    var record = MessageRecord.test(queueID: queueID)
    record.failureIncident = incident
    record.isReportTraffic = isReportTraffic
    return record
  }

  @Test func comesBackAsItWasAndOnceOnly() throws {
    try store.append(.test(queueID: "A"))
    try store.append(record("B"))
    try store.append(record("B"))
    #expect(
      try store.waitingIncidents(limit: 10) == [StoredIncident(messageID: 2, incident: incident)])
  }

  @Test func ownReportTrafficHasNone() throws {
    try store.append(record("A", isReportTraffic: true))
    #expect(try store.waitingIncidents(limit: 10).isEmpty)
    #expect(try store.droppedIncidents().isEmpty)
  }

  @Test func droppedOnesKeepNoDetails() throws {
    try store.append(record("A"))
    try store.drop([1], reason: "a reason")
    try store.drop([1], reason: "another")
    #expect(try store.droppedIncidents() == ["a reason": 1])
    let details = try store.inspectWriter { database in
      try String.fetchOne(database, sql: "SELECT details FROM failure_incident")
    }
    #expect(details == "{}")
  }

  @Test func onesThatCannotBeReadDoNotBlockTheOthers() throws {
    try store.append(record("A"))
    try store.append(record("B"))
    try store.inspectWriter { database in
      try database.execute(sql: "UPDATE failure_incident SET details = '[' WHERE message_id = 1")
    }
    #expect(try store.waitingIncidents(limit: 10).map { $0.incident == nil } == [true, false])
  }

  @Test func onlySoManyMayWait() throws {
    try store.inspectWriter { database in
      try database.execute(sql: "PRAGMA foreign_keys = OFF")
      try database.execute(
        sql: """
          WITH RECURSIVE n (i) AS (
            SELECT 1000000 UNION ALL SELECT i + 1 FROM n LIMIT \(SQLiteStore.mostWaitingIncidents))
          INSERT INTO failure_incident (message_id, details) SELECT i, '{}' FROM n
          """)
    }
    try store.append(record("A"))
    #expect(
      try store.droppedIncidents() == ["too many incidents were waiting already": 1])
  }
}
