// The ledger: every message with everything that was found out about it, kept so that reports can
// be built from it and questions answered long after the DNS has changed.
//
//     append ──► commit log: one write for all who wait ──► durable ──► reply to the MTA
//                    └─► one transaction for the messages of 20 ms ──► database
//     read   ──► what was appended before is in the database ──► a snapshot of it ──► messages one
//                by one, policies, rows for a report
//
// Nothing here decides about mail. Local parts of addresses are not kept: an identifier is a
// domain everywhere in DMARC, and reports must not hold more (RFC 9990 section 7).

public import MailAuth

/// A place that keeps messages; safe to use from any thread.
public protocol LedgerStore: Sendable {
  /// Keeps one message, and returns when it is durable.
  ///
  /// The calling thread waits for its own message only. A message that is there already, with the
  /// same host, queue ID and time, is left as it is: replaying a record is harmless.
  ///
  /// - Parameters:
  ///   - record: The message.
  ///   - work: Done once, on this thread, before this returns, and as a rule before the message is
  ///     durable: while another thread waits for the disk. It must not use the ledger.
  /// - Throws: Why this message was not kept; other messages are not affected.
  func append(_ record: MessageRecord, meanwhile work: () -> Void) throws(LedgerError)

  /// Gives a view of the ledger that does not change while `body` runs, whatever is appended.
  ///
  /// - Throws: ``LedgerError`` when the ledger cannot be read, and whatever `body` throws.
  func read<Result>(_ body: (any LedgerSnapshot) throws -> Result) throws -> Result
}

extension LedgerStore {
  /// Keeps one message, and returns when it is durable.
  ///
  /// - Throws: Why it was not kept.
  public func append(_ record: MessageRecord) throws(LedgerError) {
    try append(record, meanwhile: {})
  }
}

/// The ledger at one moment; valid only inside ``LedgerStore/read(_:)``.
public protocol LedgerSnapshot {
  /// Visits the messages of a window in order of time, one at a time.
  ///
  /// - Parameters:
  ///   - window: Seconds since the epoch, UTC; the upper bound does not belong to it.
  ///   - body: Called once per message; what it throws ends the visit.
  /// - Throws: ``LedgerError`` when a row cannot be read, and whatever `body` throws.
  func messages(in window: Range<Int64>, _ body: (StoredMessage) throws -> Void) throws

  /// Visits the messages with this queue ID in order of time; queue IDs repeat over the years and
  /// over hosts.
  ///
  /// - Throws: As ``messages(in:_:)`` does.
  func messages(queueID: String, _ body: (StoredMessage) throws -> Void) throws

  /// What was kept of a message to evaluate it again; nil when nothing was, or not any more.
  ///
  /// - Parameter id: ``StoredMessage/id``.
  /// - Returns: What was kept.
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  func capture(ofMessage id: Int64) throws -> MessageCapture?

  /// Which messages the reports of a closed window count.
  ///
  /// Looks once through the messages that became known since the window closed before this one.
  ///
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  func members(of window: ReportWindow) throws -> WindowMembers

  /// The policy records that applied to members of a window, by policy domain.
  ///
  /// Only what can be reported counts: a record that could be interpreted, and messages with an
  /// Author Domain.
  ///
  /// - Parameters:
  ///   - members: The messages in question.
  ///   - policyDomain: Only records of this domain; nil for all.
  /// - Returns: The records, each with the number of messages.
  /// - Throws: ``LedgerError`` when the ledger cannot be read.
  func policies(of members: WindowMembers, policyDomain: DomainName?) throws -> [StoredPolicy]

  /// Visits the messages to which one of the policy records applied, with what a report needs.
  ///
  /// Messages about our own reports are left out.
  ///
  /// - Parameters:
  ///   - policyIDs: ``StoredPolicy/id`` of each record.
  ///   - members: The messages in question.
  ///   - body: Called once per message, in no order to rely on; what it throws ends the visit.
  /// - Throws: As ``messages(in:_:)`` does.
  func reportableMessages(
    ofPolicies policyIDs: [Int64], of members: WindowMembers,
    _ body: (ReportableMessage) throws -> Void) throws
}
