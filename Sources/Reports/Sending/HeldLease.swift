import Foundation
public import Ledger
import Synchronization

/// The right to build and send reports, held by this process and renewed by a thread of its own
/// until it is released.
public final class HeldLease: Sendable {
  /// For how long a lease holds without being renewed, in seconds.
  public static let seconds: Int64 = 120
  private static let renewalSeconds: Int64 = 30

  private struct State {
    var lease: ReportLease
    var renewedAt: Int64
    var isOver = false
  }

  private let store: any ReportStore
  private let process: ProcessIdentity
  private let now: @Sendable () -> Int64
  private let state: Mutex<State>

  /// Takes the lease.
  ///
  /// - Parameters:
  ///   - store: The ledger.
  ///   - process: Who takes it.
  ///   - renews: Whether a thread renews it; otherwise only ``holds()`` does.
  ///   - now: The clock, seconds since the epoch.
  /// - Throws: ``LeaseIsTaken`` when another run holds it, ``LedgerError`` when the ledger cannot
  ///   be written.
  public init(
    _ store: any ReportStore, process: ProcessIdentity = .own, renews: Bool = true,
    now: @escaping @Sendable () -> Int64
  ) throws {
    self.store = store
    self.process = process
    self.now = now
    let time = now()
    let lease = ReportLease(
      holder: ReportPlanner.randomToken(), host: process.host, process: process.process,
      processStart: process.start, expiresAt: time + Self.seconds)
    if let other = try store.takeLease(lease, now: time, isGone: { process.knowsIsGone($0) }) {
      throw LeaseIsTaken(lease: other)
    }
    state = Mutex(State(lease: lease, renewedAt: time))
    if renews { startThread() }
  }

  /// Whether the lease is still ours; to be asked before each step that another run must not take.
  public func holds() -> Bool {
    let time = now()
    let current = state.withLock { $0 }
    guard !current.isOver else { return false }
    if time < current.lease.expiresAt - Self.seconds / 2, time >= current.renewedAt { return true }
    renew(current.lease, at: time)
    return state.withLock { !$0.isOver }
  }

  /// Gives it back; a failure to do so only makes the next run wait until it has expired.
  public func release() {
    let holder = state.withLock { state in
      state.isOver = true
      return state.lease.holder
    }
    // It ends by itself; there is nothing to be done about a ledger that cannot be written now.
    try? store.releaseLease(holder: holder)
  }

  private func renew(_ lease: ReportLease, at time: Int64) {
    var renewed = lease
    renewed.expiresAt = time + Self.seconds
    do {
      let other = try store.takeLease(renewed, now: time, isGone: { process.knowsIsGone($0) })
      let wasReleased = state.withLock { state in
        if state.isOver { return other == nil }
        state.isOver = other != nil
        state.lease = renewed
        state.renewedAt = time
        return false
      }
      // Taken again by mistake, right after it was given back.
      if wasReleased { try store.releaseLease(holder: lease.holder) }
    } catch {
      // A ledger that is locked for a while; what counts is whether the lease still holds.
      if time >= lease.expiresAt { state.withLock { $0.isOver = true } }
    }
  }

  private func startThread() {
    let thread = Thread { [weak self] in
      while true {
        Thread.sleep(forTimeInterval: 0.5)
        guard let self else { return }
        let time = now()
        let current = state.withLock { $0 }
        if current.isOver { return }
        if time >= current.renewedAt + Self.renewalSeconds { renew(current.lease, at: time) }
      }
    }
    thread.name = "lease"
    thread.start()
  }
}

/// Another run builds or sends reports at the moment.
public struct LeaseIsTaken: Error, Sendable, Equatable, CustomStringConvertible {
  /// Its lease.
  public var lease: ReportLease

  /// Who holds it and until when.
  public var description: String {
    "another run is at work: process \(lease.process) on \(lease.host); unless it goes on, this "
      + "works again at \(UTCDay.timeText(lease.expiresAt)) UTC"
  }
}
