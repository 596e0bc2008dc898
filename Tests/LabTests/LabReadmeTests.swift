import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Lab
@testable import plumbline

/// The first scenario of README.md is one.
@Suite struct LabReadmeTests {
  private static func scenario() throws -> String {
    let readme = try String(
      contentsOf: PackageRoot.url.appending(path: "README.md"), encoding: .utf8)
    let behind = try #require(readme.split(separator: "```yaml\n").last)
    return String(try #require(behind.split(separator: "```").first))
  }

  private static func run(_ text: String) throws -> LabRun {
    let scenario = try Scenario(text, path: "my.yml", configurator: LabConfigurator())
    return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
  }

  @Test func theFirstScenarioPlaysAsItSays() throws {
    #expect(try Self.run(try Self.scenario()).differences.map(\.text) == [])
  }

  @Test func itsDisclaimerBreaksTheSignature() throws {
    let text = try Self.scenario().replacing(
      "  - forward:", with: "  - gateway: {disclaimer: Our legal notice.}\n  - forward:")
    let run = try Self.run(text)
    #expect(run.receipts.first?.dkim.first?.cause == .bodyHashMismatch)
    #expect(run.receipts.first?.answer == .reject)
    #expect(run.differences.map(\.subject) == ["DKIM", "DMARC", "disposition"])
  }
}
