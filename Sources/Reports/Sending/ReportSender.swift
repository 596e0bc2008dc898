public import Ledger
import MailAuth

// A delivery on its way:
//
//     planned | deferred, due ──► sending ──► sent | deferred | failed
//
// Each arrow is one write to the ledger that happens only if the delivery still is where it was. A
// mail is handed over in state `sending` and in no other, after that state is durable. So a process
// that ends at any moment leaves one of three things: a delivery that was not handed over, one in
// `sending` about which the transport is asked, or one whose answer is recorded. What the transport
// keeps of earlier attempts is removed before `sending`, so that what it says of a delivery in that
// state is about this attempt.

/// Sends deliveries one by one, and finds out what became of those during which a process ended.
///
/// One process at a time, which has to hold the lease.
public struct ReportSender {
  private let store: any ReportStore
  private let planner: ReportPlanner
  private let transport: any ReportTransport
  private let composer: ReportComposer
  private let schedule: RetrySchedule
  private let now: () -> Int64

  /// Makes a sender.
  ///
  /// - Parameters:
  ///   - store: The ledger.
  ///   - planner: Asks again about destinations that are not decided.
  ///   - transport: Hands mails over.
  ///   - composer: Makes mails.
  ///   - schedule: When to try again.
  ///   - now: The clock, seconds since the epoch.
  public init(
    store: any ReportStore, planner: ReportPlanner, transport: any ReportTransport,
    composer: ReportComposer, schedule: RetrySchedule, now: @escaping () -> Int64
  ) {
    self.store = store
    self.planner = planner
    self.transport = transport
    self.composer = composer
    self.schedule = schedule
    self.now = now
  }

  // MARK: After the end of another process

  /// Finds out what became of all deliveries in state `sending`.
  ///
  /// One that was never handed over is planned again. So is one of which nobody can know whether it
  /// was: SMTP has a moment in which the server has accepted a mail and the client does not know
  /// (RFC 1047). Better twice with the same report ID, file name and Message-ID, by which the
  /// consumer recognizes it, than not at all.
  ///
  /// - Returns: The deliveries as they are now; those that are still being handed over stay as they
  ///   are.
  /// - Throws: ``LedgerError``, and ``ReportTransportError`` when nothing can be found out.
  public func recover() throws -> [StoredDelivery] {
    try store.deliveries(in: [.sending], dueAt: nil, ReportFilter()).map { delivery in
      var delivery = delivery
      switch try transport.earlierAnswer(token: delivery.token) {
      case nil: planAgain(&delivery, "an earlier run ended before it was handed over")
      case let answer? where answer.outcome == .inProgress: return delivery
      case let answer? where answer.outcome == .unknown: planAgain(&delivery, answer.text)
      case let answer?: take(answer, into: &delivery)
      }
      try leaveSending(delivery)
      return delivery
    }
  }

  private func planAgain(_ delivery: inout StoredDelivery, _ reason: String) {
    let time = now()
    delivery.state = .planned
    delivery.reason = reason
    delivery.nextAttemptAt = time
    delivery.changedAt = time
  }

  // MARK: One delivery

  /// Does what is due for a delivery that is planned or deferred.
  ///
  /// - Parameters:
  ///   - delivery: The delivery as it is in the ledger.
  ///   - ignoresSuppression: Whether it goes out although its destination is suppressed.
  /// - Returns: The delivery as it is now.
  /// - Throws: ``LedgerError``, ``ReportTransportError`` when nothing can be handed over, and what
  ///   keeps all reports from being read or built.
  public func send(
    _ delivery: StoredDelivery, ignoresSuppression: Bool = false
  ) throws -> StoredDelivery {
    guard let report = try store.reports(ReportFilter(reportID: delivery.reportID)).first else {
      return try give(delivery, .failed, "the ledger has no such report")
    }
    var delivery = delivery
    if delivery.state == .deferred, delivery.attempts == 0 {
      delivery = try verifyAgain(delivery, report)
      guard delivery.state == .planned else { return delivery }
    }
    guard let uri = ReportURI(address: delivery.destination) else {
      return try give(delivery, .failed, "\(delivery.destination) is not a mail address")
    }
    let suppressions = SuppressionList(try store.suppressions(), now: now())
    if !ignoresSuppression,
      let reason = suppressions.reason(against: uri, about: report.policyDomain)
    {
      return try give(delivery, .suppressed, reason)
    }
    let mail: OutgoingMail
    do {
      mail = try composer.mail(of: report, delivery, now: now())
    } catch let error as UnfitReport {
      return try give(delivery, .failed, "\(error)")
    } catch let error as ReportMailError {
      return try give(delivery, .failed, "\(error)")
    }
    return try handOver(mail, delivery)
  }

  private func handOver(_ mail: OutgoingMail, _ delivery: StoredDelivery) throws -> StoredDelivery {
    var delivery = delivery
    try transport.finish(token: delivery.token)
    let before = delivery.state
    delivery.state = .sending
    delivery.reason = nil
    delivery.attempts += 1
    delivery.changedAt = now()
    try change(delivery, from: before)
    let answer: TransportAnswer
    do {
      answer = try transport.handOver(mail)
    } catch {
      // Nothing was handed over; the next one would fare no better.
      take(TransportAnswer(.temporaryFailure, "\(error)"), into: &delivery)
      try leaveSending(delivery)
      throw error
    }
    switch answer.outcome {
    case .inProgress: return delivery
    case .unknown: planAgain(&delivery, answer.text)
    case .accepted, .temporaryFailure, .permanentFailure: take(answer, into: &delivery)
    }
    try leaveSending(delivery)
    return delivery
  }

  private func take(_ answer: TransportAnswer, into delivery: inout StoredDelivery) {
    let time = now()
    delivery.changedAt = time
    delivery.answer = answer.text
    delivery.reason = nil
    delivery.nextAttemptAt = nil
    switch answer.outcome {
    case .accepted: delivery.state = .sent
    case .permanentFailure:
      delivery.state = .failed
      delivery.reason = answer.text
    case .temporaryFailure, .inProgress, .unknown:
      let next = schedule.nextAttempt(
        after: delivery.attempts, plannedAt: delivery.plannedAt, now: time)
      delivery.state = next == nil ? .failed : .deferred
      delivery.nextAttemptAt = next
      delivery.reason =
        next == nil ? "given up after \(delivery.attempts) attempts: \(answer.text)" : answer.text
    }
  }

  private func verifyAgain(
    _ delivery: StoredDelivery, _ report: StoredReport
  ) throws -> StoredDelivery {
    let bytes = try composer.fileBytes(of: report, delivery)
    let again = try planner.verifyAgain(delivery, of: report, fileBytes: bytes, now: now())
    // First the new ones: after an end in between they are known, and not added again.
    for added in again.added { _ = try store.add(added) }
    try change(again.changed, from: delivery.state)
    return again.changed
  }

  // MARK: Writing

  private func give(
    _ delivery: StoredDelivery, _ state: DeliveryState, _ reason: String
  ) throws -> StoredDelivery {
    var changed = delivery
    changed.state = state
    changed.reason = reason
    changed.nextAttemptAt = nil
    changed.changedAt = now()
    try change(changed, from: delivery.state)
    return changed
  }

  /// Records what became of a mail, then has the transport forget it.
  private func leaveSending(_ delivery: StoredDelivery) throws {
    try change(delivery, from: .sending)
    try transport.finish(token: delivery.token)
  }

  private func change(_ delivery: StoredDelivery, from expected: DeliveryState) throws {
    guard try store.change(delivery, from: expected) else {
      throw DeliveryWasTaken(delivery: delivery, expected: expected)
    }
  }
}

/// Another process changed a delivery under our hands, which the lease should prevent.
public struct DeliveryWasTaken: Error, Equatable, CustomStringConvertible {
  /// The delivery as we wanted it to be.
  public var delivery: StoredDelivery
  /// The state in which it should have been.
  public var expected: DeliveryState

  /// Makes the error.
  public init(delivery: StoredDelivery, expected: DeliveryState) {
    self.delivery = delivery
    self.expected = expected
  }

  /// What happened.
  public var description: String {
    "the delivery of \(delivery.reportID) to \(delivery.destination) is no longer "
      + "\(expected.rawValue): another process changed it; run the command again"
  }
}
