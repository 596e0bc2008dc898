import Foundation

/// A computation that whoever comes first carries out, and everybody gets the result of.
///
/// A message's SPF checks are offered to other threads when the message begins. If those threads
/// are busy until the message ends, the thread that needs the result computes it itself instead of
/// waiting behind them.
final class EarlyCheck<Value: Sendable>: Sendable {
  private enum State {
    case pending
    case running
    case done(Value)
  }

  // `nonisolated(unsafe)`: read and written with `condition` locked only.
  private nonisolated(unsafe) var state = State.pending
  private let condition = NSCondition()
  private let compute: @Sendable () -> Value

  init(_ compute: @escaping @Sendable () -> Value) {
    self.compute = compute
  }

  /// Tries it another way unless somebody already computes or did.
  ///
  /// - Parameter attempt: Gives the result, or nil when this way it cannot be had.
  /// - Returns: Whether there is nothing left to compute.
  func attempt(_ attempt: () -> Value?) -> Bool {
    condition.lock()
    guard case .pending = unsafe state else {
      condition.unlock()
      return true
    }
    unsafe state = .running
    condition.unlock()
    let value = attempt()
    condition.lock()
    unsafe state = value.map { .done($0) } ?? .pending
    condition.broadcast()
    condition.unlock()
    return value != nil
  }

  /// Computes unless somebody already does or did.
  func run() { _ = attempt(compute) }

  /// The result: computed now, waited for, or there already.
  func value() -> Value {
    while true {
      run()
      if let value = waitForOthers() { return value }
    }
  }

  /// Waits until nobody computes any more; nil when that ended without a result.
  private func waitForOthers() -> Value? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      switch unsafe state {
      case .running: condition.wait()
      case .pending: return nil
      case .done(let value): return value
      }
    }
  }
}
