import Foundation

/// Answers for records once they are durable in a file of their own, and moves them into the
/// database behind that.
///
/// A transaction of the database writes a dozen pages, for one message or for a hundred. Here a
/// message waits for a block or two, and the database gets many messages at a time. A process that
/// is killed leaves the file; the next one moves what the database does not have.
final class CommitLog: @unchecked Sendable {
  // Why @unchecked holds: the variables are touched with `condition` locked only, `nextNote`
  // by the mover only, `file` also by the one thread that writes a batch, of which there is one at a
  // time, and by the mover, for what is safe from any thread.

  /// Takes messages into the database, or wherever else nothing is lost; returns those for which
  /// there was no place.
  typealias Move = @Sendable ([MessageRow]) -> [MessageRow]

  private let file: CommitLogFile
  private let retrySeconds: Double
  private let move: Move
  private let reportFailure: @Sendable (CommitLogFile.Failure) -> Void
  private let condition = NSCondition()
  /// Ends the mover's pauses, which must not last longer because somebody sets the clock.
  private let hurry = DispatchSemaphore(value: 0)
  private var waiting: [MessageRow] = []
  private var written: UInt64 = 0
  private var applied: UInt64 = 0
  private var moverIsIdle = false
  private var isStuck = false
  private var isBroken = false
  private var isStopping = false
  private var hasEnded = false
  private var commits: GroupCommit?
  /// The mover's own.
  private var nextNote = DispatchTime.now()

  /// How long messages are collected for a transaction of the database, in seconds.
  ///
  /// A thousand messages in a transaction would be hardly faster than a hundred; and whoever looks at
  /// the ledger waits for it.
  private static let collectSeconds = 0.02

  /// How long another process may wait longer than it had to, in seconds, where messages never stop.
  private static let noteSeconds = 0.2

  /// Begins with an empty file.
  ///
  /// - Parameters:
  ///   - file: What a process before this one left in it must be in the database already.
  ///   - retrySeconds: How long to wait before messages without a place are moved again.
  ///   - reportFailure: Told once why the file can no longer be used.
  ///   - move: Called on one thread.
  /// - Throws: Why the file cannot be used.
  init(
    _ file: CommitLogFile, retrySeconds: Double,
    reportFailure: @escaping @Sendable (CommitLogFile.Failure) -> Void, move: @escaping Move
  ) throws(CommitLogFile.Failure) {
    self.file = file
    self.retrySeconds = retrySeconds
    self.reportFailure = reportFailure
    self.move = move
    try file.prepare()
    let unusable = LedgerError(path: file.path, problem: .closed)
    commits = GroupCommit(maximumBatch: 256, closedError: unusable) { [unowned self] rows in
      let result: Result<Void, LedgerError> = write(rows) ? .success(()) : .failure(unusable)
      return rows.map { _ in result }
    }
    let thread = Thread { [self] in run() }
    thread.name = "ledger-mover"
    thread.start()
  }

  /// Keeps a message.
  ///
  /// - Parameters:
  ///   - row: The message.
  ///   - work: Done while it is on its way, if it gets on its way at all.
  /// - Returns: Whether it is durable; if not, it is to be kept in another way.
  func append(_ row: MessageRow, meanwhile work: () -> Void = {}) -> Bool {
    condition.lock()
    let commits = isStuck || isBroken ? nil : commits
    condition.unlock()
    guard let commits else { return false }
    do {
      try commits.commit(row, meanwhile: work)
      return true
    } catch {
      return false
    }
  }

  /// Waits until the database has everything that was answered for, unless it cannot take it.
  func waitUntilApplied() {
    condition.lock()
    let last = written
    if applied < last { hurry.signal() }
    while applied < last, !isStuck, !hasEnded { condition.wait() }
    condition.unlock()
  }

  /// Refuses further messages, moves those that are there, and removes the file if all of them have
  /// a place.
  func close() {
    condition.lock()
    let commits = commits
    self.commits = nil
    condition.unlock()
    commits?.stop()
    commits?.waitForEnd()
    condition.lock()
    isStopping = true
    condition.broadcast()
    hurry.signal()
    while !hasEnded { condition.wait() }
    let isDone = applied == written
    condition.unlock()
    if isDone { file.remove() }
    file.unlock()
  }

  // MARK: Writing

  /// Makes a batch durable and hands it to the mover.
  private func write(_ rows: [MessageRow]) -> Bool {
    let batch = CommitLogFile.batch(rows)
    guard let place = waitForPlace(batch.count) else { return false }
    do {
      let number = try file.write(batch, at: place)
      condition.lock()
      waiting += rows
      written = number
      // Under load it looks by itself; to be woken by each batch would cost more than it does.
      if moverIsIdle { condition.broadcast() }
      condition.unlock()
      return true
    } catch {
      // Nobody writes after this, so it is told once.
      condition.lock()
      isBroken = true
      condition.unlock()
      reportFailure(error)
      return false
    }
  }

  /// Where so many octets go; nil when they have no place here.
  private func waitForPlace(_ count: Int) -> CommitLogFile.Place? {
    guard count <= CommitLogFile.segmentBytes else { return nil }
    condition.lock()
    defer { condition.unlock() }
    while !isStuck, !isBroken {
      if let place = file.place(for: count, applied: applied) { return place }
      hurry.signal()
      condition.wait()
    }
    return nil
  }

  // MARK: Moving

  private func run() {
    while waitForMessages() {
      // What comes meanwhile comes into the same transaction. Whoever was answered just now has a
      // next message, and that does not have to share the processor.
      pause(Self.collectSeconds)
      let (rows, last) = take()
      var rest = move(rows)
      var isLast = false
      while !rest.isEmpty, !isLast {
        isLast = !waitToRetry()
        rest = move(rest)
      }
      // What has no place stays in the file, and what came after it too.
      guard rest.isEmpty else { break }
      condition.lock()
      isStuck = false
      applied = last
      let isIdle = waiting.isEmpty
      condition.broadcast()
      condition.unlock()
      note(last, isIdle: isIdle)
    }
    condition.lock()
    hasEnded = true
    condition.broadcast()
    condition.unlock()
  }

  /// Tells other processes what the database has, at once when nothing else is on its way.
  private func note(_ last: UInt64, isIdle: Bool) {
    let now = DispatchTime.now()
    guard isIdle || now >= nextNote else { return }
    nextNote = now + Self.noteSeconds
    file.note(applied: last)
  }

  /// Waits until there is something to move; false at the end.
  private func waitForMessages() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    moverIsIdle = true
    while waiting.isEmpty, !isStopping { condition.wait() }
    moverIsIdle = false
    return !waiting.isEmpty
  }

  /// What is to be moved next, and its last number.
  private func take() -> (rows: [MessageRow], last: UInt64) {
    condition.lock()
    defer { condition.unlock() }
    defer { waiting = [] }
    return (waiting, written)
  }

  /// Lets nobody wait for this log, and waits for the next attempt; false when that is the last.
  private func waitToRetry() -> Bool {
    condition.lock()
    isStuck = true
    condition.broadcast()
    condition.unlock()
    return pause(retrySeconds)
  }

  /// Waits, unless there is a reason to hurry; says whether to go on.
  @discardableResult private func pause(_ seconds: Double) -> Bool {
    // An earlier pause may have ended with the signal of who closes.
    if isEnding { return false }
    _ = hurry.wait(timeout: .now() + seconds)
    return !isEnding
  }

  private var isEnding: Bool {
    condition.lock()
    defer { condition.unlock() }
    return isStopping
  }
}
