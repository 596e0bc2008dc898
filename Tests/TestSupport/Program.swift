public import Foundation

/// What went wrong with something that a test needs.
public struct FixtureError: Error, CustomStringConvertible {
  /// What, where, and what was seen.
  public let description: String

  /// Makes an error.
  public init(_ description: String) { self.description = description }
}

/// Waits until a condition holds, looking a hundred times a second.
///
/// For what happens in another process that gives no sign; everything else is waited for directly.
///
/// - Throws: ``FixtureError`` when it does not hold in time, and what the condition throws.
public func waitUntil(
  _ what: String, within limit: Duration = .seconds(120), _ condition: () throws -> Bool
) throws {
  let deadline = ContinuousClock.now + limit
  while try !condition() {
    guard ContinuousClock.now < deadline else {
      throw FixtureError("waited \(limit) in vain for \(what)")
    }
    Thread.sleep(forTimeInterval: 0.01)
  }
}

/// A program started by a test, with its output in files, so that no pipe can fill up.
public final class Program {
  /// What a program that ended by itself left.
  public struct Result: Sendable {
    /// The exit status; 128 and the signal's number when a signal ended it.
    public let status: Int32
    /// What it wrote to standard output.
    public let output: String
    /// What it wrote to standard error.
    public let errors: String
  }

  private let process = Process()
  private let directory: TemporaryDirectory

  /// The `plumbline` that was built together with the running tests.
  public static var plumblinePath: String {
    // The test bundle is an executable beside it.
    let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent().appending(path: "plumbline").path
  }

  /// Starts a program; `arguments` come behind its path.
  ///
  /// - Throws: ``FixtureError`` when it cannot be started.
  public init(_ path: String, _ arguments: [String], input: Data = Data()) throws {
    directory = try TemporaryDirectory()
    try input.write(to: directory.url.appending(path: "in"))
    try Data().write(to: directory.url.appending(path: "out"))
    try Data().write(to: directory.url.appending(path: "err"))
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: directory.url.appending(path: "in"))
    process.standardOutput = try FileHandle(forWritingTo: directory.url.appending(path: "out"))
    process.standardError = try FileHandle(forWritingTo: directory.url.appending(path: "err"))
    do {
      try process.run()
    } catch {
      throw FixtureError("cannot start \(path): \(error)")
    }
  }

  deinit {
    guard process.isRunning else { return }
    signal(SIGKILL)
    process.waitUntilExit()
  }

  /// Runs a program to its end.
  ///
  /// - Throws: ``FixtureError`` when it cannot be started or does not end in time.
  public static func run(
    _ path: String, _ arguments: [String], input: Data = Data(),
    within limit: Duration = .seconds(120)
  ) throws -> Result {
    try Program(path, arguments, input: input).result(within: limit)
  }

  /// The process ID.
  public var processID: Int32 { process.processIdentifier }

  /// Whether it has not ended yet.
  public var isRunning: Bool { process.isRunning }

  /// What it wrote to standard error so far.
  public var errors: String { text(of: "err") }

  /// Sends a signal to this process alone.
  public func signal(_ number: Int32) { _ = kill(process.processIdentifier, number) }

  /// Waits for its end.
  ///
  /// - Throws: ``FixtureError`` when it does not end in time; it is killed then.
  public func result(within limit: Duration = .seconds(120)) throws -> Result {
    do {
      try waitUntil("\(process.executableURL?.path ?? "program") to end", within: limit) {
        !process.isRunning
      }
    } catch {
      signal(SIGKILL)
      throw error
    }
    process.waitUntilExit()
    let bySignal = process.terminationReason == .uncaughtSignal
    return Result(
      status: process.terminationStatus + (bySignal ? 128 : 0), output: text(of: "out"),
      errors: errors)
  }

  private func text(of name: String) -> String {
    // A file that cannot be read shows as empty, which no test takes for success.
    let data = (try? Data(contentsOf: directory.url.appending(path: name))) ?? Data()
    return String(decoding: data, as: UTF8.self)
  }
}
