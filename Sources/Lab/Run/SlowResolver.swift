import MailAuth
import Synchronization

/// Answers from a zone some of whose answers come late (DELAY), without anybody waiting for them.
///
/// It has a clock of its own that questions move on. As in the milter, all checks of a message begin
/// together, each has the message's whole time, and a prefetched question is asked when it is
/// prefetched.
final class SlowResolver: Resolver {
  private struct Waiting {
    /// Seconds since the checks began.
    var clock = 0.0
    /// When each question was asked first.
    var asked: [DNSQuestion: Double] = [:]
    var questionSeconds = 5.0
    var messageSeconds = 20.0
  }

  private let zone: ZoneResolver
  private let delays: [String: Int64]
  private let waiting = Mutex(Waiting())

  init(_ zone: ZoneResolver, delays: [String: Int64]) {
    self.zone = zone
    self.delays = delays
  }

  /// Begins a message: nothing has been asked yet.
  func begin(_ settings: ReceiverSettings) {
    waiting.withLock { waiting in
      waiting = Waiting(
        questionSeconds: settings.dnsTimeoutSeconds,
        messageSeconds: Double(settings.deadlineSeconds))
    }
  }

  /// Turns the clock back for a check that goes on beside those before it.
  func restart() { waiting.withLock { $0.clock = 0 } }

  func prefetch(_ questions: [DNSQuestion]) {
    waiting.withLock { waiting in
      for question in questions where waiting.asked[question] == nil {
        waiting.asked[question] = waiting.clock
      }
    }
  }

  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    let delay = Double(delays[question.name] ?? 0)
    let failure = waiting.withLock { waiting -> String? in
      let asked = waiting.asked[question] ?? waiting.clock
      waiting.asked[question] = asked
      let ready = max(waiting.clock, asked + min(delay, waiting.questionSeconds))
      waiting.clock = min(ready, waiting.messageSeconds)
      if ready >= waiting.messageSeconds { return "the time for this message was up" }
      return delay >= waiting.questionSeconds ? "the zone answers after \(Int64(delay)) s" : nil
    }
    if let failure { return DNSAnswer(outcome: .timeout, detail: failure) }
    return zone.answer(question, deadline: deadline)
  }
}
