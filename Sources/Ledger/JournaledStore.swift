import Foundation

/// A ledger that loses nothing while its database cannot be written: what the database does not
/// take goes to a journal beside it, and from there into the database once it can be written again.
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
  }

  private let store: SQLiteStore
  private let journal: MessageJournal
  private let retrySeconds: Double
  private let report: @Sendable (Event) -> Void
  private let condition = NSCondition()
  private var isKeepingAside = false
  private var isStopping = false
  private var hasEnded = false

  /// Takes what waits in the journal into the ledger, and does so from now on.
  ///
  /// - Parameters:
  ///   - store: The ledger, opened for writing.
  ///   - retrySeconds: How long to wait between two attempts to empty the journal.
  ///   - report: Told what happens; called from any thread.
  public init(
    _ store: SQLiteStore, retrySeconds: Double = 30, report: @escaping @Sendable (Event) -> Void
  ) {
    self.store = store
    self.retrySeconds = retrySeconds
    self.report = report
    journal = MessageJournal(ledgerPath: store.path)
    let thread = Thread { [self] in run() }
    thread.name = "ledger-journal"
    thread.start()
  }

  /// Keeps one message, in the journal when the database does not take it.
  ///
  /// - Throws: ``LedgerError/Problem/lost(ledger:journal:)`` when neither takes it.
  public func append(_ record: MessageRecord) throws(LedgerError) {
    let row = MessageRow(record)
    do {
      try store.append(row)
    } catch {
      do {
        try journal.append(JournalLine.octets(row))
      } catch let second {
        throw LedgerError(
          path: store.path, problem: .lost(ledger: error.words, journal: "\(second)"))
      }
      noteKeptAside(error)
    }
  }

  /// Gives a view of the database; what waits in the journal is not in it.
  public func read<Result>(_ body: (any LedgerSnapshot) throws -> Result) throws -> Result {
    try store.read(body)
  }

  /// Empties the journal once more if that can be, and closes the ledger; messages that come
  /// later are kept in the journal.
  public func close() {
    condition.lock()
    isStopping = true
    condition.broadcast()
    while !hasEnded { condition.wait() }
    condition.unlock()
    store.close()
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
      "the ledger took \(count) \(count == 1 ? "message" : "messages") that had been kept aside"
    case .stillWaits(let error): "messages kept aside still wait: \(error)"
    case .journalFails(let why): "messages kept aside cannot be moved into the ledger: \(why)"
    case .refused(let count, let file, let reason):
      "\(count) \(count == 1 ? "line" : "lines") of what was kept aside cannot be moved into the "
        + "ledger (\(reason)); see \(file)"
    }
  }
}
