import Foundation
import Glibc
import Synchronization

/// Whether SIGTERM or SIGINT asked this process to end, once it listens for them.
///
/// A handler and not a blocked mask or an ignored signal: programs started here inherit those.
enum StopRequest {
  private static let flag = Atomic<Bool>(false)

  /// Begins to listen; the signals no longer end the process by themselves.
  static func listen() {
    // So that the handler finds it made.
    flag.store(false, ordering: .relaxed)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for number in [SIGTERM, SIGINT] {
      signal(number) { _ in StopRequest.flag.store(true, ordering: .relaxed) }
      unsafe sigaddset(&signals, number)
    }
    // Whoever started us may have had them blocked, which is inherited.
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Whether it was asked.
  static var isMade: Bool { flag.load(ordering: .relaxed) }

  /// Waits.
  ///
  /// - Returns: Whether the time is over; false when the process was asked to end, which is noticed
  ///   within a second.
  static func wait(_ seconds: Double) -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while !isMade {
      let rest = end - ContinuousClock.now
      guard rest > .zero else { return true }
      let slice = min(rest, .milliseconds(500))
      usleep(UInt32(slice.components.attoseconds / 1_000_000_000_000))
    }
    return false
  }
}
