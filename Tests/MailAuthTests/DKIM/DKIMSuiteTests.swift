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
    let evaluation = evaluator.begin(.test(), now: message.now)
    var reader = MessageReader()
    for piece in try reader.read(message.octets()) + reader.finish() {
      switch piece {
      case .field(let field): evaluation.addHeader(field)
      case .endOfHeaders: evaluation.endHeaders()
      case .body(let octets): unsafe octets.withUnsafeBytes { unsafe evaluation.addBody($0) }
      }
    }
    let outcomes = evaluation.finish().dkim
    try #require(outcomes.count == message.expected.count)
    for (outcome, expected) in zip(outcomes, message.expected) {
      #expect(
        expected.contains(outcome.result.rawValue),
        "\(message.about): \(outcome.cause) \(outcome.explanation)")
    }
  }
}
