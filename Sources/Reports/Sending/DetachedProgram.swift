import Foundation
import Glibc

/// Programs that go on when this process ends.
enum DetachedProgram {
  /// How a program ended.
  enum Ending {
    case exited(Int32)
    case killed(signal: Int32)
    /// It still ran when the time was over.
    case running
  }

  /// Starts a program in a session of its own, where no signal meant for our terminal or process
  /// group reaches it; it has no output and no open file but its standard input.
  ///
  /// - Parameters:
  ///   - arguments: Path of the program and arguments.
  ///   - standardInput: The open file that becomes its standard input; the open file description
  ///     is shared, its locks with it.
  /// - Returns: The process number.
  /// - Throws: ``ReportTransportError``.
  static func start(
    _ arguments: [String], standardInput: Int32
  ) throws(ReportTransportError) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    guard unsafe posix_spawn_file_actions_init(&actions) == 0 else { throw failure(ENOMEM) }
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    guard unsafe posix_spawnattr_init(&attributes) == 0 else { throw failure(ENOMEM) }
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var status = unsafe posix_spawn_file_actions_adddup2(&actions, standardInput, 0)
    for descriptor in [Int32(1), 2] where status == 0 {
      status = unsafe posix_spawn_file_actions_addopen(
        &actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    for descriptor in openDescriptors() where status == 0 && descriptor > 2 {
      status = unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    if status == 0 { status = setAttributes(&attributes) }
    guard status == 0 else { throw failure(status) }
    let environment = ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
    let list = unsafe CStringList(arguments)
    let variables = unsafe CStringList(environment)
    defer {
      unsafe list.free()
      unsafe variables.free()
    }
    var process: pid_t = 0
    let code = unsafe posix_spawn(
      &process, arguments.first ?? "", &actions, &attributes, list.pointers, variables.pointers)
    guard code == 0 else { throw failure(code) }
    return process
  }

  /// Waits for the end of a program that ``start(_:standardInput:)`` started.
  static func wait(for process: pid_t, within limit: Duration) -> Ending {
    let deadline = ContinuousClock.now + limit
    var pause: UInt32 = 500
    while true {
      var status: Int32 = 0
      let ended = unsafe waitpid(process, &status, WNOHANG)
      if ended == process {
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
      }
      // Nobody else waits for it, so ECHILD means that the caller ignores SIGCHLD: its status is
      // lost, and what it left on disk has to tell.
      if ended < 0, errno != EINTR { return .exited(-1) }
      guard ContinuousClock.now < deadline else { return .running }
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
  }

  /// The open files of this process; closing one that is gone meanwhile does no harm.
  private static func openDescriptors() -> [Int32] {
    // Nearly all files close themselves; without /proc those few others stay open.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { Int32($0) }
  }

  /// POSIX_SPAWN_SETSID of glibc and Linux, which its header shows to GNU programs only.
  private static let newSession: Int32 = 0x80

  /// A new session, all signals as usual: a process that blocks or ignores them hands that on.
  private static func setAttributes(_ attributes: inout posix_spawnattr_t) -> Int32 {
    var none = sigset_t()
    var all = sigset_t()
    unsafe sigemptyset(&none)
    unsafe sigfillset(&all)
    let flags = newSession | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    var status = unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    if status == 0 { status = unsafe posix_spawnattr_setsigmask(&attributes, &none) }
    if status == 0 { status = unsafe posix_spawnattr_setsigdefault(&attributes, &all) }
    return status
  }

  private static func failure(_ code: Int32) -> ReportTransportError {
    .system("a program cannot be started", code: code)
  }
}

/// A list of texts for C, ended by a null pointer.
@unsafe private struct CStringList {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ texts: [String]) {
    unsafe count = texts.count
    unsafe pointers = .allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() { unsafe pointers[index] = unsafe strdup(text) }
    unsafe pointers[texts.count] = nil
  }

  func free() {
    for index in unsafe 0..<count { unsafe Glibc.free(pointers[index]) }
    unsafe pointers.deallocate()
  }
}
