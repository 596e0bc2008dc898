internal import Dispatch
internal import Foundation
public import Logging
internal import Synchronization

// The Milter module is libmilter in Swift. It knows connections, messages and header edits; it does
// not know what they mean.
//
//   Postfix ── libmilter ── LibMilter (C callbacks) ── Session (one connection) ── MilterTransaction
//
// MilterServer opens the socket, counts the messages in flight and ends the process's service when
// it is told to. What a message means is decided by the transaction that `beginMessage` makes.

/// The milter: one per process, because libmilter can be started only once.
///
/// ```swift
/// MilterSignals.blockAll()  // the first statement of the program
/// let server = MilterServer(settings: settings, logger: logger) { start in Check(start) }
/// try server.openSocket()
/// MilterSignals.startThread(reload: { ... }, stop: { server.drain() })
/// try server.run()          // returns after a drain; the process should end then
/// ```
public final class MilterServer: Sendable {
  let settings: MilterServerSettings
  let logger: Logger
  /// Whether messages may have to be held; asked at the beginning of each connection.
  let mayHold: @Sendable () -> Bool
  let beginMessage: @Sendable (MilterEnvelopeStart) -> (any MilterTransaction)?

  /// The reply to messages that begin while the milter drains.
  static let drainingReply = MilterReply.tempfail(
    code: "451", enhancedCode: "4.3.2", text: "Mail filter is restarting, try again shortly")

  /// How long the answer to a message may take from our callback's return to the MTA.
  ///
  /// libmilter writes it on the same thread before it looks at the next command, and has no
  /// callback that says so; the write takes microseconds.
  private static let answerGrace = Duration.milliseconds(250)

  private struct State {
    var socket: ListeningSocket?
    var isStarted = false
    var openSessions = 0
    var openMessages = 0
    var lastAnswer: ContinuousClock.Instant?
    var rate = MessageRate()
    /// When waiting for open messages ends; nil while the milter serves.
    var drainDeadline: ContinuousClock.Instant?
    /// What smfi_main returned, if it did.
    var libmilterStatus: Int32?
    /// The warnings that were given already.
    var warnings: Set<String> = []
  }

  private let state = Mutex(State())
  /// Signalled whenever something happened that ``run()`` waits for.
  private let changed = DispatchSemaphore(value: 0)

  /// Makes a milter; nothing happens until ``openSocket()``.
  ///
  /// - Parameters:
  ///   - settings: How to listen and end.
  ///   - logger: For what concerns the milter itself; a message's lines carry `queueID`.
  ///   - mayHold: Whether answers may be ``MilterReply/hold(reason:)``, which the MTA has to be told
  ///     at the beginning of a connection; called there, on one of libmilter's threads.
  ///   - beginMessage: Called at each MAIL on one of libmilter's threads, several at a time; makes
  ///     the message's transaction, or nil when the MTA need not send the message. Must not wait.
  public init(
    settings: MilterServerSettings, logger: Logger,
    mayHold: @escaping @Sendable () -> Bool = { false },
    beginMessage: @escaping @Sendable (MilterEnvelopeStart) -> (any MilterTransaction)?
  ) {
    self.settings = settings
    self.logger = logger
    self.mayHold = mayHold
    self.beginMessage = beginMessage
  }

  /// Whether ``MilterServerSettings/buffersConnections`` has an effect in this executable; how it
  /// works is told in `Sources/CMilterStream/milter_stream.c`.
  public static var canBufferConnections: Bool { LibMilter.canBufferConnections }

  /// Opens the socket and makes libmilter listen on it; the MTA can connect from here on.
  ///
  /// A Unix socket left by an ended process is replaced; one that somebody listens on is not.
  ///
  /// - Throws: ``MilterServerError``, for a start-up message.
  public func openSocket() throws(MilterServerError) {
    guard LibMilter.ownsSignals else { throw error(.signalsNotOurs) }
    guard LibMilter.claimProcess(for: self) else { throw error(.secondServer) }
    let socket = try ListeningSocket.open(settings.socket, mode: settings.socketMode)
    do {
      try LibMilter.setUp(settings: settings, descriptor: socket.descriptor)
    } catch {
      socket.removeFile()
      throw error
    }
    state.withLock { $0.socket = socket }
  }

  /// Where the milter listens: the settings' socket, with the port that the system chose for port
  /// 0; nil before ``openSocket()``.
  public var listeningAddress: MilterSocketAddress? { state.withLock { $0.socket?.address } }

  /// Serves until ``drain()`` or ``stop()``; blocks the calling thread.
  ///
  /// libmilter's threads exist until the process ends, and answer new messages with a temporary
  /// failure, so the process should end soon after this returns.
  ///
  /// - Throws: ``MilterServerError`` when libmilter cannot start or stops by itself.
  public func run() throws(MilterServerError) {
    let socket = state.withLock { state -> ListeningSocket? in
      guard !state.isStarted else { return nil }
      state.isStarted = state.socket != nil
      return state.socket
    }
    guard let socket else { throw error(.notOpen) }
    let thread = Thread {
      let status = LibMilter.main()
      self.state.withLock { $0.libmilterStatus = status }
      self.changed.signal()
    }
    thread.name = "libmilter"
    thread.start()
    defer { socket.removeFile() }
    while try !isFinished() {
      // The end of a drain is a time, not an event.
      _ = changed.wait(timeout: isDraining ? .now() + .milliseconds(20) : .distantFuture)
    }
  }

  /// Refuses new messages from now on and lets ``run()`` return when those begun are answered.
  ///
  /// Waits at most `drainSeconds`; a second call ends the waiting. Returns at once.
  public func drain() {
    let now = ContinuousClock.now
    let open = state.withLock { state -> Int in
      let seconds = state.drainDeadline == nil ? settings.drainSeconds : 0
      state.drainDeadline = now + .seconds(seconds)
      return state.openMessages
    }
    logger.notice("stopping; \(open) messages in flight")
    changed.signal()
  }

  /// Lets ``run()`` return without waiting for messages in flight; the MTA tries those again.
  public func stop() {
    state.withLock { $0.drainDeadline = ContinuousClock.now }
    changed.signal()
  }

  private var isDraining: Bool { state.withLock { $0.drainDeadline != nil } }

  private func isFinished() throws(MilterServerError) -> Bool {
    let now = ContinuousClock.now
    let state = state.withLock { $0 }
    if let deadline = state.drainDeadline {
      if now >= deadline {
        if state.openMessages > 0 {
          logger.warning("stopped with \(state.openMessages) messages in flight")
        }
        return true
      }
      let isAnswerOnItsWay = state.lastAnswer.map { now < $0 + Self.answerGrace } ?? false
      return state.openMessages == 0 && (state.openSessions == 0 || !isAnswerOnItsWay)
    }
    if let status = state.libmilterStatus { throw error(.stopped(status: status)) }
    return false
  }

  private func error(_ problem: MilterServerError.Problem) -> MilterServerError {
    MilterServerError(socket: settings.socket, problem: problem)
  }

  /// Logs what is true of the MTA and would be repeated with each connection.
  func warnOnce(_ text: String) {
    let isNew = state.withLock { $0.warnings.insert(text).inserted }
    if isNew { logger.warning("\(text)") }
  }

  /// Logs what we lost of a message.
  func report(_ problem: String, queueID: String) {
    logger.error("\(problem)", metadata: ["queueID": "\(queueID)"])
  }

  // MARK: Counting, by sessions

  /// Connections that exist now.
  var openSessions: Int { state.withLock { $0.openSessions } }
  /// Messages that are between MAIL and their answer now.
  var openMessages: Int { state.withLock { $0.openMessages } }

  func sessionBegan() {
    state.withLock { $0.openSessions += 1 }
  }

  func sessionEnded() {
    let isDraining = state.withLock { state -> Bool in
      state.openSessions -= 1
      return state.drainDeadline != nil
    }
    if isDraining { changed.signal() }
  }

  /// Counts a message in; false when the milter takes no new ones.
  func messageBegan() -> Bool {
    state.withLock { state in
      guard state.drainDeadline == nil else { return false }
      state.openMessages += 1
      state.rate.count(now: .now)
      return true
    }
  }

  /// Whether so many messages come that it is better to do without the answer to MAIL.
  var isBusy: Bool {
    state.withLock { state in
      state.drainDeadline == nil && state.rate.perSecond(now: .now) >= settings.busyRate
    }
  }

  func messageEnded() {
    let isDraining = state.withLock { state -> Bool in
      state.openMessages -= 1
      state.lastAnswer = ContinuousClock.now
      return state.drainDeadline != nil
    }
    if isDraining { changed.signal() }
  }
}
