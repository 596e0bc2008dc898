import Foundation
import MailAuth
import TestSupport
import Testing

/// The published suites through `plumbline check`, as a person would run it.
@Suite struct CheckSuiteTests {
  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: try Suites.spf("rfc7208-tests.yml").flatMap(\.cases))
  func agreesWithTheSPFSuite(_ item: SPFSuiteCase) throws {
    let directory = try TemporaryDirectory()
    try directory.write(item.yaml, to: "zone.yml")
    let json = try CheckRun(
      message: Data("From: a@example.com\n\nHello.\n".utf8),
      [
        "-", "--ip", item.host, "--helo", item.helo, "--mail-from", item.mailFrom,
        "--zone", directory.path("zone.yml"), "--now", "1000000000",
      ]
    ).json()
    let outcome = json.spf.mailFrom
    #expect(item.results.contains(outcome.result), "\(item.spec): \(outcome.explanation)")
    if let explanation = item.explanation, explanation != "DEFAULT" {
      #expect(outcome.senderExplanation == explanation, "\(item.spec)")
    }
  }

  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: try Suites.dkim())
  func agreesWithTheDKIMMessages(_ message: DKIMSuiteMessage) throws {
    let directory = try TemporaryDirectory()
    try directory.write(message.zoneText, to: "zone.yml")
    let json = try CheckRun([
      message.path, "--ip", "192.0.2.1", "--helo", "mail.example.com", "--mail-from",
      "a@example.com", "--zone", directory.path("zone.yml"), "--now", "\(message.now)",
    ]).json()
    try #require(json.dkim.count == message.expected.count)
    for (outcome, expected) in zip(json.dkim, message.expected) {
      #expect(expected.contains(outcome.result), "\(message.about): \(outcome.explanation)")
    }
  }
}
