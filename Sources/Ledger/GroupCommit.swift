import Foundation
import Glibc

/// Lets many threads share one transaction: whoever comes while nobody commits does so, for
/// himself and for all who came in the meantime; the others wait.
///
/// Nobody waits for company: a row that comes alone is committed alone, at once, on the thread that
/// brings it.
final class GroupCommit: @unchecked Sendable {
  // Why @unchecked holds: every variable is touched with `lock` locked only; everything else is
  // constant.

  /// Commits rows in one go and says of each how that ended.
  typealias Commit = @Sendable ([MessageRow]) -> [Result<Void, LedgerError>]

  // A condition for `waitForEnd`; everywhere else it is only a lock.
  private let lock = NSCondition()
  private var waiting: [Ticket] = []
  private var isCommitting = false
  private var isStopping = false
  private let maximumBatch: Int
  private let commit: Commit
  private let closedError: LedgerError

  /// - Parameters:
  ///   - maximumBatch: The most rows in one transaction, at least 1.
  ///   - closedError: What callers get after ``stop()``.
  ///   - commit: Called on the threads of callers, never twice at once.
  init(maximumBatch: Int, closedError: LedgerError, commit: @escaping Commit) {
    self.maximumBatch = max(maximumBatch, 1)
    self.closedError = closedError
    self.commit = commit
  }

  /// Commits one row; returns when it is durable, and `work` is done.
  func commit(_ row: MessageRow, meanwhile work: () -> Void = {}) throws(LedgerError) {
    let ticket = Ticket(row)
    let leads = enqueue([ticket])
    // Nobody has to wait for the work of who commits for all.
    if leads == true { commitBatch() }
    work()
    guard leads != nil else { throw closedError }
    try result(of: ticket).get()
  }

  /// Commits several rows; returns when each is durable, or says why not.
  func commit(_ rows: [MessageRow]) -> [Result<Void, LedgerError>] {
    let tickets = rows.map { Ticket($0) }
    guard !tickets.isEmpty, let leads = enqueue(tickets) else {
      return rows.map { _ in .failure(closedError) }
    }
    if leads { commitBatch() }
    return tickets.map(result)
  }

  /// Refuses new rows; those already handed in are still committed, which is not waited for.
  func stop() {
    lock.lock()
    isStopping = true
    lock.unlock()
  }

  /// Waits until everything handed in before ``stop()`` has been committed.
  func waitForEnd() {
    lock.lock()
    while isCommitting { lock.wait() }
    lock.unlock()
  }

  /// Hands tickets in; nil when nothing is taken any more, else whether the caller has to commit.
  private func enqueue(_ tickets: [Ticket]) -> Bool? {
    lock.lock()
    defer { lock.unlock() }
    guard !isStopping else { return nil }
    waiting += tickets
    guard !isCommitting else { return false }
    isCommitting = true
    return true
  }

  /// The end of a ticket, whose thread may have to bring it about.
  private func result(of ticket: Ticket) -> Result<Void, LedgerError> {
    while true {
      switch ticket.wait() {
      case .ended(let result): return result
      case .leads: commitBatch()
      }
    }
  }

  /// Commits what waits, the caller's ticket first of all, and passes the task on.
  private func commitBatch() {
    // Whoever can run at once may bring a row of his own; with nobody it takes no time.
    sched_yield()
    lock.lock()
    let batch = Array(waiting.prefix(maximumBatch))
    waiting.removeFirst(batch.count)
    lock.unlock()
    let results = commit(batch.map(\.row))
    precondition(results.count == batch.count, "a result for each row")
    lock.lock()
    let next = waiting.first
    if next == nil {
      isCommitting = false
      lock.broadcast()
    }
    lock.unlock()
    // Before the others learn their ends: the disk is free, and they have work of their own.
    next?.tell(.leads)
    for (ticket, result) in zip(batch, results) { ticket.tell(.ended(result)) }
  }

  /// One row on its way, and the thread that waits for it.
  private final class Ticket: @unchecked Sendable {
    // Why @unchecked holds: whoever commits sets `news` before the semaphore lets the waiting
    // thread read it, and nobody tells it more before that thread has acted on it.
    enum News {
      /// This thread is to commit what waits.
      case leads
      /// The row is durable, or not.
      case ended(Result<Void, LedgerError>)
    }

    let row: MessageRow
    private var news: News?
    private let told = DispatchSemaphore(value: 0)

    init(_ row: MessageRow) { self.row = row }

    func tell(_ news: News) {
      self.news = news
      told.signal()
    }

    func wait() -> News {
      told.wait()
      guard let news else { preconditionFailure("woken without news") }
      return news
    }
  }
}
