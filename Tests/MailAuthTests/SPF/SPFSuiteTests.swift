import TestSupport
import Testing

@testable import MailAuth

/// The published suite for RFC 7208, every case through ``ZoneResolver`` and libspf2.
@Suite(.enabled(if: Suites.arePresent)) struct SPFSuiteTests {
  static func cases() throws -> [SPFSuiteCase] {
    try Suites.spf("rfc7208-tests.yml").flatMap(\.cases)
  }

  static func outcome(of testCase: SPFSuiteCase) throws -> SPFOutcome {
    let resolver = CheckResolver(testCase.zone, deadline: nil)
    return SPFCheck(resolver: resolver).check(
      identity: .mailFrom, client: try #require(IPAddress(testCase.host)),
      helo: Array(testCase.helo.utf8), mailFrom: Array(testCase.mailFrom.utf8),
      receivingHost: "mx.example", now: 1_700_000_000)
  }

  @Test(arguments: try cases())
  func agreesWithTheSuite(_ testCase: SPFSuiteCase) throws {
    let outcome = try Self.outcome(of: testCase)
    #expect(testCase.results.contains(outcome.result.rawValue), "\(outcome)")
    if let explanation = testCase.explanation {
      let expected = explanation == "DEFAULT" ? nil : explanation
      #expect(outcome.senderExplanation == expected, "\(outcome)")
    }
    #expect(outcome.explanation.hasSuffix("(\(outcome.result.rawValue))."), "\(outcome)")
    #expect(outcome.lookups <= 10)
    #expect((outcome.result == .temperror) == (outcome.failedName != nil), "\(outcome)")
  }

  @Test func holdsEveryCase() throws {
    #expect(try Self.cases().count == 203)
  }
}
