import TestSupport

/// Counts and times of messages.
struct Tally: Sendable {
  /// Messages that were answered.
  private(set) var messages = 0
  /// Messages of which a connection's failure left none.
  private(set) var failures = 0
  /// Messages that were answered wrongly, or whose results do not say what they have to.
  private(set) var wrong = 0
  /// What was wrong, with how often; a few only.
  private(set) var problems: [String: Int] = [:]
  /// From MAIL to the last reply.
  private(set) var whole: [Duration] = []
  /// From the first header packet to the last reply.
  private(set) var content: [Duration] = []
  /// What the filters agreed to.
  var agreements: [MilterClient.Agreement] = []

  init() {}

  /// The sum of some.
  init(_ tallies: [Tally]) {
    for tally in tallies {
      messages += tally.messages
      failures += tally.failures
      wrong += tally.wrong
      problems.merge(tally.problems, uniquingKeysWith: +)
      whole += tally.whole
      content += tally.content
      if agreements.isEmpty { agreements = tally.agreements }
    }
  }

  mutating func add(_ passage: MilterChain.Passage, _ expected: [Load.Expectation]) {
    messages += 1
    whole.append(passage.whole)
    content.append(passage.content)
    if let problem = passage.problem(expected) {
      wrong += 1
      note(problem)
    }
  }

  mutating func fail(_ problem: String) {
    failures += 1
    note(problem)
  }

  private mutating func note(_ problem: String) {
    if problems.count < 10 || problems[problem] != nil { problems[problem, default: 0] += 1 }
  }
}

extension MilterChain.Passage {
  /// What is not as it should be.
  fileprivate func problem(_ expected: [Load.Expectation]) -> String? {
    if let ended { return "answered \(ended)" }
    for expectation in expected {
      let found = results.reduce(0) { $0 + $1.occurrences(of: expectation.text) }
      if found < expectation.count {
        return "\(expectation.text) found \(found) times of \(expectation.count) in:"
          + results.map { " \($0)" }.joined(separator: " |")
      }
    }
    return nil
  }
}

extension String {
  fileprivate func occurrences(of text: String) -> Int {
    let text = Array(text.utf8)
    guard let first = text.first else { return 0 }
    var rest = utf8[...]
    var count = 0
    while let index = rest.firstIndex(of: first) {
      if rest[index...].starts(with: text) { count += 1 }
      rest = rest[rest.index(after: index)...]
    }
    return count
  }
}
