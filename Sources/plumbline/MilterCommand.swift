import ArgumentParser
import Foundation
import Logging
import MailAuth
import Milter
import Synchronization

/// `plumbline milter`: attaches to the MTA and evaluates every message it receives.
struct MilterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "milter",
    abstract: "Evaluate messages as Postfix receives them, mark them and record them.",
    discussion: """
      Runs in the foreground and logs to standard error. SIGTERM finishes the messages that have \
      begun, refuses new ones for now, and exits with 0; SIGHUP reads the configuration again. \
      Exit status: 0 ended on request, 64 bad usage, 70 a fault of our own, 78 the configuration \
      or something it names cannot be used.
      """)

  @OptionGroup var options: ConfigurationOptions

  /// A time at which the milter's clock stands, seconds since the epoch: stories of the lab have a
  /// time of their own.
  @Option(help: .hidden)
  var clock: Int64?

  func run() throws {
    // Before any other thread exists: threads inherit the mask.
    MilterSignals.blockAll()
    let configuration = try options.load()
    let wiring = Wiring(configuration: configuration)
    let logger = wiring.logger()
    let service = try starting { try MilterService(wiring, logger: logger, clock: clock) }
    let path = options.config
    let server = MilterServer(
      settings: configuration.milter.serverSettings, logger: logger,
      mayHold: { service.mayHold }, beginMessage: { service.begin($0) })
    try starting { try server.openSocket() }
    MilterSignals.startThread(
      reload: { service.reload(configurationPath: path) }, stop: { server.drain() })
    if let address = server.listeningAddress { logger.notice("listening on \(address)") }
    try internally { try server.run() }
    service.close()
    // Without unwinding: libmilter's threads still stand in its code and must not see its end.
    Foundation.exit(EXIT_SUCCESS)
  }
}

/// Runs something that fails when what the configuration names cannot be used.
func starting<Value>(_ body: () throws -> Value) throws -> Value {
  do {
    return try body()
  } catch {
    throw StartFailure(message: "\(error)")
  }
}
