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
  /// What was found, to be looked at when the clock has stopped.
  private var findings: [Finding] = []

  private struct Finding {
    var ended: String?
    var results: [String]
    var expected: [Load.Expectation]
  }

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
      findings += tally.findings
      if agreements.isEmpty { agreements = tally.agreements }
    }
  }

  mutating func add(_ passage: MilterChain.Passage, _ expected: [Load.Expectation]) {
    messages += 1
    whole.append(passage.whole)
    content.append(passage.content)
    findings.append(
      Finding(ended: passage.ended, results: passage.results, expected: expected))
  }

  /// Looks at all that was found.
  mutating func judge() {
    for problem in findings.compactMap(Self.problem) {
      wrong += 1
      note(problem)
    }
    findings = []
  }

  mutating func fail(_ problem: String) {
    failures += 1
    note(problem)
  }

  /// What is not as it should be.
  private static func problem(_ finding: Finding) -> String? {
    if let ended = finding.ended { return "answered \(ended)" }
    for expectation in finding.expected {
      let found = finding.results.reduce(0) { $0 + $1.occurrences(of: expectation.text) }
      if found < expectation.count {
        return "\(expectation.text) found \(found) times of \(expectation.count) in:"
          + finding.results.map { " \($0)" }.joined(separator: " |")
      }
    }
    return nil
  }

  private mutating func note(_ problem: String) {
    if problems.count < 10 || problems[problem] != nil { problems[problem, default: 0] += 1 }
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
