import Dispatch
import Synchronization

/// A computation that whoever comes first carries out, and everybody gets the result of.
///
/// A message's SPF checks are offered to other threads when the message begins. If those threads
/// are busy until the message ends, the thread that needs the result computes it itself instead of
/// waiting behind them.
final class EarlyCheck<Value: Sendable>: Sendable {
  private enum State {
    case pending
    /// With those who wait for its end.
    case running([DispatchSemaphore])
    case done(Value)
  }

  private let state = Mutex(State.pending)
  private let compute: @Sendable () -> Value

  init(_ compute: @escaping @Sendable () -> Value) {
    self.compute = compute
  }

  /// Tries it another way unless somebody already computes or did.
  ///
  /// - Parameter attempt: Gives the result, or nil when this way it cannot be had.
  /// - Returns: Whether there is nothing left to compute.
  func attempt(_ attempt: () -> Value?) -> Bool {
    let isMine = state.withLock { state in
      guard case .pending = state else { return false }
      state = .running([])
      return true
    }
    guard isMine else { return true }
    let value = attempt()
    let waiting = state.withLock { state -> [DispatchSemaphore] in
      defer { state = value.map { .done($0) } ?? .pending }
      guard case .running(let waiting) = state else { return [] }
      return waiting
    }
    for semaphore in waiting { semaphore.signal() }
    return value != nil
  }

  /// Computes unless somebody already does or did.
  func run() { _ = attempt(compute) }

  /// The result: computed now, waited for, or there already.
  func value() -> Value {
    while true {
      run()
      if let value = valueOrWait() { return value }
    }
  }

  /// The result; nil when it is not there, be it that somebody just ended without one.
  private func valueOrWait() -> Value? {
    let (value, semaphore) = state.withLock { state -> (Value?, DispatchSemaphore?) in
      switch state {
      case .pending: return (nil, nil)
      case .done(let value): return (value, nil)
      case .running(let waiting):
        let semaphore = DispatchSemaphore(value: 0)
        state = .running(waiting + [semaphore])
        return (nil, semaphore)
      }
    }
    semaphore?.wait()
    return value
  }
}
