import Synchronization

/// One DNS question of a message's evaluation and how it ended: the evidence behind a result.
public struct DNSEvidence: Sendable, Codable, Equatable {
  /// The owner name asked for.
  public var name: String
  /// The record type asked for.
  public var type: DNSRecordType
  /// How the question ended.
  public var outcome: DNSOutcome
  /// Time taken, in milliseconds.
  public var milliseconds: Double
  /// Whether the answer came from a cache.
  public var cached: Bool
  /// Whether DNSSEC proved the answer.
  public var secure: Bool
  /// What the resolver added to a failure; nil when there is nothing.
  public var detail: String?

  init(question: DNSQuestion, answer: DNSAnswer) {
    name = question.name
    type = question.type
    outcome = answer.outcome
    milliseconds = answer.milliseconds
    cached = answer.isCached
    secure = answer.isSecure
    detail = answer.detail
  }
}

/// The resolver as one check of one message sees it: with the message's deadline, and with every
/// question and its end written down.
///
/// Each check has its own, so that the evidence of a message has the same order in every run
/// although checks overlap in time.
final class CheckResolver: Sendable {
  private let resolver: any Resolver
  private let deadline: ContinuousClock.Instant?
  private let asksNobody: Bool
  // A lock although a check runs on one thread: that thread differs from the one that collects.
  private let asked = Mutex<[Asked]>([])

  private struct Asked {
    var question: DNSQuestion
    var answer: DNSAnswer
    var isMissing = false
  }

  /// Makes the view of a check.
  init(_ resolver: any Resolver, deadline: ContinuousClock.Instant?) {
    self.resolver = resolver
    self.deadline = deadline
    asksNobody = false
  }

  /// Makes the view of a check that has only the answers that are known, and never waits.
  init(knownTo resolver: any Resolver) {
    self.resolver = resolver
    deadline = nil
    asksNobody = true
  }

  /// The questions whose answers are not known; what was found out without one is worth nothing.
  var missingQuestions: [DNSQuestion] {
    asked.withLock { $0.filter(\.isMissing).map(\.question) }
  }

  /// Adds what was asked so far, in order.
  func addEvidence(to list: inout [DNSEvidence]) {
    let asked = asked.withLock { $0 }
    for index in asked.indices {
      list.append(DNSEvidence(question: asked[index].question, answer: asked[index].answer))
    }
  }

  /// The same with the records of each answer.
  var answers: [RecordedAnswer] {
    asked.withLock { $0.map { RecordedAnswer($0.question, $0.answer) } }
  }

  /// The SPF records among the answers so far, each once, in order.
  var spfRecords: [PublishedSPFRecord] {
    var kept: [PublishedSPFRecord] = []
    for (question, answer) in asked.withLock({ $0.map { ($0.question, $0.answer) } })
    where question.type == .txt {
      let found = PublishedSPFRecord.records(answer, at: question.name)
      for record in found.prefix(PublishedSPFRecord.mostRecords - kept.count)
      where !kept.contains(record) {
        kept.append(record)
      }
    }
    return kept
  }

  /// Answers one question and keeps the evidence.
  func answer(_ name: String, _ type: DNSRecordType) -> DNSAnswer {
    let question = DNSQuestion(name, type)
    var isMissing = false
    let answer: DNSAnswer
    if !question.isValidName {
      answer = DNSAnswer(outcome: .invalidName)
    } else if !asksNobody {
      answer = resolver.answer(question, deadline: deadline)
    } else if let known = resolver.knownAnswer(question) {
      answer = known
    } else {
      isMissing = true
      answer = DNSAnswer(outcome: .timeout)
    }
    asked.withLock { asked in
      // Two or three questions are the rule.
      if asked.isEmpty { asked.reserveCapacity(4) }
      asked.append(Asked(question: question, answer: answer, isMissing: isMissing))
    }
    return answer
  }

  /// Starts questions that will be asked soon.
  func prefetch(_ questions: @autoclosure () -> [DNSQuestion]) {
    guard !asksNobody else { return }
    let questions = questions().filter(\.isValidName)
    if !questions.isEmpty { resolver.prefetch(questions) }
  }
}
