import TestSupport

/// The figures of one run.
///
/// Times are in milliseconds, processor times in microseconds a message.
struct RunReport: Codable {
  /// The distribution of a time.
  struct Times: Codable {
    var p50 = 0.0
    var p95 = 0.0
    var p99 = 0.0
    var max = 0.0

    init(_ durations: [Duration]) {
      guard !durations.isEmpty else { return }
      let sorted = durations.sorted()
      func quantile(_ part: Double) -> Double {
        let position = Int((Double(sorted.count - 1) * part).rounded(.up))
        return sorted[position] / .milliseconds(1)
      }
      p50 = quantile(0.5)
      p95 = quantile(0.95)
      p99 = quantile(0.99)
      max = quantile(1)
    }
  }

  /// What a filter agreed to, as the hexadecimal numbers of the protocol.
  struct Agreement: Codable {
    var version: UInt32
    var actions: String
    var steps: String
  }

  /// Messages that were answered.
  var messages: Int
  /// Messages lost with a connection.
  var errors: Int
  /// Messages answered wrongly, or without the results that they must have.
  var wrong: Int
  /// What was wrong, with how often.
  var problems: [String: Int]
  var seconds: Double
  /// Messages a second.
  var rate: Double
  /// From MAIL to the last reply of the last filter.
  var latency: Times
  /// From the first header packet to the last reply of the last filter.
  var endOfMessage: Times
  /// Processor time of the filters together.
  var filterMicroseconds: Double
  /// Processor time of this program.
  var generatorMicroseconds: Double
  var agreements: [Agreement]

  init(_ result: Sending.Result, generatorSeconds: Double, filterSeconds: [Double]) {
    let tally = result.tally
    messages = tally.messages
    errors = tally.failures
    wrong = tally.wrong
    problems = tally.problems
    seconds = result.seconds
    rate = Double(tally.messages) / result.seconds
    latency = Times(tally.whole)
    endOfMessage = Times(tally.content)
    let divisor = Double(max(tally.messages, 1)) / 1e6
    filterMicroseconds = filterSeconds.reduce(0, +) / divisor
    generatorMicroseconds = generatorSeconds / divisor
    agreements = tally.agreements.map {
      Agreement(
        version: $0.version, actions: "0x" + String($0.actions, radix: 16),
        steps: "0x" + String($0.steps, radix: 16))
    }
  }
}
