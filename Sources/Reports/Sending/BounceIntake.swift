public import Ledger
import MailAuth

/// Takes bounces of report mail: marks what came back, and stops writing to addresses from which
/// too much comes back.
public struct BounceIntake {
  /// How many bounces within ``countedSeconds`` end the sending to an address, and for how long.
  public struct Settings: Sendable, Equatable {
    /// Bounces, at least 1.
    public var bouncesBeforeSuppression = 3
    /// Seconds in which they are counted.
    public var countedSeconds: Int64 = 30 * 86_400
    /// Seconds until the address is tried again.
    public var suppressionSeconds: Int64 = 90 * 86_400

    /// Makes the default settings.
    public init() {}
  }

  /// What a mail led to.
  public struct Result: Sendable, Equatable {
    /// The delivery that came back, as it is now; nil when nothing changed.
    public var delivery: StoredDelivery?
    /// The entry that the bounce led to; nil when there is none.
    public var suppression: Suppression?
    /// What was done, or why nothing, in words.
    public var text: String
  }

  private let store: any ReportStore
  private let bounceAddress: BounceAddress?
  private let settings: Settings
  private let isDryRun: Bool

  /// Makes an intake.
  ///
  /// - Parameters:
  ///   - store: The ledger.
  ///   - bounceAddress: What our reverse-paths look like; nil when they are null.
  ///   - settings: When to stop.
  ///   - isDryRun: Whether nothing is to be changed.
  public init(
    store: any ReportStore, bounceAddress: BounceAddress?, settings: Settings,
    isDryRun: Bool = false
  ) {
    self.store = store
    self.bounceAddress = bounceAddress
    self.settings = settings
    self.isDryRun = isDryRun
  }

  /// Takes a mail.
  ///
  /// - Parameters:
  ///   - octets: The whole mail.
  ///   - recipient: The address it was delivered to, if the mail server says so.
  ///   - now: Seconds since the epoch.
  /// - Returns: What it led to; whatever is no bounce of ours leads to nothing.
  /// - Throws: ``LedgerError``; ``BounceTooEarly`` when the mail must come again.
  public func take(_ octets: [UInt8], recipient: String?, now: Int64) throws -> Result {
    let notification: DeliveryStatusNotification
    do {
      notification = try DeliveryStatusNotification(
        parsing: octets, bounceAddress: bounceAddress, envelopeRecipient: recipient)
    } catch {
      return Result(text: "nothing done: \(error)")
    }
    guard notification.outcome == .failure else {
      return Result(text: "nothing done: the notification says \(notification.outcome.rawValue)")
    }
    guard let delivery = try delivery(of: notification) else {
      let words = notification.reportID.map { "report \($0)" } ?? "no report of ours"
      return Result(text: "nothing done: it matches no delivery; it is about \(words)")
    }
    switch delivery.state {
    case .sent, .bounced: return try mark(delivery, notification, now: now)
    // The answer of the mail server is not recorded yet.
    case .sending: throw BounceTooEarly(destination: delivery.destination)
    case .planned, .deferred, .suppressed, .failed:
      return Result(
        text: "nothing done: the delivery to \(delivery.destination) is \(delivery.state.rawValue)")
    }
  }

  private func delivery(
    of notification: DeliveryStatusNotification
  ) throws(LedgerError) -> StoredDelivery? {
    if let token = notification.token, let found = try store.delivery(token: token) {
      return found
    }
    guard let reportID = notification.reportID else { return nil }
    let failed = notification.recipients.filter { $0.action == .failed }
      .flatMap { [$0.finalRecipient, $0.originalRecipient ?? ""] }
      .map { $0.asciiLowercased() }
    // An ID is known to everybody who got the report: only the address it went to may bounce.
    return try store.deliveries(ofReport: reportID).first {
      failed.contains($0.destination.asciiLowercased())
    }
  }

  private func mark(
    _ delivery: StoredDelivery, _ notification: DeliveryStatusNotification, now: Int64
  ) throws -> Result {
    var changed = delivery
    if delivery.state == .sent {
      let failed = notification.recipients.first { $0.action == .failed }
      let words = [failed?.status, failed?.diagnostic].compactMap { $0 }.joined(separator: " ")
      changed.state = .bounced
      changed.reason = words.isEmpty ? "returned by the mail system" : words
      changed.nextAttemptAt = nil
      changed.changedAt = now
      if !isDryRun, try !store.change(changed, from: .sent) {
        throw BounceTooEarly(destination: delivery.destination)
      }
    }
    // Also for one that was marked before: the process may have ended in between.
    let suppression = try suppress(changed, now: now, isNew: delivery.state == .sent)
    let verb = isDryRun ? "would be marked" : "marked"
    return Result(
      delivery: changed, suppression: suppression,
      text: "\(verb) as bounced: report \(changed.reportID) to \(changed.destination): "
        + (changed.reason ?? "")
        + (suppression.map { "; no more reports to it: \($0.reason)" } ?? ""))
  }

  private func suppress(
    _ delivery: StoredDelivery, now: Int64, isNew: Bool
  ) throws(LedgerError) -> Suppression? {
    var count = try store.bounceCount(
      of: delivery.destination, since: now - settings.countedSeconds)
    if isDryRun, isNew { count += 1 }
    guard count >= settings.bouncesBeforeSuppression else { return nil }
    let subject = Suppression.Subject.address(delivery.destination.asciiLowercased())
    // What the administrator entered stays as it is.
    let isSuppressed = try store.suppressions().contains {
      $0.subject == subject && $0.isActive(at: now)
    }
    guard !isSuppressed else { return nil }
    let entry = Suppression(
      subject: subject, reason: "\(count) reports came back", origin: .bounces, createdAt: now,
      expiresAt: now + settings.suppressionSeconds)
    if !isDryRun { try store.suppress(entry) }
    return entry
  }
}

/// A bounce came before it was recorded that its mail had been accepted; it has to come again.
public struct BounceTooEarly: Error, Equatable, CustomStringConvertible {
  /// Where the mail went.
  public var destination: String

  /// What is to be done.
  public var description: String {
    "the report to \(destination) is not recorded as sent yet; the bounce has to come again"
  }
}
