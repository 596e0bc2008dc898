import Foundation

/// Threads that carry out checks which wait for the DNS while a message is still arriving.
///
/// A fixed number of threads takes work in order. Work that no thread has begun by the time its
/// result is needed is done by whoever needs it, so a full queue costs overlap and never delays.
final class CheckPool: Sendable {
  // `nonisolated(unsafe)`: read and written with `condition` locked only.
  private nonisolated(unsafe) var queue: [@Sendable () -> Void] = []
  private let condition = NSCondition()
  private let longestQueue: Int

  /// Starts the threads.
  ///
  /// - Parameter threads: How many; each spends its time waiting, so many per core are right.
  init(threads: Int) {
    longestQueue = threads * 4
    for number in 1...threads {
      let thread = Thread { [self] in
        while true { next()() }
      }
      thread.name = "check-\(number)"
      // The deepest check is a chain of ten SPF includes.
      thread.stackSize = 512 * 1024
      thread.start()
    }
  }

  /// Offers work; with a long queue it is not taken, which is no error.
  func offer(_ work: [@Sendable () -> Void]) {
    condition.lock()
    if unsafe queue.count < longestQueue {
      unsafe queue += work
      for _ in work { condition.signal() }
    }
    condition.unlock()
  }

  private func next() -> @Sendable () -> Void {
    condition.lock()
    defer { condition.unlock() }
    while unsafe queue.isEmpty { condition.wait() }
    return unsafe queue.removeFirst()
  }
}
