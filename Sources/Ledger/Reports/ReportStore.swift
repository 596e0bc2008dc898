public import MailAuth

// The part of the ledger that remembers what became of reports.
//
//     window closed ──► reports built ──► deliveries planned ──► sending ──► sent | deferred | ...
//
// Every step is one transaction, so that a process killed at any moment leaves a state from which
// the next one goes on.

/// A place that keeps reports and their deliveries; safe to use from any thread.
public protocol ReportStore: Sendable {
  // MARK: Windows

  /// Closes the window of a period: from now on its members do not change.
  ///
  /// - Parameters:
  ///   - period: Seconds since the epoch, UTC.
  ///   - now: The time, seconds since the epoch.
  /// - Returns: The window; the one that is there already when the period was closed before.
  /// - Throws: ``LedgerError`` when the ledger cannot be written, or another window overlaps.
  func closeWindow(_ period: Range<Int64>, now: Int64) throws(LedgerError) -> ReportWindow

  /// All windows, oldest period first.
  func reportWindows() throws(LedgerError) -> [ReportWindow]

  /// Notes that all reports of a window were built and planned.
  func windowIsPlanned(_ period: Range<Int64>, now: Int64) throws(LedgerError)

  /// When the first message at or after a time was received, seconds since the epoch; nil when
  /// there is none.
  func firstMessageTime(since time: Int64) throws(LedgerError) -> Int64?

  // MARK: Reports and deliveries

  /// Keeps a report with its deliveries, all or nothing.
  ///
  /// - Returns: Whether it was kept; false when a report with this ID is there already, which then
  ///   stays as it is, unless it had a problem and never left: then it is replaced.
  func keep(_ report: StoredReport, _ deliveries: [StoredDelivery]) throws(LedgerError) -> Bool

  /// The reports that a filter lets through, by period, then policy domain, then ID.
  func reports(_ filter: ReportFilter) throws(LedgerError) -> [StoredReport]

  /// The deliveries of a report, in the order in which they were planned.
  func deliveries(ofReport reportID: String) throws(LedgerError) -> [StoredDelivery]

  /// Deliveries in some of the states whose next attempt is due, longest due first.
  ///
  /// - Parameters:
  ///   - states: The states.
  ///   - now: Seconds since the epoch; nil for all of the states, due or not.
  ///   - filter: Only deliveries of these reports.
  /// - Returns: The deliveries.
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  func deliveries(
    in states: Set<DeliveryState>, dueAt now: Int64?, _ filter: ReportFilter
  ) throws(LedgerError) -> [StoredDelivery]

  /// The delivery that a token names; nil when there is none.
  func delivery(token: String) throws(LedgerError) -> StoredDelivery?

  /// What happened to a delivery, oldest first.
  func events(ofDelivery id: Int64) throws(LedgerError) -> [DeliveryEvent]

  /// Brings a delivery to a new state and adds the event, if it still is in the expected state.
  ///
  /// - Parameters:
  ///   - delivery: All new values; ``StoredDelivery/id`` says which one.
  ///   - expected: The state it must be in.
  /// - Returns: Whether it was; otherwise nothing changed.
  /// - Throws: ``LedgerError`` when the ledger cannot be written.
  func change(
    _ delivery: StoredDelivery, from expected: DeliveryState
  ) throws(LedgerError) -> Bool

  /// Adds a delivery to a report that is there.
  ///
  /// - Returns: The delivery with its number.
  func add(_ delivery: StoredDelivery) throws(LedgerError) -> StoredDelivery

  /// How many deliveries to an address, planned in a span of time, were or will be sent.
  func deliveryCount(
    to destination: String, plannedIn span: Range<Int64>
  ) throws(LedgerError) -> Int

  /// How many deliveries to an address bounced since a time, seconds since the epoch.
  func bounceCount(of destination: String, since: Int64) throws(LedgerError) -> Int

  // MARK: Suppression

  /// All entries, expired ones too, in order of their subjects.
  func suppressions() throws(LedgerError) -> [Suppression]

  /// Adds an entry; one for the same subject is replaced.
  func suppress(_ suppression: Suppression) throws(LedgerError)

  /// Removes the entry for a subject.
  ///
  /// - Returns: Whether there was one.
  func unsuppress(_ subject: Suppression.Subject) throws(LedgerError) -> Bool

  // MARK: External destinations

  /// The kept answer of an external destination; nil when there is none or it has expired.
  func authorization(
    policyDomain: DomainName, host: DomainName, tag: StoredAuthorization.Tag, now: Int64
  ) throws(LedgerError) -> StoredAuthorization?

  /// Keeps an answer in place of an older one.
  func keep(_ authorization: StoredAuthorization) throws(LedgerError)

  // MARK: The lease

  /// Takes the lease, or renews one's own.
  ///
  /// - Parameters:
  ///   - lease: What to store.
  ///   - now: The time, seconds since the epoch.
  ///   - isGone: Whether the holder of an unexpired lease is known not to run any more.
  /// - Returns: nil when it was taken; otherwise the lease that stands in the way.
  /// - Throws: ``LedgerError`` when the ledger cannot be written.
  func takeLease(
    _ lease: ReportLease, now: Int64, isGone: (ReportLease) -> Bool
  ) throws(LedgerError) -> ReportLease?

  /// Gives the lease back; does nothing when somebody else holds it.
  func releaseLease(holder: String) throws(LedgerError)
}
