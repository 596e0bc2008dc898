import Foundation
import Ledger
import Logging
import MailAuth
import Milter
import Synchronization

/// What the milter does with each message under the configuration that holds at its beginning.
final class MilterService: Sendable {
  private struct Current: Sendable {
    var wiring: Wiring
    var context: IncomingMessage.Context
  }

  private let current: Mutex<Current>
  private let ledger: SQLiteStore
  private let checks = CheckPool(threads: 64)
  private let logger: Logger

  /// Makes everything a message needs.
  ///
  /// - Throws: Whatever keeps one of the parts from being made, such as an unusable ledger.
  init(_ wiring: Wiring, logger: Logger) throws {
    self.logger = logger
    ledger = try wiring.ledger(readOnly: false)
    let context = try Self.context(wiring, ledger, checks, logger)
    current = Mutex(Current(wiring: wiring, context: context))
  }

  /// Begins a message; nil when it is not to be evaluated.
  func begin(_ start: MilterEnvelopeStart) -> (any MilterTransaction)? {
    let (milter, context) = current.withLock { ($0.wiring.configuration.milter, $0.context) }
    // No address means a local pipe: such mail was not received from anybody.
    guard let address = start.clientAddress, !milter.skips(start, from: address) else { return nil }
    return IncomingMessage(start, clientAddress: address, context: context)
  }

  /// Reads the configuration again; with errors in it the old one stays.
  ///
  /// Messages under way keep what they began with. The socket and the ledger stay as they are
  /// until a restart, and the log says so when the file would change them.
  func reload(configurationPath path: String) {
    do {
      let configuration = try Configuration.load(path: path)
      let old = current.withLock { $0.wiring.configuration }
      if configuration.milter.socket != old.milter.socket
        || configuration.ledger.database != old.ledger.database
      {
        logger.warning("milter.socket and ledger.database change with a restart only")
      }
      let wiring = Wiring(configuration: configuration)
      let newLogger = wiring.logger()
      let context = try Self.context(wiring, ledger, checks, newLogger)
      current.withLock { $0 = Current(wiring: wiring, context: context) }
      logger.notice("configuration read again: \(path)")
    } catch {
      logger.error("the configuration stays as it was: \(error)")
    }
  }

  /// Ends the ledger's writer; messages must have ended before.
  func close() { ledger.close() }

  private static func context(
    _ wiring: Wiring, _ ledger: SQLiteStore, _ checks: CheckPool, _ logger: Logger
  ) throws -> IncomingMessage.Context {
    let configuration = wiring.configuration
    return IncomingMessage.Context(
      evaluator: try wiring.evaluator(try wiring.resolver()), ledger: ledger, checks: checks,
      logger: logger, authservID: configuration.milter.authservID, hostName: wiring.hostName,
      deadlineSeconds: configuration.limits.deadlineSeconds,
      onFailure: configuration.milter.onFailure)
  }
}
