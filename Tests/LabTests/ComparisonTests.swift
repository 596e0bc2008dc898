import Testing

@testable import Lab
@testable import plumbline

/// Each expectation is compared: a wrong one is noticed and told in words.
@Suite struct ComparisonTests {
  private static func differences(
    _ expectation: String, dns: String = ""
  ) throws -> [String] {
    let good = ScenarioFormatTests.good.replacing("dns:\n", with: "dns:\n" + dns)
    let text = good.split(separator: "    spf:").first ?? ""
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
    (
      "report_to: dmarc@example.com",
      "destinations of the report: expected dmarc@example.com, found none"
    ),
  ])
  func tellsTheDifference(_ expectation: String, _ wanted: String) throws {
    #expect(try Self.differences("    \(expectation)") == ["receiver: " + wanted])
  }

  private static let policy = """
      _dmarc.example.com:
        - TXT: v=DMARC1; sp=reject; rua=mailto:dmarc@example.com,mailto:in@stranger.example

    """

  @Test(arguments: [
    ("{p: reject}", "p in the report: expected reject, found none"),
    ("{error: sp}", "error in the report: expected sp, found p= is missing"),
    (
      "{contains: [<selector>s9</selector>]}",
      "XML of the report row: expected <selector>s9</selector> in it, found none"
    ),
    ("{source_ip: 192.0.2.9}", "source_ip in the report: expected 192.0.2.9, found 192.0.2.1"),
    ("{disposition: pass}", "disposition in the report: expected pass, found none"),
    ("{header_from: x.y}", "header_from in the report: expected x.y, found example.com"),
    ("{reasons: [other]}", "reasons in the report: expected other, found none"),
  ])
  func tellsTheDifferenceOfARow(_ row: String, _ wanted: String) throws {
    let found = try Self.differences("    report: \(row)", dns: Self.policy)
    #expect(found.count == 1 && found[0].hasPrefix("receiver: " + wanted), "\(found)")
  }

  /// The second destination did not agree.
  @Test func knowsWhereAReportGoes() throws {
    #expect(
      try Self.differences("    report_to: dmarc@example.com", dns: Self.policy) == [])
    #expect(
      try Self.differences("    report_to: none", dns: Self.policy) == [
        "receiver: destinations of the report: expected none, found dmarc@example.com"
      ])
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
