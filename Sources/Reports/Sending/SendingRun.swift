public import Ledger

/// Sends all that is due, evenly spread over a time.
public struct SendingRun {
  /// What a run did.
  public struct Summary: Sendable, Equatable {
    /// Deliveries by the state they came to.
    public var counts: [DeliveryState: Int] = [:]
    /// How many wait, due or not.
    public var left = 0
    /// Whether it ended before everything that was due was done.
    public var wasStopped = false
    /// Why nothing more can be handed over at the moment; nil when it can.
    public var obstacle: String?

    /// Makes the summary of a run that did nothing.
    public init() {}

    /// How many came to a state.
    public subscript(state: DeliveryState) -> Int { counts[state] ?? 0 }
  }

  private let sender: ReportSender
  private let store: any ReportStore
  private let filter: ReportFilter
  private let now: () -> Int64

  /// Over how many seconds the deliveries that are due at the start are spread.
  public var spreadSeconds = 0.0
  /// Waits; false when the run is to end instead.
  public var wait: (_ seconds: Double) -> Bool = { _ in true }
  /// Asked before each delivery; false ends the run.
  public var mayGoOn: () -> Bool = { true }
  /// Called before each delivery and at the end.
  public var progress: (_ done: Int, _ all: Int) -> Void = { _, _ in }

  /// Prepares a run.
  ///
  /// - Parameters:
  ///   - sender: Sends each.
  ///   - store: The ledger.
  ///   - filter: Only deliveries of these reports.
  ///   - now: The clock, seconds since the epoch.
  public init(
    sender: ReportSender, store: any ReportStore, filter: ReportFilter = ReportFilter(),
    now: @escaping () -> Int64
  ) {
    self.sender = sender
    self.store = store
    self.filter = filter
    self.now = now
  }

  /// Recovers what an earlier run left, then sends until nothing more is due.
  ///
  /// - Throws: What ``ReportSender`` throws.
  public func run() throws -> Summary {
    var summary = Summary()
    for delivery in try sender.recover() { summary.counts[delivery.state, default: 0] += 1 }
    // Planned again by the recovery: the rest of the run decides what becomes of them.
    summary.counts[.planned] = nil
    summary.counts[.sending] = nil
    var isFirstRound = true
    // What became due meanwhile, and what verification added, goes out in further rounds.
    while !summary.wasStopped, summary.obstacle == nil {
      let due = try store.deliveries(in: [.planned, .deferred], dueAt: now(), filter)
      guard !due.isEmpty else { break }
      try send(due, spread: isFirstRound ? spreadSeconds : 0, into: &summary)
      isFirstRound = false
    }
    summary.left = try store.deliveries(
      in: [.planned, .deferred, .sending], dueAt: nil, filter
    ).count
    return summary
  }

  private func send(
    _ due: [StoredDelivery], spread seconds: Double, into summary: inout Summary
  ) throws {
    let pause = seconds / Double(max(due.count, 1))
    let begin = now()
    for (index, delivery) in due.enumerated() {
      progress(index, due.count)
      let ahead = Double(index) * pause - Double(now() - begin)
      guard mayGoOn(), ahead <= 0 || wait(ahead), mayGoOn() else {
        summary.wasStopped = true
        return
      }
      let sent: StoredDelivery
      do {
        sent = try sender.send(delivery)
      } catch let error as ReportTransportError {
        // This one is deferred, the others are left as they are.
        summary.counts[.deferred, default: 0] += 1
        summary.obstacle = "\(error)"
        return
      }
      // Planned: the program that handed it over was ended, and the next round tries again.
      if sent.state != .planned { summary.counts[sent.state, default: 0] += 1 }
    }
    progress(due.count, due.count)
  }
}
