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
    var resolver: any Resolver
    var context: IncomingMessage.Context
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
      case .keepsAside, .journalFails, .refused, .waitsInLog: logger.error("\(event)")
      }
    }
    let context = try Self.context(wiring, resolver, ledger, checks, logger, clock)
    current = Mutex(Current(wiring: wiring, resolver: resolver, context: context))
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
    let (configuration, context) = current.withLock { ($0.wiring.configuration, $0.context) }
    // No address means a local pipe: such mail was not received from anybody.
    guard let address = start.clientAddress else { return nil }
    if let sealer = context.sealer, configuration.sealing?.reseals(address) == true {
      return ResentMessage(
        sealer, limits: context.headerLimits, logger: context.logger,
        clock: clock)
    }
    guard !configuration.milter.skips(start, from: address) else { return nil }
    return IncomingMessage(start, clientAddress: address, context: context)
  }

  /// Reads the configuration again; with errors in it the old one stays.
  ///
  /// Messages under way keep what they began with. What is fixed at the start, such as the socket
  /// and the ledger, stays as it is, and the log says so when the file would change it.
  func reload(configurationPath path: String) {
    do {
      let configuration = try Configuration.load(path: path)
      let (old, oldResolver) = current.withLock { ($0.wiring.configuration, $0.resolver) }
      let unchanged = Self.settingsFixedAtStart(old, configuration)
      if !unchanged.isEmpty {
        logger.warning("changed in the file, in effect after a restart: \(unchanged)")
      }
      let wiring = Wiring(configuration: configuration)
      // With the same settings the resolver stays, and its cache with it; a zone file may have
      // changed behind its name.
      let keepsResolver = configuration.dns == old.dns && configuration.dns.zoneFile == nil
      let resolver = keepsResolver ? oldResolver : try wiring.resolver()
      let context = try Self.context(wiring, resolver, ledger, checks, wiring.logger(), clock)
      current.withLock { $0 = Current(wiring: wiring, resolver: resolver, context: context) }
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
      ("ledger.database", old.ledger.database == new.ledger.database),
      ("ledger.commit_log", old.ledger.commitLog == new.ledger.commitLog),
    ].filter { !$0.1 }.map(\.0).joined(separator: ", ")
  }

  /// Ends the ledger's writer; messages must have ended before.
  func close() { ledger.close() }

  private static func context(
    _ wiring: Wiring, _ resolver: any Resolver, _ ledger: any LedgerStore, _ checks: CheckPool,
    _ logger: Logger, _ clock: Int64?
  ) throws -> IncomingMessage.Context {
    let configuration = wiring.configuration
    return IncomingMessage.Context(
      evaluator: try wiring.evaluator(resolver), ledger: ledger, checks: checks, logger: logger,
      verdicts: configuration.verdictSettings, hostName: wiring.hostName,
      deadlineSeconds: configuration.limits.deadlineSeconds,
      reportTraffic: ReportTraffic(configuration.report),
      failureCapture: try wiring.failureCapture(), sealer: try wiring.sealer(),
      headerLimits: configuration.limits,
      capture: configuration.ledger.capture,
      onFailure: configuration.milter.onFailure, clock: clock)
  }
}
