import Foundation
import Glibc

/// A program that the lab started and that it ends.
///
/// Foundation's `Process` waits for a program as soon as that closes what it inherited, as Postfix
/// does at its start, and sees the end of no other program meanwhile. So this asks the system itself.
final class LabProcess {
  private let processID: pid_t
  private let errorPath: String
  private var exitStatus: Int32?

  /// Starts a program with standard error in a file.
  init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:],
    errorPath: String
  ) throws(LabFailure) {
    self.errorPath = errorPath
    // Postfix closes every descriptor that could be open, which takes its time where many can.
    let words =
      [
        "/usr/bin/setpriv", "--pdeathsig", "TERM", "--", "/usr/bin/prlimit", "--nofile=4096:4096",
        "--", path,
      ] + arguments
    let settings = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      .map { "\($0)=\($1)" }
    guard let id = Self.spawn(words, settings, errorPath: errorPath) else {
      throw LabFailure("\(path) cannot be started")
    }
    processID = id
  }

  deinit { end() }

  private static func spawn(
    _ words: [String], _ environment: [String], errorPath: String
  ) -> pid_t? {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    unsafe posix_spawn_file_actions_addopen(
      &actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A group of its own, as Postfix ends its whole group, and no signals blocked, as it may be here.
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGMASK)
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
    var variables = unsafe environment.map { unsafe strdup($0) } + [nil]
    defer {
      unsafe arguments.forEach { unsafe free($0) }
      unsafe variables.forEach { unsafe free($0) }
    }
    var id: pid_t = 0
    let status = unsafe posix_spawn(
      &id, words[0], &actions, &attributes, &arguments, &variables)
    return status == 0 ? id : nil
  }

  /// Whether it has not ended yet.
  var isRunning: Bool {
    guard exitStatus == nil else { return false }
    var status: Int32 = 0
    let ended = unsafe waitpid(processID, &status, WNOHANG)
    guard ended != 0 else { return true }
    exitStatus = status
    return false
  }

  /// Whether it has ended by itself, and well.
  var hasSucceeded: Bool { !isRunning && exitStatus == 0 }

  /// What it wrote to standard error so far.
  var errors: String {
    // No file yet is no text yet.
    (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
  }

  /// Asks it to end.
  func terminate() {
    if isRunning { kill(processID, SIGTERM) }
  }

  /// Ends it, by force when it does not end within five seconds.
  func end() {
    terminate()
    let deadline = ContinuousClock.now + .seconds(5)
    while isRunning, ContinuousClock.now < deadline { usleep(2000) }
    guard isRunning else { return }
    kill(processID, SIGKILL)
    while isRunning { usleep(2000) }
  }

  /// Waits until something holds, looking every few milliseconds.
  static func wait(
    for what: @autoclosure () -> String, seconds: Double = Double(TCPSocket.limitSeconds),
    _ condition: () throws(LabFailure) -> Bool
  ) throws(LabFailure) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
      guard ContinuousClock.now < deadline else {
        throw LabFailure("waited \(Int(seconds)) s in vain for \(what())")
      }
      usleep(3000)
    }
  }
}
