import Ledger
import Synchronization
import TestSupport
import Testing

@testable import Reports

@Suite struct HeldLeaseTests {
  private let directory: TemporaryDirectory
  private let store: SQLiteStore
  private let clock = SettableClock(1_000_000)

  init() throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
  }

  private func take(_ process: ProcessIdentity = .own) throws -> HeldLease {
    try HeldLease(store, process: process, renews: false, now: { [clock] in clock.now })
  }

  @Test func refusesASecondRunAndSaysWhoIsAtWork() throws {
    let first = try take()
    let error = #expect(throws: LeaseIsTaken.self) { try take() }
    let own = ProcessIdentity.own
    #expect(error?.lease.process == own.process)
    #expect(
      error?.description == "another run is at work: process \(own.process) on \(own.host); "
        + "unless it goes on, this works again at 1970-01-12 13:48:40 UTC")
    #expect(first.holds())
    first.release()
    #expect(!first.holds())
    _ = try take()
  }

  @Test(arguments: [
    // No process has a number this large (PID_MAX_LIMIT is 2^22).
    (Int32(2_000_000_000), "1", "own", true),
    // This process's number, and another start.
    (Int32(0), "1", "own", true),
    // Nothing is known of processes of other hosts.
    (Int32(2_000_000_000), "1", "other.example", false),
    (Int32(0), "", "own", false),
  ])
  func takesOverFromTheDeadOnly(
    process: Int32, start: String, host: String, isTakenOver: Bool
  ) throws {
    let own = ProcessIdentity.own
    _ = try take(
      ProcessIdentity(
        host: host == "own" ? own.host : host, process: process == 0 ? own.process : process,
        start: start))
    if isTakenOver {
      _ = try take()
    } else {
      #expect(throws: LeaseIsTaken.self) { try take() }
      clock.pass(seconds: HeldLease.seconds)
      _ = try take()
    }
  }

  @Test func isRenewedWhileItIsAskedFor() throws {
    let lease = try take()
    for _ in 0..<10 {
      clock.pass(seconds: 90)
      #expect(lease.holds())
      #expect(throws: LeaseIsTaken.self) { try take() }
    }
  }

  @Test func noticesThatItWasLost() throws {
    let lease = try take(ProcessIdentity(host: "other.example", process: 1, start: "1"))
    clock.pass(seconds: 500)
    let second = try take()
    #expect(!lease.holds())
    #expect(second.holds())
    lease.release()
    #expect(second.holds())
    #expect(throws: LeaseIsTaken.self) { try take() }
  }

  @Test func aThreadRenewsIt() throws {
    let lease = try HeldLease(store, now: { [clock] in clock.now })
    clock.pass(seconds: 60)
    let other = ReportLease(
      holder: "other", host: "other.example", process: 1, processStart: "", expiresAt: 0)
    try waitUntil("the lease to be renewed") {
      let held = try store.takeLease(other, now: clock.now, isGone: { _ in false })
      return held?.expiresAt == clock.now + HeldLease.seconds
    }
    lease.release()
  }
}

/// A clock that stands still unless it is moved.
private final class SettableClock: Sendable {
  private let time: Mutex<Int64>

  init(_ time: Int64) { self.time = Mutex(time) }

  var now: Int64 { time.withLock { $0 } }

  func pass(seconds: Int64) { time.withLock { $0 += seconds } }
}
