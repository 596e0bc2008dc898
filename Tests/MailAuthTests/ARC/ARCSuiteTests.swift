import MailAuth
import TestSupport
import Testing

/// The published ARC validation cases, through the whole evaluator.
@Suite struct ARCSuiteTests {
  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: try Suites.arcValidation())
  func validatesPublishedChains(_ item: ARCSuiteCase) throws {
    let evaluator = try Evaluator(
      settings: EvaluatorSettings(receivingHost: "mx.receiver.example"), resolver: item.zone)
    let evaluation = evaluator.begin(.test(), now: testTime)
    var reader = MessageReader()
    for piece in reader.read(item.message.utf8) + reader.finish() {
      switch piece {
      case .field(let field): evaluation.addHeader(field)
      case .endOfHeaders: evaluation.endHeaders()
      case .body(let octets): unsafe octets.withUnsafeBytes { unsafe evaluation.addBody($0) }
      }
    }
    let outcome = evaluation.finish().arc
    #expect(outcome.result == item.expected, "\(item.about): \(outcome.explanation)")
    // A failure of ours must not pass for the failure of a chain.
    #expect(outcome.cause != .internalError)
  }

  @Test(.enabled(if: Suites.arePresent, "the published suites are not beside this checkout"))
  func theSuiteIsComplete() throws {
    // 171 names, and four messages whose name another one has too.
    #expect(try Suites.arcValidation().count == 175)
  }
}
