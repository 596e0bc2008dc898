import Glibc

/// The processor time that a process uses from now on, user and system, with all its threads.
struct ProcessorTime {
  private let clock: clockid_t
  private let start: Double

  /// Of this process.
  init() { self.init(clock: CLOCK_PROCESS_CPUTIME_ID) }

  /// Of another process; of one that does not exist it stays 0.
  init(of process: pid_t) {
    var clock = clockid_t()
    self.init(clock: unsafe clock_getcpuclockid(process, &clock) == 0 ? clock : -1)
  }

  private init(clock: clockid_t) {
    self.clock = clock
    start = Self.now(clock)
  }

  /// In seconds.
  var elapsed: Double { Self.now(clock) - start }

  private static func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
