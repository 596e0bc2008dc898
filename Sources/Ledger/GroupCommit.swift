import Foundation

/// Lets many threads share one transaction: they hand in rows and wait, one thread commits what
/// has gathered while the transaction before was being written.
///
/// Nobody waits for company: a row that comes alone is committed alone, at once.
final class GroupCommit: @unchecked Sendable {
  // Why @unchecked holds: every variable is touched with `condition` locked only;
  // everything else is constant.

  /// Commits rows in one go and says of each how that ended.
  typealias Commit = @Sendable ([MessageRow]) -> [Result<Void, LedgerError>]

  private let condition = NSCondition()
  private var waiting: [Ticket] = []
  private var isStopping = false
  private var hasEnded = false
  private let maximumBatch: Int
  private let commit: Commit
  private let closedError: LedgerError

  /// - Parameters:
  ///   - maximumBatch: The most rows in one transaction, at least 1.
  ///   - closedError: What callers get after ``stop()``.
  ///   - commit: Called on the writer thread only, never twice at once.
  init(maximumBatch: Int, closedError: LedgerError, commit: @escaping Commit) {
    self.maximumBatch = max(maximumBatch, 1)
    self.closedError = closedError
    self.commit = commit
    let thread = Thread { self.run() }
    thread.name = "ledger-writer"
    thread.start()
  }

  /// Commits one row; returns when it is durable.
  func commit(_ row: MessageRow) throws(LedgerError) {
    let ticket = Ticket(row)
    condition.lock()
    guard !isStopping else {
      condition.unlock()
      throw closedError
    }
    waiting.append(ticket)
    condition.signal()
    condition.unlock()
    try ticket.wait().get()
  }

  /// Commits several rows; returns when each is durable, or says why not.
  func commit(_ rows: [MessageRow]) -> [Result<Void, LedgerError>] {
    let tickets = rows.map { Ticket($0) }
    condition.lock()
    guard !isStopping else {
      condition.unlock()
      return rows.map { _ in .failure(closedError) }
    }
    waiting += tickets
    condition.signal()
    condition.unlock()
    return tickets.map { $0.wait() }
  }

  /// Refuses new rows; those already handed in are still committed, which is not waited for.
  func stop() {
    condition.lock()
    isStopping = true
    condition.broadcast()
    condition.unlock()
  }

  /// Waits for the writer thread to end, after ``stop()``.
  func waitForEnd() {
    condition.lock()
    while !hasEnded { condition.wait() }
    condition.unlock()
  }

  private func run() {
    while let batch = nextBatch() {
      let results = commit(batch.map(\.row))
      precondition(results.count == batch.count, "a result for each row")
      for (ticket, result) in zip(batch, results) { ticket.end(result) }
    }
    condition.lock()
    hasEnded = true
    condition.broadcast()
    condition.unlock()
  }

  private func nextBatch() -> [Ticket]? {
    condition.lock()
    defer { condition.unlock() }
    while waiting.isEmpty {
      if isStopping { return nil }
      condition.wait()
    }
    let batch = Array(waiting.prefix(maximumBatch))
    waiting.removeFirst(batch.count)
    return batch
  }

  /// One row on its way, and the thread that waits for it.
  private final class Ticket: @unchecked Sendable {
    // Why @unchecked holds: the writer thread sets `result` once, before the semaphore lets the
    // waiting thread read it.
    let row: MessageRow
    private var result: Result<Void, LedgerError>?
    private let done = DispatchSemaphore(value: 0)

    init(_ row: MessageRow) { self.row = row }

    func end(_ result: Result<Void, LedgerError>) {
      self.result = result
      done.signal()
    }

    func wait() -> Result<Void, LedgerError> {
      done.wait()
      guard let result else { preconditionFailure("woken without a result") }
      return result
    }
  }
}
