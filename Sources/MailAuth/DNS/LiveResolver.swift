import Dispatch
import Synchronization

/// The resolver that reaches the network: libunbound, with one cache for the process.
///
/// An answer is used again for as long as its TTL allows, without a question to libunbound: handing
/// one over and waiting for its threads costs more than the whole evaluation of a message.
///
/// It asks recursive servers, and asks them for every name, also for those that libunbound would
/// answer by itself (`localhost`, `test`, `invalid`, reverse zones of private networks). The same
/// question asked again while it is under way, or after ``prefetch(_:)``, waits for the query that
/// is already out.
///
/// Outcomes: a server that says SERVFAIL or REFUSED is told apart from one that says nothing by
/// libunbound's log, since its result has only SERVFAIL for all three. libunbound gives up on silent
/// servers after 14 seconds, so with a shorter timeout silence is seen here first; the query then
/// goes on, and its answer serves whoever asks next. A question's time runs from its query, not
/// from each wait for it: ten questions that were started together time out together, and who asks
/// for what has been silent for longer is told so at once (RFC 9520 section 3.2).
public final class LiveResolver: Resolver {
  private let settings: LiveResolverSettings
  private let unbound: LibUnbound
  /// Each question has its place in one of them, so that threads seldom wait for each other.
  private let shards: [SharedState]
  private static let shardCount = 8

  /// Makes a resolver and starts its two threads.
  ///
  /// Make one for the process: each has a cache of its own.
  ///
  /// - Throws: ``LiveResolverError`` when a server, the system's list of servers or the trust
  ///   anchor file is unusable. Nothing is asked yet, so an unreachable server is no error.
  public init(_ settings: LiveResolverSettings) throws(LiveResolverError) {
    self.settings = settings
    unbound = try LibUnbound(settings)
    // A quarter of what libunbound may take; what falls out here is still found there.
    let cacheOctets = min(max(settings.cacheMegabytes, 1), 4096) * 256 * 1024
    shards = (0..<Self.shardCount).map { _ in
      SharedState(
        cacheOctets: cacheOctets / Self.shardCount, mostQueries: 8192 / Self.shardCount)
    }
  }

  private func state(of question: DNSQuestion) -> SharedState {
    shards[Int(UInt(bitPattern: question.hashValue) % UInt(Self.shardCount))]
  }

  /// Answers one question; see ``Resolver/answer(_:deadline:)``.
  ///
  /// It ends as ``DNSOutcome/timeout`` at the deadline or after the settings' timeout, whichever is
  /// first. ``DNSAnswer/isCached`` says that the same question was answered before and its time has
  /// not run out, or that libunbound repeats a failure without asking again.
  public func answer(
    _ question: DNSQuestion, deadline: ContinuousClock.Instant?
  ) -> DNSAnswer {
    guard question.isValidName else { return DNSAnswer(outcome: .invalidName) }
    let started = ContinuousClock.now
    if let deadline, deadline <= started {
      return DNSAnswer(outcome: .timeout, detail: Self.deadlineDetail)
    }
    if var known = state(of: question).known(question, at: started) {
      known.milliseconds = (.now - started) / .milliseconds(1)
      return known
    }
    let waiter = Waiter()
    let timeoutEnd: ContinuousClock.Instant
    switch ask(question, waiter: waiter, at: started) {
    case .known(var answer):
      answer.milliseconds = (.now - started) / .milliseconds(1)
      return answer
    case .out(let since): timeoutEnd = since + settings.timeout
    }
    let end = deadline.map { min($0, timeoutEnd) } ?? timeoutEnd
    let nanoseconds = max(0, (end - .now) / .nanoseconds(1))
    _ = waiter.done.wait(timeout: .now() + .nanoseconds(Int(nanoseconds)))
    var answer = waiter.answer.withLock { $0 } ?? timeout(isDeadline: end != timeoutEnd)
    answer.milliseconds = (.now - started) / .milliseconds(1)
    return answer
  }

  /// The answer from the cache; see ``Resolver/knownAnswer(_:)``.
  public func knownAnswer(_ question: DNSQuestion) -> DNSAnswer? {
    state(of: question).known(question, at: .now)
  }

  /// Starts questions without waiting; see ``Resolver/prefetch(_:)``.
  public func prefetch(_ questions: [DNSQuestion]) {
    let now = ContinuousClock.now
    for question in questions where question.isValidName { ask(question, waiter: nil, at: now) }
  }

  private static let deadlineDetail = "the time for this message is up"

  private func timeout(isDeadline: Bool) -> DNSAnswer {
    let seconds = settings.timeout / .seconds(1)
    return DNSAnswer(
      outcome: .timeout,
      detail: isDeadline ? Self.deadlineDetail : "no answer within \(seconds.shortText) seconds")
  }

  private enum Asked {
    /// It need not be asked.
    case known(DNSAnswer)
    /// It is asked, since then.
    case out(ContinuousClock.Instant)
  }

  /// Joins the query that is out for the question, or starts one, unless the answer is known.
  @discardableResult
  private func ask(
    _ question: DNSQuestion, waiter: Waiter?, at now: ContinuousClock.Instant
  ) -> Asked {
    let state = state(of: question)
    switch state.join(question, waiter: waiter, at: now) {
    case .known(let answer): return .known(answer)
    case .joined(let started): return .out(started)
    case .refused:
      return .known(
        DNSAnswer(outcome: .servfail, detail: "too many DNS questions are waiting for answers"))
    case .start:
      // The closure keeps the state alive, not the resolver: an answer may come after its end.
      unbound.start(question.name, question.type) { [state] reply in
        state.finish(question, reply)
      }
      return .out(now)
    }
  }
}

/// A thread that waits for an answer.
private final class Waiter: Sendable {
  let done = DispatchSemaphore(value: 0)
  let answer = Mutex<DNSAnswer?>(nil)

  func finish(_ answer: DNSAnswer) {
    self.answer.withLock { $0 = answer }
    done.signal()
  }
}

/// What is out, and what is known, of a part of all questions.
private final class SharedState: Sendable {
  enum Join {
    /// The answer is known.
    case known(DNSAnswer)
    /// The caller has to start the query.
    case start
    /// A query for the question is out already, since then.
    case joined(ContinuousClock.Instant)
    /// Too many are out.
    case refused
  }

  /// A failure as it was when it was new: libunbound repeats it without its reason.
  private struct Failure {
    var answer: DNSAnswer
    var received: ContinuousClock.Instant
  }

  /// A query that is out.
  private struct Query {
    var started: ContinuousClock.Instant
    var waiters: [Waiter]
  }

  private struct Contents {
    var queries: [DNSQuestion: Query] = [:]
    var answers: AnswerCache
    var failures: [DNSQuestion: Failure] = [:]
  }

  // libunbound repeats a SERVFAIL for 5 seconds without asking (RFC 9520 section 3.2).
  private static let failureTime = Duration.seconds(6)

  private let contents: Mutex<Contents>
  // A silent server keeps a query out for some 15 seconds; no mail server has thousands.
  private let mostQueries: Int
  private var mostFailures: Int { mostQueries }

  /// - Parameters:
  ///   - cacheOctets: The memory that all answers together may take, roughly.
  ///   - mostQueries: The most queries that are out at once, and the most failures remembered.
  init(cacheOctets: Int, mostQueries: Int) {
    self.mostQueries = mostQueries
    contents = Mutex(Contents(answers: AnswerCache(octets: cacheOctets)))
  }

  func known(_ question: DNSQuestion, at now: ContinuousClock.Instant) -> DNSAnswer? {
    contents.withLock { $0.answers.answer(to: question, at: now) }
  }

  func join(_ question: DNSQuestion, waiter: Waiter?, at now: ContinuousClock.Instant) -> Join {
    contents.withLock { contents in
      if let answer = contents.answers.answer(to: question, at: now) { return .known(answer) }
      if let started = contents.queries[question]?.started {
        if let waiter { contents.queries[question]?.waiters.append(waiter) }
        return .joined(started)
      }
      guard contents.queries.count < mostQueries else { return .refused }
      contents.queries[question] = Query(started: now, waiters: waiter.map { [$0] } ?? [])
      return .start
    }
  }

  func finish(_ question: DNSQuestion, _ reply: UnboundReply) {
    var answer = reply.answer(to: question.type)
    let now = ContinuousClock.now
    let waiters = contents.withLock { contents in
      if reply.isRepeatedFailure {
        if let known = contents.failures[question], now - known.received < Self.failureTime {
          answer = known.answer
        }
        answer.isCached = true
      } else {
        remember(question, answer, now: now, in: &contents)
      }
      return contents.queries.removeValue(forKey: question)?.waiters ?? []
    }
    for waiter in waiters { waiter.finish(answer) }
  }

  private func remember(
    _ question: DNSQuestion, _ answer: DNSAnswer, now: ContinuousClock.Instant,
    in contents: inout Contents
  ) {
    contents.answers.keep(answer, to: question, at: now)
    guard answer.outcome.isTemporaryFailure else {
      contents.failures[question] = nil
      return
    }
    if contents.failures.count >= mostFailures {
      contents.failures = contents.failures.filter { now - $0.value.received < Self.failureTime }
      if contents.failures.count >= mostFailures { contents.failures.removeAll() }
    }
    contents.failures[question] = Failure(answer: answer, received: now)
  }
}

extension Double {
  /// The number without a fraction when it has none.
  fileprivate var shortText: String {
    Int(exactly: self).map(String.init) ?? String(self)
  }
}
