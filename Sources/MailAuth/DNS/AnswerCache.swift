/// Answers that may still be used, by question.
///
/// Its size is bounded by two generations: answers are kept in the younger one; when that is full,
/// the older one is dropped and takes its place. What is used stays.
struct AnswerCache {
  private struct Entry {
    var answer: DNSAnswer
    var received: ContinuousClock.Instant

    /// The answer with what is left of its TTL, in whole seconds; nil when nothing is.
    func answer(at now: ContinuousClock.Instant) -> DNSAnswer? {
      let age = (now - received).components.seconds
      guard age < answer.ttlSeconds else { return nil }
      var answer = answer
      answer.ttlSeconds -= Int(age)
      answer.isCached = true
      return answer
    }
  }

  private var young: [DNSQuestion: Entry] = [:]
  private var old: [DNSQuestion: Entry] = [:]
  private var youngOctets = 0
  private let octetsPerGeneration: Int

  /// Makes an empty cache.
  ///
  /// - Parameter octets: The memory that all answers together may take, roughly.
  init(octets: Int) { octetsPerGeneration = max(octets / 2, 1) }

  /// A kept answer whose time has not run out; its TTL is what is left of it, in whole seconds.
  mutating func answer(to question: DNSQuestion, at now: ContinuousClock.Instant) -> DNSAnswer? {
    if let entry = young[question] {
      if let answer = entry.answer(at: now) { return answer }
    } else if let entry = old[question] {
      if let answer = entry.answer(at: now) {
        old[question] = nil
        insert(entry, for: question)
        return answer
      }
    } else {
      return nil
    }
    remove(question)
    return nil
  }

  /// Keeps an answer for as long as its TTL says; one without is not kept, nor a temporary failure.
  mutating func keep(
    _ answer: DNSAnswer, to question: DNSQuestion, at now: ContinuousClock.Instant
  ) {
    remove(question)
    guard answer.ttlSeconds > 0, !answer.outcome.isTemporaryFailure else { return }
    insert(Entry(answer: answer, received: now), for: question)
  }

  private mutating func insert(_ entry: Entry, for question: DNSQuestion) {
    let octets = Self.octets(question, entry.answer)
    // A single answer that fills the cache would only push out others.
    guard octets < octetsPerGeneration / 4 else { return }
    if youngOctets + octets > octetsPerGeneration {
      old = young
      young = [:]
      youngOctets = 0
    }
    young[question] = entry
    youngOctets += octets
  }

  private mutating func remove(_ question: DNSQuestion) {
    if let entry = young.removeValue(forKey: question) {
      youngOctets -= Self.octets(question, entry.answer)
    }
    old[question] = nil
  }

  /// What an answer takes, with what surrounds it in memory.
  private static func octets(_ question: DNSQuestion, _ answer: DNSAnswer) -> Int {
    answer.records.reduce(256 + question.name.utf8.count) { sum, record in
      switch record {
      case .address: sum + 64
      case .mx(_, let name), .ptr(let name): sum + 64 + name.utf8.count
      case .txt(let strings): strings.reduce(sum + 64) { $0 + 48 + $1.count }
      }
    }
  }
}
