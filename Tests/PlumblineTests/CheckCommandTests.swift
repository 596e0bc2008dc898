import Foundation
import MailAuth
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
      "authorDomain", "authorDomains", "spf", "dkim", "arc", "dmarc", "disposition",
      "authenticationResults", "dns",
      "overrides", "overrideReasons", "answer", "reply", "addedFields",
    ] {
      #expect(object[key] != nil, "\(key) is missing")
    }
    let dmarc = try #require(object["dmarc"] as? [String: Any])
    for key in [
      "result", "cause", "explanation", "policyDomain", "discovery", "policy", "subdomainPolicy",
      "appliedPolicy", "testing", "spfAligned", "dkimAligned", "sampledOut", "comparison",
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
    #expect(document.spf.mailFrom.notAlignedReason == "notPassed")
    #expect(document.authorDomains == ["example.com"])
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

  @Test func bothFormsTellOfTheChain() throws {
    let sealers = [TestSealer("first.example"), TestSealer("second.example")]
    let header = TestSealer.chain(sealers) + [HeaderField("X-End", " 1")]
    let fields = header.map { Array($0.name) + [0x3A] + $0.value + [0x0D, 0x0A] }.joined()
    let sealed = String(decoding: Array(fields), as: UTF8.self) + "\r\nHello.\r\n"
    let zone = TestSealer.zone(sealers)

    let result = try run(["--format", "json"], message: sealed, zone: zone)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let arc = try #require(object["arc"] as? [String: Any])
    #expect(arc["result"] as? String == "pass")
    #expect(arc["cause"] as? String == "verified")
    #expect(arc["oldestPass"] as? Int == 0)
    #expect(arc["sealers"] as? [String] == ["first.example", "second.example"])
    #expect(arc["failedInstance"] is NSNull)
    #expect(arc["remoteIP"] is NSNull)
    let sets = try #require(arc["sets"] as? [[String: Any]])
    #expect(sets.map { $0["seal"] as? String } == ["verified", "verified"])
    #expect(sets.map { $0["chainValidation"] as? String } == ["none", "pass"])
    let results = try #require(sets[1]["results"] as? [[String: Any]])
    #expect(results.map { $0["method"] as? String } == ["dmarc"])

    let broken = sealed.replacing("Lunch", with: "Dinner")
    let text = try run(message: broken, zone: zone).output
    for part in [
      "ARC      fail (messageSignatureMismatch)",
      "The ARC chain fails in set 2 at its ARC-Message-Signature.",
      "set 1 by first.example: seal not checked, message signature not checked",
      "says dmarc=pass",
    ] {
      #expect(text.contains(part), "\(part) is missing in:\n\(text)")
    }
  }

  @Test func textExplainsToAPerson() throws {
    let result = try run()
    #expect(result.status == 0)
    for part in [
      "DMARC    fail (alignedNotPassed)", "Author   example.com",
      "asks for quarantine on this message; done: none",
      "192.0.2.1 is not listed in the SPF record of example.com",
      "DKIM     none: the message is not signed.", "ARC      none: the message has no ARC fields.",
      "example.com aligns with example.com (relaxed)",
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
    #expect(document.dmarc.comparison == nil)
  }

  @Test func comparesBothWaysOfDiscovery() throws {
    // A list in which example.com is a suffix, so that its record is nobody else's.
    let directory = try TemporaryDirectory()
    try directory.write("com\nexample.com\n", to: "list.dat")
    let message = message.replacing("example.com", with: "ann.example.com")
    let arguments = ["--discovery", "compare", "--public-suffix-list", directory.path("list.dat")]
    let result = try run(["--format", "json"] + arguments, message: message)
    let document = try JSONDecoder().decode(
      CheckRun.Document.self, from: Data(result.output.utf8))
    #expect(document.dmarc.discovery == "treewalk")
    #expect(document.dmarc.policyDomain == "example.com")
    let comparison = try #require(document.dmarc.comparison)
    #expect(comparison.discovery == "psl")
    #expect(comparison.result == "none")
    #expect(comparison.policyDomain == nil)
    #expect(comparison.differences == ["result", "policyDomain", "appliedPolicy"])
    let text = try run(arguments, message: message).output
    #expect(text.contains("Compare  By the public suffix list DMARC would be none"))
  }

  @Test func namesEveryAuthorDomain() throws {
    let message = message.replacing(
      "From: ", with: "From: bob@other.example, ")
    let result = try run(["--format", "json"], message: message)
    let document = try JSONDecoder().decode(
      CheckRun.Document.self, from: Data(result.output.utf8))
    #expect(document.authorDomains == ["other.example", "example.com"])
    #expect(document.authorDomain == "example.com")
    let text = try run(message: message).output
    #expect(text.contains("From names authors of other.example, example.com"))
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
    ["--unknown"], ["--authserv-id", ""], ["--authserv-id", "a b"], ["--authserv-id", "a;b"],
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
