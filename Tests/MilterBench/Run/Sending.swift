import Foundation
import Synchronization
import TestSupport

/// Sends a load over several connections, each on a thread of its own, until count or time is up.
final class Sending: Sendable {
  /// Where to and how.
  struct Plan: Sendable {
    var sockets: [String]
    var connections: Int
    var messagesPerConnection: Int
    var timeoutSeconds: Int
  }

  /// What came of it.
  struct Result: Sendable {
    /// From the first message's start to the last one's end.
    var seconds = 0.0
    var tally = Tally()
  }

  private let plan: Plan
  private let load: Load
  private let count: Int
  private let duration: Duration
  private let next = Atomic<Int>(0)
  private let tallies = Mutex<[Tally]>([])

  init(_ plan: Plan, _ load: Load, count: Int?, seconds: Double?) {
    self.plan = plan
    self.load = load
    self.count = count ?? .max
    duration = .seconds(seconds ?? 1e9)
  }

  /// Sends, and waits for the end.
  func run() -> Result {
    let start = ContinuousClock.now
    let group = DispatchGroup()
    for number in 0..<min(plan.connections, count) {
      group.enter()
      let thread = Thread { [self] in
        let tally = work(number, until: start + duration)
        tallies.withLock { $0.append(tally) }
        group.leave()
      }
      thread.start()
    }
    group.wait()
    let elapsed = start.duration(to: .now)
    let all = tallies.withLock { $0 }
    return Result(seconds: elapsed / .seconds(1), tally: Tally(all))
  }

  /// One connection after the other, one message after the other.
  private func work(_ number: Int, until end: ContinuousClock.Instant) -> Tally {
    var tally = Tally()
    var chain: MilterChain?
    var session = number
    while ContinuousClock.now < end {
      let position = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard position < count else { break }
      let letter = load.letters[position % load.letters.count]
      do {
        if let old = chain, old.sent >= plan.messagesPerConnection {
          try old.quit()
          chain = nil
        }
        let open = try chain ?? connect(&session)
        chain = open
        tally.add(try open.send(letter, queueID: Self.queueID(position)), letter.expected)
      } catch {
        tally.fail("\(error)")
        chain = nil
        // Where nobody listens there is nothing to gain by trying a million times.
        if tally.failures > 100 { break }
      }
    }
    if let chain {
      tally.agreements = chain.agreements
      // The filter may have gone; what was sent is counted.
      try? chain.quit()
    }
    return tally
  }

  private func connect(_ session: inout Int) throws -> MilterChain {
    defer { session += plan.connections }
    return try MilterChain(
      plan.sockets, load.clients[session % load.clients.count],
      timeoutSeconds: plan.timeoutSeconds)
  }

  /// Unique as long as a process's ID is.
  private static func queueID(_ position: Int) -> String {
    "4" + String(Int(getpid()), radix: 36, uppercase: true) + "z"
      + String(position, radix: 36, uppercase: true)
  }
}
