import Foundation
import GRDB
import MailAuth
import TestSupport
import Testing

@testable import Ledger

/// What is kept of messages to evaluate them again, and that it goes.
@Suite struct MessageCaptureTests {
  private static func capture(expiresAt: Int64 = testTime + 86_400) -> MessageCapture {
    MessageCapture(
      expiresAt: expiresAt,
      settings: [
        .init(key: "policy.enforce", values: ["reject"]),
        .init(key: "arc.trusted_sealers", values: [], isList: true),
      ], mailFrom: Array("ann+x@example.com".utf8),
      dns: [
        RecordedAnswer(
          name: "example.com", type: .txt, outcome: .answer, records: [.txt([[0x76, 0xFF]])])
      ],
      header: [
        HeaderField("From", " Ann <ann@example.com>"),
        HeaderField("Subject", " a\r\n\tfolded: one\r\n "),
        HeaderField(name: Array("X-Odd".utf8), value: [0xE9, 0x0D, 0x3A, 0x0A]),
        HeaderField("Empty", ""),
      ], body: [0x00, 0xFF, 0x0D, 0x0A],
      bodyHashes: BodyHashes(entries: [
        .init(canonicalization: "relaxed", limit: 3, bodyLength: 1, sha256: nil)
      ]))
  }

  private func record(_ queueID: String, at time: Int64, _ capture: MessageCapture?)
    -> MessageRecord
  {
    var record = MessageRecord.test(queueID: queueID, at: time)
    record.capture = capture
    return record
  }

  private func kept(_ store: SQLiteStore) throws -> [String: MessageCapture] {
    try store.read { ledger in
      var ids: [String: Int64] = [:]
      try ledger.messages(in: 0..<Int64.max) { ids[$0.record.queueID] = $0.id }
      return try ids.compactMapValues { try ledger.capture(ofMessage: $0) }
    }
  }

  @Test func comesBackAsItWas() throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    var sparse = Self.capture()
    sparse.header = nil
    sparse.body = nil
    sparse.mailFrom = []
    try store.append(record("A", at: testTime, Self.capture()))
    try store.append(record("B", at: testTime, sparse))
    try store.append(record("C", at: testTime, nil))
    #expect(try kept(store) == ["A": Self.capture(), "B": sparse])
  }

  @Test func isErasedWhenItsTimeIsUp() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    let store = try SQLiteStore(path: path)
    try store.append(record("A", at: testTime, Self.capture(expiresAt: testTime + 100)))
    try store.append(record("B", at: testTime, Self.capture(expiresAt: testTime + 200)))
    try store.append(record("C", at: testTime + 99, nil))
    #expect(try kept(store).keys.sorted() == ["A", "B"])
    try store.append(record("D", at: testTime + 100, nil))
    #expect(try kept(store).keys.sorted() == ["B"])
    // The record stays.
    let count = try store.read { ledger in
      var count = 0
      try ledger.messages(queueID: "A") { _ in count += 1 }
      return count
    }
    #expect(count == 1)
    #expect(try store.inspectWriter { try Int.fetchOne($0, sql: "PRAGMA secure_delete") } == 1)
  }

  @Test func isErasedWhenTheLedgerIsOpenedLater() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("ledger.sqlite")
    let now = Int64(Date().timeIntervalSince1970)
    let store = try SQLiteStore(path: path)
    try store.append(record("A", at: now - 1000, Self.capture(expiresAt: now - 1)))
    try store.append(record("B", at: now - 1000, Self.capture(expiresAt: now + 1000)))
    #expect(try kept(store).count == 2)
    store.close()
    #expect(try kept(SQLiteStore(path: path)).keys.sorted() == ["B"])
  }
}
