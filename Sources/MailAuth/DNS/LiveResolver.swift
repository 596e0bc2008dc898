import Dispatch
import Synchronization

/// The resolver that reaches the network: libunbound, with one cache for the process.
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
  private let state: SharedState

  /// Makes a resolver and starts its two threads.
  ///
  /// Make one for the process: each has a cache of its own.
  ///
  /// - Throws: ``LiveResolverError`` when a server, the system's list of servers or the trust
  ///   anchor file is unusable. Nothing is asked yet, so an unreachable server is no error.
  public init(_ settings: LiveResolverSettings) throws(LiveResolverError) {
    self.settings = settings
    unbound = try LibUnbound(settings)
    state = SharedState()
  }

  /// Answers one question; see ``Resolver/answer(_:deadline:)``.
  ///
  /// It ends as ``DNSOutcome/timeout`` at the deadline or after the settings' timeout, whichever is
  /// first. ``DNSAnswer/isCached`` is libunbound's cache as seen from here: the same question was
  /// answered before, its time has not run out, and the TTL went down since. (libunbound does not
  /// say it; within one second of an answer that was pushed out of the cache it can be wrong.)
  public func answer(
    _ question: DNSQuestion, deadline: ContinuousClock.Instant?
  ) -> DNSAnswer {
    guard question.isValidName else { return DNSAnswer(outcome: .invalidName) }
    let started = ContinuousClock.now
    if let deadline, deadline <= started {
      return DNSAnswer(outcome: .timeout, detail: Self.deadlineDetail)
    }
    let waiter = Waiter()
    let timeoutEnd = ask(question, waiter: waiter) + settings.timeout
    let end = deadline.map { min($0, timeoutEnd) } ?? timeoutEnd
    let nanoseconds = max(0, (end - .now) / .nanoseconds(1))
    _ = waiter.done.wait(timeout: .now() + .nanoseconds(Int(nanoseconds)))
    var answer = waiter.answer.withLock { $0 } ?? timeout(isDeadline: end != timeoutEnd)
    answer.milliseconds = (.now - started) / .milliseconds(1)
    return answer
  }

  /// Starts questions without waiting; see ``Resolver/prefetch(_:)``.
  public func prefetch(_ questions: [DNSQuestion]) {
    for question in questions where question.isValidName { _ = ask(question, waiter: nil) }
  }

  private static let deadlineDetail = "the time for this message is up"

  private func timeout(isDeadline: Bool) -> DNSAnswer {
    let seconds = settings.timeout / .seconds(1)
    return DNSAnswer(
      outcome: .timeout,
      detail: isDeadline ? Self.deadlineDetail : "no answer within \(seconds.shortText) seconds")
  }

  /// Joins the query that is out for the question, or starts one, and gives the time of its start.
  private func ask(_ question: DNSQuestion, waiter: Waiter?) -> ContinuousClock.Instant {
    let now = ContinuousClock.now
    switch state.join(question, waiter: waiter, at: now) {
    case .joined(let started): return started
    case .refused:
      waiter?.finish(
        DNSAnswer(outcome: .servfail, detail: "too many DNS questions are waiting for answers"))
      return now
    case .start:
      // The closure keeps the state alive, not the resolver: an answer may come after its end.
      unbound.start(question.name, question.type) { [state] reply in
        state.finish(question, reply)
      }
      return now
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

/// What is out, and what is known about answers that libunbound holds.
private final class SharedState: Sendable {
  enum Join {
    /// The caller has to start the query.
    case start
    /// A query for the question is out already, since then.
    case joined(ContinuousClock.Instant)
    /// Too many are out.
    case refused
  }

  /// An answer that libunbound has in its cache, as far as can be known.
  private struct Cached {
    var received: ContinuousClock.Instant
    var ttlSeconds: Int
    var failure: DNSAnswer?

    func secondsLeft(at now: ContinuousClock.Instant) -> Double {
      Double(ttlSeconds) - (now - received) / .seconds(1)
    }
  }

  /// A query that is out.
  private struct Query {
    var started: ContinuousClock.Instant
    var waiters: [Waiter]
  }

  private struct Contents {
    var queries: [DNSQuestion: Query] = [:]
    var cached: [DNSQuestion: Cached] = [:]
  }

  // A silent server keeps a query out for some 15 seconds; no mail server has this many.
  private static let mostQueries = 8192
  private static let mostCached = 65536
  // libunbound repeats a SERVFAIL for 5 seconds without asking (RFC 9520 section 3.2).
  private static let failureSeconds = 6

  private let contents = Mutex(Contents())

  func join(_ question: DNSQuestion, waiter: Waiter?, at now: ContinuousClock.Instant) -> Join {
    let new = waiter.map { [$0] } ?? []
    return contents.withLock { contents in
      if let started = contents.queries[question]?.started {
        contents.queries[question]?.waiters.append(contentsOf: new)
        return .joined(started)
      }
      guard contents.queries.count < Self.mostQueries else { return .refused }
      contents.queries[question] = Query(started: now, waiters: new)
      return .start
    }
  }

  func finish(_ question: DNSQuestion, _ reply: UnboundReply) {
    var answer = reply.answer(to: question.type)
    let now = ContinuousClock.now
    let waiters = contents.withLock { contents in
      let known = contents.cached[question]
      if let known, known.secondsLeft(at: now) > 0 {
        if answer.outcome == .servfail, reply.isRepeatedFailure, let failure = known.failure {
          answer = failure
        }
        // The server's own cache may count down as well; only a TTL that did not shows a new
        // answer for certain. One second is for rounding.
        answer.isCached =
          reply.isRepeatedFailure
          || (known.failure == nil && Double(answer.ttlSeconds) <= known.secondsLeft(at: now) + 1)
      }
      if !answer.isCached { remember(question, answer, now: now, in: &contents) }
      return contents.queries.removeValue(forKey: question)?.waiters ?? []
    }
    for waiter in waiters { waiter.finish(answer) }
  }

  private func remember(
    _ question: DNSQuestion, _ answer: DNSAnswer, now: ContinuousClock.Instant,
    in contents: inout Contents
  ) {
    let isFailure = answer.outcome.isTemporaryFailure
    let seconds = isFailure ? Self.failureSeconds : answer.ttlSeconds
    guard seconds > 0 else {
      contents.cached[question] = nil
      return
    }
    if contents.cached.count >= Self.mostCached {
      contents.cached = contents.cached.filter { $0.value.secondsLeft(at: now) > 0 }
      if contents.cached.count >= Self.mostCached { contents.cached.removeAll() }
    }
    contents.cached[question] = Cached(
      received: now, ttlSeconds: seconds, failure: isFailure ? answer : nil)
  }
}

extension Double {
  /// The number without a fraction when it has none.
  fileprivate var shortText: String {
    Int(exactly: self).map(String.init) ?? String(self)
  }
}
