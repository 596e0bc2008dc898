import Testing

@testable import Lab
@testable import plumbline

/// Each expectation is compared: a wrong one is noticed and told in words.
@Suite struct ComparisonTests {
  private static func differences(_ expectation: String) throws -> [String] {
    let text = ScenarioFormatTests.good.split(separator: "    spf:").first ?? ""
    let scenario = try Scenario(
      text + expectation + "\n", path: "x.yml", configurator: LabConfigurator())
    return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
      .differences.map(\.text)
  }

  @Test(arguments: [
    ("spf: fail", "SPF: expected fail, found pass of example.com (matched)"),
    (
      "spf: pass example.net",
      "SPF: expected pass of example.net, found pass of example.com (matched)"
    ),
    ("helo: pass", "SPF of HELO: expected pass, found none of mail.example.com (noSuchDomain)"),
    ("dkim: none", "DKIM: expected no signature, found pass of example.com (verified)"),
    ("dkim: [pass, pass]", "DKIM: expected pass, pass, found pass of example.com (verified)"),
    ("arc: pass", "ARC: expected pass, found none (noSets)"),
    ("dmarc: fail", "DMARC: expected fail, found none (noPolicyRecord)"),
    ("policy: example.com reject", "policy: expected example.com reject, found none"),
    ("disposition: reject", "disposition: expected reject, found none"),
    ("cause: forwarded", "root cause: expected forwarded, found none"),
    ("answer: tempfail", "answer: expected tempfail, found accept"),
    ("removes: Subject", "removed fields: expected Subject, found none"),
    ("report: {spf: pass}", "report row: expected one, found none, the message is in no report"),
  ])
  func tellsTheDifference(_ expectation: String, _ wanted: String) throws {
    #expect(try Self.differences("    \(expectation)") == ["receiver: " + wanted])
  }

  @Test func noticesAMessageThatComesAlthoughItShouldNot() throws {
    let text = ScenarioFormatTests.good.split(separator: "  receiver:\n    spf").first ?? ""
    let scenario = try Scenario(
      text + "  receiver: not reached\n", path: "x.yml", configurator: LabConfigurator())
    let run = try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
    #expect(
      run.differences.map(\.text) == [
        "receiver: message: expected that it does not, found it here"
      ])
  }

  @Test func acceptsWhatIsTrue() throws {
    #expect(
      try Self.differences(
        "    spf: pass example.com matched\n    dkim: [pass example.com verified]\n"
          + "    dmarc: none noPolicyRecord\n    report: none\n    policy: none\n    cause: none")
        == [])
  }
}
