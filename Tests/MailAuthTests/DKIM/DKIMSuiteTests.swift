import Foundation
import MailAuth
import TestSupport
import Testing

/// The published DKIM messages, verified through the whole evaluator.
@Suite struct DKIMSuiteTests {
  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: try Suites.dkim())
  func verifiesPublishedMessages(_ message: DKIMSuiteMessage) throws {
    let evaluator = try Evaluator(
      settings: EvaluatorSettings(receivingHost: "mx.receiver.example"), resolver: message.zone)
    let outcomes = evaluator.evaluate(file: try message.octets(), now: message.now).dkim
    try #require(outcomes.count == message.expected.count)
    for (outcome, expected) in zip(outcomes, message.expected) {
      #expect(
        expected.contains(outcome.result.rawValue),
        "\(message.about): \(outcome.cause) \(outcome.explanation)")
    }
  }
}
