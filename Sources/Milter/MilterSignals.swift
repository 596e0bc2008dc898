internal import Foundation
internal import Glibc

/// The signals of the daemon: SIGHUP reloads, SIGTERM and SIGINT drain.
///
/// libmilter would stop on each of the three. How it is kept from seeing them, and why nothing
/// less holds, is told in `Sources/CMilterSignals/sigwait.c`.
public enum MilterSignals {
  /// Blocks SIGHUP, SIGTERM, SIGINT and SIGUSR1 in the calling thread.
  ///
  /// Must be the first statement of `main`: threads inherit the mask of the thread that starts
  /// them, and a single thread without it would let a signal end the process. Child processes
  /// inherit the mask too. SIGUSR1 has no meaning yet; blocked, a stray one does no harm.
  public static func blockAll() {
    let signals = signalSet([SIGHUP, SIGTERM, SIGINT, SIGUSR1])
    _ = unsafe withUnsafePointer(to: signals) { unsafe pthread_sigmask(SIG_BLOCK, $0, nil) }
  }

  /// Starts the thread that waits for signals, for the rest of the process's life.
  ///
  /// Signals that arrive while a closure runs are merged by the kernel into one of each kind, so
  /// a burst of SIGHUP means at least one reload after the last of them. ``blockAll()`` must have
  /// been called before the first thread was started.
  ///
  /// - Parameters:
  ///   - reload: Called on this thread for SIGHUP.
  ///   - stop: Called on this thread for every SIGTERM and SIGINT; ``MilterServer/drain()``
  ///     treats the second call as "now".
  public static func startThread(
    reload: @escaping @Sendable () -> Void, stop: @escaping @Sendable () -> Void
  ) {
    let thread = Thread { wait(reload: reload, stop: stop) }
    thread.name = "signals"
    thread.start()
  }

  private static func wait(reload: () -> Void, stop: () -> Void) {
    let signals = signalSet([SIGHUP, SIGTERM, SIGINT])
    while true {
      // EINTR and other failures give -1 and mean: wait again.
      switch unsafe withUnsafePointer(to: signals, { unsafe sigwaitinfo($0, nil) }) {
      case SIGHUP: reload()
      case SIGTERM, SIGINT: stop()
      default: break
      }
    }
  }

  private static func signalSet(_ numbers: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    return set
  }
}
