import Foundation
import Ledger
import Logging
import MailAuth
import Milter
import Synchronization

/// What the milter does with each message under the configuration that holds at its beginning.
final class MilterService: Sendable {
  /// An object, so that no message copies it.
  private final class Current: Sendable {
    let wiring: Wiring
    let resolver: any Resolver
    let context: IncomingMessage.Context

    init(_ wiring: Wiring, _ resolver: any Resolver, _ context: IncomingMessage.Context) {
      self.wiring = wiring
      self.resolver = resolver
      self.context = context
    }
  }

  private let current: Mutex<Current>
  private let ledger: JournaledStore
  private let checks = CheckPool(threads: 64)
  private let logger: Logger
  private let clock: Int64?

  /// Makes everything a message needs.
  ///
  /// - Throws: Whatever keeps one of the parts from being made, such as an unusable ledger.
  init(_ wiring: Wiring, logger: Logger, clock: Int64? = nil) throws {
    self.logger = logger
    self.clock = clock
    let resolver = try wiring.resolver()
    ledger = JournaledStore(
      try wiring.ledger(readOnly: false),
      usesCommitLog: wiring.configuration.ledger.commitLog
    ) { event in
      switch event {
      case .moved, .recovered: logger.notice("\(event)")
      case .stillWaits, .logUnused: logger.warning("\(event)")
      case .keepsAside, .journalFails, .refused, .waitsInLog, .damaged:
        logger.error("\(event)")
      }
    }
    let context = try IncomingMessage.Context(
      wiring, resolver, ledger, checks, logger, clock: clock)
    current = Mutex(Current(wiring, resolver, context))
    warnOfExposedKey(wiring.configuration)
  }

  /// Whether a message may have to be held under the configuration that holds now.
  var mayHold: Bool {
    let policy = current.withLock { $0.context.verdicts.policy }
    let mayQuarantine = policy.enforcement != .off || policy.onBadFrom == .quarantine
    return mayQuarantine && policy.quarantineAction == .hold
  }

  /// Begins a message; nil when it is not to be evaluated.
  func begin(_ start: MilterEnvelopeStart) -> (any MilterTransaction)? {
    let current = current.withLock { $0 }
    let context = current.context
    // No address means a local pipe: such mail was not received from anybody.
    guard let address = start.clientAddress else { return nil }
    if let sealer = context.sealer, current.wiring.configuration.sealing?.reseals(address) == true {
      return ResentMessage(
        sealer, limits: context.headerLimits, logger: context.logger,
        clock: clock)
    }
    guard !current.wiring.configuration.milter.skips(start, from: address) else { return nil }
    return IncomingMessage(start, clientAddress: address, context: context)
  }

  /// Reads the configuration again; with errors in it the old one stays.
  ///
  /// Messages under way keep what they began with. What is fixed at the start, such as the socket
  /// and the ledger, stays as it is, and the log says so when the file would change it.
  func reload(configurationPath path: String) {
    do {
      let configuration = try Configuration.load(path: path)
      let current = current.withLock { $0 }
      let old = current.wiring.configuration
      let unchanged = Self.settingsFixedAtStart(old, configuration)
      if !unchanged.isEmpty {
        logger.warning("changed in the file, in effect after a restart: \(unchanged)")
      }
      let wiring = Wiring(configuration: configuration)
      // With the same settings the resolver stays, and its cache with it; a zone file may have
      // changed behind its name.
      let keepsResolver = configuration.dns == old.dns && configuration.dns.zoneFile == nil
      let resolver = keepsResolver ? current.resolver : try wiring.resolver()
      let context = try IncomingMessage.Context(
        wiring, resolver, ledger, checks, wiring.logger(), clock: clock)
      self.current.withLock { $0 = Current(wiring, resolver, context) }
      warnOfExposedKey(configuration)
      logger.notice("configuration read again: \(path)")
    } catch {
      logger.error("the configuration stays as it was: \(error)")
    }
  }

  private func warnOfExposedKey(_ configuration: Configuration) {
    guard let file = configuration.sealing?.keyFile, ConfiguredKeys.isReadableForAll(file) else {
      return
    }
    logger.warning("arc.seal_key: \(file) can be read by every user; chmod 640 it")
  }

  private static func settingsFixedAtStart(_ old: Configuration, _ new: Configuration) -> String {
    [
      ("milter.socket", old.milter.socket == new.milter.socket),
      ("milter.socket_mode", old.milter.socketMode == new.milter.socketMode),
      ("milter.drain_seconds", old.milter.drainSeconds == new.milter.drainSeconds),
      ("milter.buffered", old.milter.buffered == new.milter.buffered),
      ("milter.busy_rate", old.milter.busyRate == new.milter.busyRate),
      ("ledger.database", old.ledger.database == new.ledger.database),
      ("ledger.commit_log", old.ledger.commitLog == new.ledger.commitLog),
    ].filter { !$0.1 }.map(\.0).joined(separator: ", ")
  }

  /// Ends the ledger's writer; messages must have ended before.
  func close() { ledger.close() }
}
