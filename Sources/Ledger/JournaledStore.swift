import Foundation

/// A ledger that answers for a message as soon as it is durable, and loses nothing while its database
/// cannot be written.
///
/// A message goes to the commit log, and from there into the database some milliseconds later, with
/// the others of that time. What the database does not take goes to a journal beside it, and from
/// there into the database once it can be written again.
public final class JournaledStore: LedgerStore, @unchecked Sendable {
  // Why @unchecked holds: the variables are touched with `condition` locked only; everything else
  // is constant and safe to use from any thread.

  /// What an administrator should know.
  public enum Event: Sendable, Equatable {
    /// The database does not take messages; from now on they are kept in this file.
    case keepsAside(file: String, LedgerError)
    /// So many messages were moved from the journal into the database.
    case moved(Int)
    /// The database still takes no messages.
    case stillWaits(LedgerError)
    /// The journal itself cannot be used, in words.
    case journalFails(String)
    /// So many lines of the journal are no messages that the database takes, and are in this file;
    /// with the reason for the first.
    case refused(Int, file: String, reason: String)
    /// So many messages were moved from the commit log of a process that did not end in order.
    case recovered(Int)
    /// So many batches of messages that were answered for cannot be read from the commit log, which is
    /// kept under another name.
    case damaged(Int, file: String, keptAs: String)
    /// Neither the database nor the journal takes what is in the commit log; it stays in this file.
    case waitsInLog(file: String, LedgerError)
    /// The commit log is not used, and why in words; messages go directly into the database.
    case logUnused(String)
  }

  private let store: SQLiteStore
  private let journal: MessageJournal
  private let retrySeconds: Double
  private let report: @Sendable (Event) -> Void
  private let condition = NSCondition()
  /// Set by `init` only.
  private var log: CommitLog?
  private var isKeepingAside = false
  private var isWaitingInLog = false
  private var isStopping = false
  private var hasEnded = false

  /// Takes what waits in the commit log and the journal into the ledger, and does so from now on.
  ///
  /// - Parameters:
  ///   - store: The ledger, opened for writing.
  ///   - usesCommitLog: Whether messages go to a commit log first. Without, each waits for a
  ///     transaction of the database.
  ///   - retrySeconds: How long to wait between two attempts to empty the journal.
  ///   - report: Told what happens; called from any thread.
  public init(
    _ store: SQLiteStore, usesCommitLog: Bool = true, retrySeconds: Double = 30,
    report: @escaping @Sendable (Event) -> Void
  ) {
    self.store = store
    self.retrySeconds = retrySeconds
    self.report = report
    journal = MessageJournal(ledgerPath: store.path)
    log = openLog(isUsed: usesCommitLog)
    let thread = Thread { [self] in run() }
    thread.name = "ledger-journal"
    thread.start()
  }

  /// Keeps one message, in the journal when the database does not take it.
  ///
  /// It is durable when this returns, and in the database some milliseconds later.
  ///
  /// - Parameters:
  ///   - record: The message.
  ///   - work: See ``LedgerStore/append(_:meanwhile:)``.
  /// - Throws: ``LedgerError/Problem/lost(ledger:journal:)`` when neither takes it.
  public func append(
    _ record: MessageRecord, meanwhile work: () -> Void
  ) throws(LedgerError) {
    let row = MessageRow(record)
    var isDone = false
    func workOnce() {
      if !isDone { work() }
      isDone = true
    }
    defer { workOnce() }
    // What is captured of a message is to be erased in time, which nobody does in the log.
    if row.capture == nil, let log, log.append(row, meanwhile: workOnce) { return }
    do {
      try store.append(row, meanwhile: workOnce)
    } catch {
      try keepAside(row, error)
    }
  }

  /// Gives a view of the database with everything that was appended before; what waits in the journal
  /// is not in it.
  public func read<Result>(_ body: (any LedgerSnapshot) throws -> Result) throws -> Result {
    log?.waitUntilApplied()
    return try store.read(body)
  }

  /// Empties the commit log, and the journal once more if that can be, and closes the ledger;
  /// messages that come later are kept in the journal.
  public func close() {
    log?.close()
    condition.lock()
    isStopping = true
    condition.broadcast()
    while !hasEnded { condition.wait() }
    condition.unlock()
    store.close()
  }

  // MARK: Keeping

  /// Prepares the commit log, with what a process before this one left there in the database.
  private func openLog(isUsed: Bool) -> CommitLog? {
    let path = CommitLogFile.path(ledgerPath: store.path)
    guard isUsed || FileManager.default.fileExists(atPath: path) else { return nil }
    do {
      guard var file = try openLogFile() else { return nil }
      let left = try file.left()
      let rest = keep(left.rows)
      if left.rows.count > rest.count { report(.recovered(left.rows.count - rest.count)) }
      guard rest.isEmpty else { return nil }
      if left.damagedBatches > 0 {
        // Where it cannot have another name it stays as it is.
        var place = path
        defer { report(.damaged(left.damagedBatches, file: path, keptAs: place)) }
        place = try file.setAside()
        guard let new = try openLogFile() else { return nil }
        file = new
      }
      guard isUsed else {
        file.remove()
        return nil
      }
      return try CommitLog(
        file, retrySeconds: retrySeconds,
        reportFailure: { [report] in report(.logUnused("\($0)")) },
        move: { [unowned self] in keep($0) })
    } catch {
      report(.logUnused("\(error)"))
      return nil
    }
  }

  /// The log's file; nil when another process has it, which is reported.
  private func openLogFile() throws(LedgerFile.Failure) -> CommitLogFile? {
    if let file = try CommitLogFile(ledgerPath: store.path) { return file }
    report(.logUnused("another process uses \(CommitLogFile.path(ledgerPath: store.path))"))
    return nil
  }

  /// Takes messages into the database, or else into the journal; returns those that neither took.
  private func keep(_ rows: [MessageRow]) -> [MessageRow] {
    var rest: [MessageRow] = []
    var failure: LedgerError?
    for (result, row) in zip(store.append(rows), rows) {
      guard case .failure(let error) = result else { continue }
      do {
        try keepAside(row, error)
      } catch {
        rest.append(row)
        failure = failure ?? error
      }
    }
    condition.lock()
    let isFirst = !isWaitingInLog
    isWaitingInLog = failure != nil
    condition.unlock()
    if isFirst, let failure {
      report(.waitsInLog(file: CommitLogFile.path(ledgerPath: store.path), failure))
    }
    return rest
  }

  /// Keeps a message in the journal that the database does not take.
  private func keepAside(_ row: MessageRow, _ error: LedgerError) throws(LedgerError) {
    do {
      try journal.append(JournalLine.octets(row))
    } catch let second {
      throw LedgerError(
        path: store.path, problem: .lost(ledger: error.words, journal: "\(second)"))
    }
    noteKeptAside(error)
  }

  private func noteKeptAside(_ error: LedgerError) {
    condition.lock()
    let isFirst = !isKeepingAside
    isKeepingAside = true
    condition.unlock()
    if isFirst { report(.keepsAside(file: journal.pendingPath, error)) }
  }

  // MARK: Moving

  private func run() {
    var isLast = false
    while true {
      if journal.hasMessages { replay() }
      if isLast { break }
      condition.lock()
      if !isStopping { _ = condition.wait(until: Date(timeIntervalSinceNow: retrySeconds)) }
      isLast = isStopping
      condition.unlock()
    }
    condition.lock()
    hasEnded = true
    condition.broadcast()
    condition.unlock()
  }

  private func replay() {
    var moved = 0
    do {
      while let reader = try journal.beginReplay() {
        moved += try move(reader)
        try journal.endReplay()
        withExtendedLifetime(reader) {}
      }
      condition.lock()
      isKeepingAside = false
      condition.unlock()
    } catch let error as LedgerError {
      report(.stillWaits(error))
    } catch {
      report(.journalFails("\(error)"))
    }
    if moved > 0 { report(.moved(moved)) }
  }

  /// Moves all lines; each is in the ledger or kept aside when this returns.
  private func move(_ reader: JournalReader) throws -> Int {
    var moved = 0
    var refused: [(line: Data, reason: String)] = []
    while case let lines = try reader.next(256), !lines.isEmpty {
      var rows: [(line: Data, row: MessageRow)] = []
      for line in lines {
        do {
          rows.append((line, try JournalLine.row(line)))
        } catch {
          refused.append((line, error.description))
        }
      }
      for (result, entry) in zip(store.append(rows.map(\.row)), rows) {
        switch result {
        case .success: moved += 1
        case .failure(let error) where error.concernsOneRow:
          refused.append((entry.line, error.words))
        case .failure(let error): throw error
        }
      }
    }
    for entry in refused { try journal.refuse(entry.line) }
    if let first = refused.first {
      report(.refused(refused.count, file: journal.refusedPath, reason: first.reason))
    }
    return moved
  }
}

extension JournaledStore.Event: CustomStringConvertible {
  /// What happened, and what to do where that is for a person.
  public var description: String {
    switch self {
    case .keepsAside(let file, let error):
      "\(error); messages are kept in \(file) and moved into the ledger once that can be written"
    case .moved(let count):
      "the ledger took \(counted(count, "message")) that had been kept aside"
    case .stillWaits(let error): "messages kept aside still wait: \(error)"
    case .journalFails(let why): "messages kept aside cannot be moved into the ledger: \(why)"
    case .refused(let count, let file, let reason):
      "\(counted(count, "line")) of what was kept aside cannot be moved into the "
        + "ledger (\(reason)); see \(file)"
    case .recovered(let count):
      "the ledger took \(counted(count, "message")) that the milter before this "
        + "one had answered and not yet moved into it"
    case .damaged(let count, let file, let place):
      "\(file) does not hold what was written to it: \(counted(count, "batch", "batches")) of "
        + "messages cannot be read, and may be missing from the "
        + "ledger and from reports; see to the disk; the file is kept as \(place)"
    case .waitsInLog(let file, let error):
      "\(error); messages that were answered already wait in \(file), which a milter that starts "
        + "later takes up too"
    case .logUnused(let why):
      "\(why); until the milter starts again, each message waits for a transaction of the ledger, "
        + "which is slower"
    }
  }
  private func counted(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(number) \(number == 1 ? noun : plural ?? noun + "s")"
  }
}
