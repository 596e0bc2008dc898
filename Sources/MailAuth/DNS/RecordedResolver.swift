import Synchronization

/// A resolver that gives the answers that were recorded with a message, and no others.
///
/// A question that was not asked then ends as ``DNSOutcome/servfail`` and is noted: nobody knows what
/// the answer would have been, so it must not look like a name that does not exist.
public final class RecordedResolver: Resolver {
  private let answers: [DNSQuestion: RecordedAnswer]
  private let missing = Mutex<[DNSQuestion]>([])

  /// Makes a resolver.
  ///
  /// - Parameter answers: What was recorded. Of several answers to one question, as after a timeout,
  ///   the first that is no failure counts; see ``questionsWithSeveralAnswers(_:)``.
  public init(_ answers: [RecordedAnswer]) {
    self.answers = Dictionary(answers.map { ($0.question, $0) }) { first, second in
      first.outcome.isTemporaryFailure && !second.outcome.isTemporaryFailure ? second : first
    }
  }

  /// The questions asked so far that nothing was recorded for, each once, in order.
  public var unrecordedQuestions: [DNSQuestion] { missing.withLock { $0 } }

  /// The questions whose recorded answers differ: checks overlap in time, and each had its own.
  public static func questionsWithSeveralAnswers(_ answers: [RecordedAnswer]) -> [DNSQuestion] {
    var first: [DNSQuestion: RecordedAnswer] = [:]
    var found: [DNSQuestion] = []
    for answer in answers {
      guard let other = first.updateValue(first[answer.question] ?? answer, forKey: answer.question)
      else { continue }
      let isSame = other.outcome == answer.outcome && other.records == answer.records
      if !isSame, !found.contains(answer.question) { found.append(answer.question) }
    }
    return found
  }

  /// Answers what was recorded, at once.
  public func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    guard let recorded = answers[question] else {
      missing.withLock { if !$0.contains(question) { $0.append(question) } }
      return DNSAnswer(
        outcome: .servfail, detail: "not asked when the message was recorded")
    }
    return DNSAnswer(
      outcome: recorded.outcome, records: recorded.records, detail: recorded.detail)
  }
}
