import Foundation
import Synchronization

/// A thread whose end can be waited for.
final class JoinableThread: Sendable {
  private let done = DispatchSemaphore(value: 0)
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() {
    Thread.detachNewThread { [self] in
      body()
      done.signal()
    }
  }

  func join() { done.wait() }
}

/// Failures seen by several threads.
final class FailureList: Sendable {
  private let list = Mutex<[String]>([])
  func add(_ text: String) { list.withLock { $0.append(text) } }
  var texts: [String] { list.withLock { $0 } }
}
