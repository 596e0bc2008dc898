/// What is to become of a delivery, or became of it.
public enum DeliveryState: String, Sendable, CaseIterable {
  /// To be sent as soon as its time has come.
  case planned
  /// Being handed over to the mail server; after a crash its outcome is found out.
  case sending
  /// Accepted by the mail server.
  case sent
  /// Tried without success, or not decidable yet; to be tried again.
  case deferred
  /// Not to be sent, for a reason of ours.
  case suppressed
  /// Given up.
  case failed
  /// Accepted by the mail server and returned later.
  case bounced

  /// Whether nothing more happens to it by itself.
  public var isFinal: Bool {
    switch self {
    case .planned, .sending, .deferred: false
    case .sent, .suppressed, .failed, .bounced: true
    }
  }
}

/// One report on its way to one destination.
public struct StoredDelivery: Sendable, Equatable {
  /// The number of the row; 0 before it is stored.
  public var id: Int64
  /// ``StoredReport/reportID``.
  public var reportID: String
  /// The mail address, domain in A-labels; the URI as published when there is no usable address.
  public var destination: String
  /// The form of an aggregate report: `rfc9990` or `rfc7489`; empty for a failure report.
  public var format: String
  /// Where it stands.
  public var state: DeliveryState
  /// Why it stands there, in words; nil when the state says it all.
  public var reason: String?
  /// What the mail server answered last; nil before it was asked.
  public var answer: String?
  /// How often handing over was tried.
  public var attempts: Int
  /// When to try next, seconds since the epoch; nil in a final state.
  public var nextAttemptAt: Int64?
  /// When it was planned, seconds since the epoch: the time from which giving up is reckoned.
  public var plannedAt: Int64
  /// When its state last changed, seconds since the epoch.
  public var changedAt: Int64
  /// Letters and digits that name this delivery in bounce addresses and the spool; unique.
  public var token: String

  /// Makes a delivery.
  public init(
    id: Int64 = 0, reportID: String, destination: String, format: String,
    state: DeliveryState, reason: String? = nil, answer: String? = nil, attempts: Int = 0,
    nextAttemptAt: Int64? = nil, plannedAt: Int64, changedAt: Int64, token: String
  ) {
    self.id = id
    self.reportID = reportID
    self.destination = destination
    self.format = format
    self.state = state
    self.reason = reason
    self.answer = answer
    self.attempts = attempts
    self.nextAttemptAt = nextAttemptAt
    self.plannedAt = plannedAt
    self.changedAt = changedAt
    self.token = token
  }
}

/// One step in the life of a delivery.
public struct DeliveryEvent: Sendable, Equatable {
  /// When, seconds since the epoch.
  public var at: Int64
  /// The state it came to.
  public var state: DeliveryState
  /// The reason or the mail server's answer, in words; nil for none.
  public var text: String?

  /// Makes an event.
  public init(at: Int64, state: DeliveryState, text: String?) {
    self.at = at
    self.state = state
    self.text = text
  }
}
