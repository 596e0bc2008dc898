import Foundation
import TestSupport
import Testing

/// `plumbline check`: its JSON contract, its text, its exit status.
@Suite struct CheckCommandTests {
  private let message = """
    From: Ann <ann@example.com>
    To: user@receiver.example
    Subject: Lunch

    Hello.

    """
  private let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.9 ~all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject; t=y"}]
    """

  private func run(
    _ extra: [String] = [], message: String? = nil, zone: String? = nil
  ) throws -> (status: Int32, output: String, errors: String) {
    let directory = try TemporaryDirectory()
    try directory.write(zone ?? self.zone, to: "zone.yml")
    let result = try Program.run(
      Program.plumblinePath,
      [
        "check", "-", "--ip", "192.0.2.1", "--helo", "mail.example.com", "--mail-from",
        "<ann@example.com>", "--zone", directory.path("zone.yml"), "--now", "1795218211",
        "--authserv-id", "mx.example",
      ] + extra, input: Data((message ?? self.message).utf8))
    return (result.status, result.output, result.errors)
  }

  @Test func jsonKeepsItsContract() throws {
    let result = try run(["--format", "json"])
    #expect(result.status == 0)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    for key in [
      "authorDomain", "spf", "dkim", "dmarc", "disposition", "authenticationResults", "dns",
      "overrides", "overrideReasons", "reply", "addedFields",
    ] {
      #expect(object[key] != nil, "\(key) is missing")
    }
    let dmarc = try #require(object["dmarc"] as? [String: Any])
    for key in [
      "result", "cause", "explanation", "policyDomain", "discovery", "policy", "subdomainPolicy",
      "appliedPolicy", "testing", "spfAligned", "dkimAligned",
    ] {
      #expect(dmarc[key] != nil, "dmarc.\(key) is missing; null must be written")
    }
    let document = try JSONDecoder().decode(
      CheckRun.Document.self, from: Data(result.output.utf8))
    #expect(document.authorDomain == "example.com")
    #expect(document.spf.mailFrom.result == "softfail")
    #expect(document.spf.mailFrom.cause == "matched")
    #expect(document.spf.mailFrom.term == "~all")
    #expect(document.spf.mailFrom.aligned == true)
    #expect(document.spf.helo.domain == "mail.example.com")
    #expect(document.dkim.isEmpty)
    #expect(document.dmarc.result == "fail")
    #expect(document.dmarc.policy == "reject")
    #expect(document.dmarc.appliedPolicy == "quarantine")
    #expect(document.dmarc.subdomainPolicy == nil)
    #expect(document.dmarc.testing)
    #expect(document.disposition == "none")
    #expect(document.authenticationResults.hasPrefix("mx.example; spf=softfail "))
    #expect(document.dns.contains { $0.name == "_dmarc.example.com" && $0.outcome == "answer" })
  }

  private func object(_ output: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
  }

  @Test func judgesAsAConfigurationSays() throws {
    let directory = try TemporaryDirectory()
    let config = try directory.write(
      """
      [milter]
      authserv_id = "mx.configured.example"
      [dns]
      zone_file = "missing.yml"
      [policy]
      enforce = "reject"
      trusted_forwarders = ["alumni.example"]
      [headers]
      received_spf = true
      """, to: "plumbline.conf")
    try directory.write("x.example: [{A: 192.0.2.1}]", to: "missing.yml")
    let zone = self.zone.replacing("; t=y", with: "")
    let arguments = ["--config", config, "--format", "json"]
    let refused = try object(run(arguments, zone: zone).output)
    #expect(refused["disposition"] as? String == "reject")
    #expect(refused["reply"] as? String == "550 5.7.26 Rejected by the DMARC policy of example.com")
    #expect((refused["overrides"] as? [Any])?.isEmpty == true)
    #expect((refused["overrideReasons"] as? [Any])?.isEmpty == true)
    // An option comes before the file.
    #expect((refused["authenticationResults"] as? String)?.hasPrefix("mx.example; ") == true)
    let fields = try #require(refused["addedFields"] as? [String])
    #expect(fields.map { $0.prefix { $0 != ":" } } == ["Authentication-Results", "Received-SPF"])

    let forwarded = try object(
      run(arguments + ["--client-name", "mx.alumni.example"], zone: zone).output)
    #expect(forwarded["disposition"] as? String == "none")
    let overrides = try #require(forwarded["overrides"] as? [[String: String]])
    #expect(overrides.map { $0["type"] } == ["trusted_forwarder"])
    #expect(forwarded["reply"] is NSNull)

    let text = try run(["--config", config], zone: zone).output
    for part in [
      "asks for reject on this message; done: reject",
      "the client is told: 550 5.7.26 Rejected by the DMARC policy of example.com",
      "Received-SPF: softfail (",
    ] {
      #expect(text.contains(part), "\(part) is missing in:\n\(text)")
    }
  }

  @Test func refusesAConfigurationWithErrors() throws {
    let directory = try TemporaryDirectory()
    let config = try directory.write("policy.enforce = 'no'", to: "plumbline.conf")
    let result = try run(["--config", config])
    #expect(result.status == 78)
    #expect(result.errors.contains("policy.enforce"))
    #expect(try run(["--config", directory.path("none.conf")]).status == 78)
  }

  @Test func textExplainsToAPerson() throws {
    let result = try run()
    #expect(result.status == 0)
    for part in [
      "DMARC    fail (alignedNotPassed)", "Author   example.com",
      "asks for quarantine on this message; done: none",
      "192.0.2.1 is not listed in the SPF record of example.com",
      "DKIM     none: the message is not signed.", "example.com aligns with example.com (relaxed)",
    ] {
      #expect(result.output.contains(part), "\(part) is missing in:\n\(result.output)")
    }
  }

  @Test func lineEndsDoNotMatter() throws {
    let crlf = message.replacing("\n", with: "\r\n")
    let plain = try run(["--format", "json"])
    #expect(try run(["--format", "json"], message: crlf).output.count == plain.output.count)
  }

  @Test func findsPoliciesAsAsked() throws {
    let list = "/usr/share/publicsuffix/public_suffix_list.dat"
    let result = try run(
      ["--format", "json", "--discovery", "psl", "--public-suffix-list", list])
    let document = try JSONDecoder().decode(
      CheckRun.Document.self, from: Data(result.output.utf8))
    #expect(document.dmarc.discovery == "psl")
  }

  @Test(arguments: [
    "", "\n", "no header at all", "From: a@example.com", "From:\n\n", ": empty name\n\nx",
    "From: a@example.com\nFrom: b@other.example\n\nx", "Subject: x\u{0}y\nFrom: a@b.example\n\nx",
  ])
  func anyMessageHasAnOutcome(_ text: String) throws {
    let result = try run(["--format", "json"], message: text)
    #expect(result.status == 0)
    #expect(throws: Never.self) {
      try JSONDecoder().decode(CheckRun.Document.self, from: Data(result.output.utf8))
    }
  }

  @Test(arguments: [
    ["--ip", "192.0.2.256"], ["--now", "-1"], ["--discovery", "guess"], ["--format", "xml"],
    ["--unknown"],
  ])
  func badUsageEndsWith64(_ arguments: [String]) throws {
    let result = try run(arguments)
    #expect(result.status == 64)
    #expect(result.output.isEmpty)
    #expect(result.errors.contains(arguments[0]))
  }

  @Test func unreadableInputEndsWith66() throws {
    let directory = try TemporaryDirectory()
    try directory.write("a: [unclosed", to: "broken.yml")
    let common = ["--ip", "192.0.2.1", "--helo", "h.example", "--mail-from", ""]
    for arguments in [
      [directory.path("missing.eml")] + common, [directory.url.path] + common,
      ["-"] + common + ["--zone", directory.path("missing.yml")],
      ["-"] + common + ["--zone", directory.path("broken.yml")],
      ["-"] + common + ["--discovery", "psl", "--public-suffix-list", "/nowhere"],
    ] {
      let result = try Program.run(Program.plumblinePath, ["check"] + arguments)
      #expect(result.status == 66, "\(arguments): \(result.errors)")
      #expect(result.errors.hasPrefix("plumbline: "))
    }
  }
}
