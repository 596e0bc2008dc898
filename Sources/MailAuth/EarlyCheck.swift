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

  /// Computes unless somebody already does or did.
  func run() {
    condition.lock()
    guard case .pending = unsafe state else {
      condition.unlock()
      return
    }
    unsafe state = .running
    condition.unlock()
    let value = compute()
    condition.lock()
    unsafe state = .done(value)
    condition.broadcast()
    condition.unlock()
  }

  /// The result: computed now, waited for, or there already.
  func value() -> Value {
    run()
    condition.lock()
    defer { condition.unlock() }
    while true {
      if case .done(let value) = unsafe state { return value }
      condition.wait()
    }
  }
}
