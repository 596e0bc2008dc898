import Ledger
import MailAuth
import Synchronization

@testable import Reports

/// How many more steps a process lives; after that it does nothing any more.
final class Lifetime: Sendable {
  private let left: Mutex<Int>

  init(steps: Int) { left = Mutex(steps) }

  /// Whether it died before its work was done.
  var isOver: Bool { left.withLock { $0 < 0 } }

  /// Takes a step; false when the process is dead.
  func step() -> Bool {
    left.withLock { left in
      if left >= 0 { left -= 1 }
      return left >= 0
    }
  }
}

/// A mail server as a process of limited life reaches it: it may die before a step and after it.
struct MortalTransport: ReportTransport {
  let server: FakeServer
  let life: Lifetime

  private func step() throws(ReportTransportError) {
    guard life.step() else { throw ReportTransportError("dead") }
  }

  func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer {
    try step()
    let answer = try server.handOver(mail)
    try step()
    return answer
  }

  func earlierAnswer(token: String) throws(ReportTransportError) -> TransportAnswer? {
    try step()
    return try server.earlierAnswer(token: token)
  }

  func finish(token: String) throws(ReportTransportError) {
    try step()
    try server.finish(token: token)
    try step()
  }
}

/// The ledger as a process of limited life writes it; reading takes no step.
struct MortalStore: ReportStore {
  let store: SQLiteStore
  let life: Lifetime

  private func step() throws(LedgerError) {
    guard life.step() else { throw LedgerError(path: "", problem: .closed) }
  }

  /// Dies before the write, or after it was made durable.
  private func writing<Value>(
    _ body: () throws(LedgerError) -> Value
  ) throws(LedgerError) -> Value {
    try step()
    let value = try body()
    try step()
    return value
  }

  func closeWindow(_ period: Range<Int64>, now: Int64) throws(LedgerError) -> ReportWindow {
    try writing { () throws(LedgerError) in try store.closeWindow(period, now: now) }
  }

  func windowIsPlanned(_ period: Range<Int64>, now: Int64) throws(LedgerError) {
    try writing { () throws(LedgerError) in try store.windowIsPlanned(period, now: now) }
  }

  func keep(
    _ report: StoredReport, _ deliveries: [StoredDelivery]
  ) throws(LedgerError) -> Bool {
    try writing { () throws(LedgerError) in try store.keep(report, deliveries) }
  }

  func change(
    _ delivery: StoredDelivery, from expected: DeliveryState
  ) throws(LedgerError) -> Bool {
    try writing { () throws(LedgerError) in try store.change(delivery, from: expected) }
  }

  func add(_ delivery: StoredDelivery) throws(LedgerError) -> StoredDelivery {
    try writing { () throws(LedgerError) in try store.add(delivery) }
  }

  func suppress(_ suppression: Suppression) throws(LedgerError) {
    try writing { () throws(LedgerError) in try store.suppress(suppression) }
  }

  func unsuppress(_ subject: Suppression.Subject) throws(LedgerError) -> Bool {
    try writing { () throws(LedgerError) in try store.unsuppress(subject) }
  }

  func keep(_ authorization: StoredAuthorization) throws(LedgerError) {
    try writing { () throws(LedgerError) in try store.keep(authorization) }
  }

  func takeLease(
    _ lease: ReportLease, now: Int64, isGone: (ReportLease) -> Bool
  ) throws(LedgerError) -> ReportLease? {
    try store.takeLease(lease, now: now, isGone: isGone)
  }

  func releaseLease(holder: String) throws(LedgerError) {
    try store.releaseLease(holder: holder)
  }

  // MARK: Reading

  func reportWindows() throws(LedgerError) -> [ReportWindow] { try store.reportWindows() }

  func firstMessageTime(since time: Int64) throws(LedgerError) -> Int64? {
    try store.firstMessageTime(since: time)
  }

  func reports(_ filter: ReportFilter) throws(LedgerError) -> [StoredReport] {
    try store.reports(filter)
  }

  func deliveries(ofReport reportID: String) throws(LedgerError) -> [StoredDelivery] {
    try store.deliveries(ofReport: reportID)
  }

  func deliveries(
    in states: Set<DeliveryState>, dueAt now: Int64?, _ filter: ReportFilter
  ) throws(LedgerError) -> [StoredDelivery] {
    try store.deliveries(in: states, dueAt: now, filter)
  }

  func delivery(token: String) throws(LedgerError) -> StoredDelivery? {
    try store.delivery(token: token)
  }

  func events(ofDelivery id: Int64) throws(LedgerError) -> [DeliveryEvent] {
    try store.events(ofDelivery: id)
  }

  func deliveryCount(
    to destination: String, plannedIn span: Range<Int64>
  ) throws(LedgerError) -> Int {
    try store.deliveryCount(to: destination, plannedIn: span)
  }

  func bounceCount(of destination: String, since: Int64) throws(LedgerError) -> Int {
    try store.bounceCount(of: destination, since: since)
  }

  func suppressions() throws(LedgerError) -> [Suppression] { try store.suppressions() }

  func authorization(
    policyDomain: DomainName, host: DomainName, tag: StoredAuthorization.Tag, now: Int64
  ) throws(LedgerError) -> StoredAuthorization? {
    try store.authorization(policyDomain: policyDomain, host: host, tag: tag, now: now)
  }
}
