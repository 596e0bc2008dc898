import Foundation
import Glibc

/// A program that the lab started; it ends with the lab, even when the lab is killed.
///
/// To be started from the main thread: the kernel ends the program with the thread that started it.
final class LabProcess {
  private let process = Process()
  private let errorPath: String

  /// Starts a program with standard error in a file.
  init(
    _ path: String, _ arguments: [String], environment: [String: String] = [:],
    errorPath: String
  ) throws(LabFailure) {
    self.errorPath = errorPath
    do {
      try Data().write(to: URL(filePath: errorPath))
      let errors = try FileHandle(forWritingTo: URL(filePath: errorPath))
      defer { try? errors.close() }  // The child has its own.
      process.executableURL = URL(filePath: "/usr/bin/setpriv")
      // Postfix closes every descriptor that could be open, which takes its time where many can.
      process.arguments =
        ["--pdeathsig", "TERM", "--", "/usr/bin/prlimit", "--nofile=4096:4096", "--", path]
        + arguments
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = errors
      try process.run()
    } catch {
      throw LabFailure("\(path) cannot be started: \(error)")
    }
  }

  deinit { end() }

  var isRunning: Bool { process.isRunning }

  /// How it ended.
  var status: Int32 { process.terminationStatus }

  /// What it wrote to standard error so far.
  var errors: String {
    // No file yet is no text yet.
    (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
  }

  /// Asks it to end.
  func terminate() {
    if process.isRunning { process.terminate() }
  }

  /// Ends it, by force when it does not end within five seconds.
  func end() {
    guard process.isRunning else { return }
    process.terminate()
    let deadline = ContinuousClock.now + .seconds(5)
    while process.isRunning, ContinuousClock.now < deadline { usleep(2000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Waits until something holds, looking every few milliseconds.
  static func wait(
    for what: String, seconds: Double = Double(TCPSocket.limitSeconds),
    _ condition: () throws(LabFailure) -> Bool
  ) throws(LabFailure) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try !condition() {
      guard ContinuousClock.now < deadline else {
        throw LabFailure("waited \(Int(seconds)) s in vain for \(what)")
      }
      usleep(3000)
    }
  }
}
