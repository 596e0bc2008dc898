import Testing

@testable import Lab
@testable import plumbline

/// What the parser says of files with mistakes, and that it says all of it at once.
@Suite struct ScenarioFormatTests {
  static let good = """
    title: A story
    why: It shows something.
    keys: {author: ed25519}
    dns:
      example.com:
        - TXT: v=spf1 ip4:192.0.2.1 -all
      s1._domainkey.example.com:
        - KEY: author
    actors:
      author: {name: mail.example.com, address: 192.0.2.1}
      receiver: {name: mx.receiver.example, address: 192.0.2.25}
    mail:
      from: ann@example.com
      to: bob@receiver.example
      message: |
        From: ann@example.com

        Hello.
    hops:
      - sign: {domain: example.com, selector: s1, key: author}
      - send: {to: receiver}
      - receive: {config: {policy.enforce: reject}}
    expect:
      receiver:
        spf: pass example.com
        dkim: pass
    """

  private static func problems(_ text: String) -> [String] {
    do throws(ScenarioError) {
      _ = try Scenario(text, path: "x.yml", configurator: LabConfigurator())
      return []
    } catch {
      return error.description.split(separator: "\n").map(String.init)
    }
  }

  static func replacing(_ part: String, _ other: String) -> String {
    let pieces = good.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
    precondition(pieces.count == 2, "\(part) is not in the file")
    return pieces[0] + other + pieces[1]
  }

  @Test func readsAGoodFile() throws {
    let scenario = try Scenario(Self.good, path: "a/x.yml", configurator: LabConfigurator())
    #expect(scenario.name == "x")
    #expect(scenario.actors.map(\.key) == ["author", "receiver"])
    #expect(scenario.hops.map(\.action.word) == ["sign", "send", "receive"])
    #expect(scenario.hops.map(\.actor) == ["author", "author", "receiver"])
    #expect(scenario.hops.map(\.line) == [20, 21, 22])
    #expect(scenario.mail.message == "From: ann@example.com\n\nHello.\n")
  }

  @Test(arguments: [
    (
      "title: A story", "titel: A story",
      "x.yml:1: unknown word in a scenario \"titel\" (did you mean \"title\"?)"
    ),
    (
      "author: ed25519", "author: rsa-248",
      "x.yml:3: unknown kind of key \"rsa-248\" (did you mean \"rsa-2048\"?)"
    ),
    (
      "- TXT: v=spf1", "- TEXT: v=spf1",
      "x.yml:6: dns: example.com: unknown type \"TEXT\" (did you mean \"TXT\"?)"
    ),
    (
      "- KEY: author", "- timout",
      "x.yml:8: dns: s1._domainkey.example.com: unknown word \"timout\" (did you mean \"TIMEOUT\"?)"
    ),
    ("keys: {author: ed25519}\n", "", "x.yml:7: unknown key \"author\": the file has no keys"),
    ("KEY: author", "KEY: auther", "x.yml:8: unknown key \"auther\" (did you mean \"author\"?)"),
    ("192.0.2.25", "192.0.2.256", "x.yml:11: actor receiver: \"192.0.2.256\" is no IP address"),
    ("- sign:", "- sing:", "x.yml:20: unknown hop \"sing\" (did you mean \"sign\"?)"),
    (
      "selector: s1", "selektor: s1",
      "x.yml:20: unknown word in sign \"selektor\" (did you mean \"selector\"?)"
    ),
    (
      "{to: receiver}", "{to: reciever}",
      "x.yml:21: unknown actor \"reciever\" (did you mean \"receiver\"?)"
    ),
    (
      "- receive: {config", "- receive: {at: author, config",
      "x.yml:22: receive: at: the message is at receiver then, not at author"
    ),
    (
      "policy.enforce: reject", "policy.enforced: reject",
      "x.yml:22: unknown key \"policy.enforced\" (did you mean \"policy.enforce\"?)"
    ),
    (
      "policy.enforce: reject", "policy.enforce: always",
      "x.yml:22: policy.enforce: \"always\" is not known"
    ),
    (
      "policy.enforce: reject", "log.level: debug",
      "x.yml:22: the key \"log.level\" changes nothing in the lab"
    ),
    (
      "  receiver:\n    spf", "  reciever:\n    spf",
      "x.yml:24: unknown receiver \"reciever\" (did you mean \"receiver\"?)"
    ),
    (
      "spf: pass example.com", "spf: passed example.com",
      "x.yml:25: unknown SPF result \"passed\" (did you mean \"pass\"?)"
    ),
    (
      "dkim: pass", "dkim: fail bodyHashMissmatch",
      "x.yml:26: unknown DKIM cause \"bodyHashMissmatch\" (did you mean \"bodyHashMismatch\"?)"
    ),
    (
      "dkim: pass", "report: {dispositon: none}",
      "x.yml:26: unknown word in report \"dispositon\" (did you mean \"disposition\"?)"
    ),
    ("title: A story", "title: [A story", "x.yml:2: not YAML"),
  ])
  func namesTheLineAndWhatWasMeant(_ part: String, _ other: String, _ wanted: String) {
    let found = Self.problems(Self.replacing(part, other))
    #expect(found.contains { $0.hasPrefix(wanted) }, "\(found)")
  }

  @Test func tellsEverythingAtOnce() {
    let text = Self.good
      .replacing("why:", with: "because:").replacing("- sign:", with: "- sing:")
      .replacing("policy.enforce", with: "policy.enforc").replacing("dkim: pass", with: "dkim: x")
    let lines = Self.problems(text).compactMap { $0.split(separator: ":").dropFirst().first }
    #expect(lines == ["1", "2", "20", "22", "26"])
  }

  /// A mistake is told once, not again wherever the broken thing is named.
  @Test func tellsAMistakeOnce() {
    let text = Self.good.replacing("192.0.2.25}", with: "192.0.2.256}")
      .replacing("author: ed25519", with: "author: ed25591")
    #expect(Self.problems(text).count == 2, "\(Self.problems(text))")
  }

  /// A misspelt name is not missed as well, nor what it would have declared.
  @Test(arguments: [
    ("keys:", "key:"), ("address: 192.0.2.1}", "adress: 192.0.2.1}"), ("expect:", "expects:"),
    ("selector:", "selektor:"), ("- receive:", "- recieve:"), ("  receiver:\n", "  recever:\n"),
    ("- send: {to:", "- send: {too:"), ("mail:", "mial:"),
  ])
  func doesNotMissWhatIsMisspelt(_ part: String, _ other: String) {
    let found = Self.problems(Self.replacing(part, other))
    #expect(found.count == 1, "\(found)")
  }

  @Test func wantsSomethingExpectedOfEachReceiver() {
    let text = Self.replacing("expect:\n", "expect: {}\n").split(separator: "\n").prefix(22)
      .joined(separator: "\n")
    #expect(
      Self.problems(text).contains {
        $0.hasSuffix("expect: nothing is expected of the receiver \"receiver\"")
      })
  }

  @Test(arguments: [
    "", "- a\n", "title: x\n", "hops: 3\nexpect: []\nactors: x\nmail: 7\ndns: []\n",
  ])
  func refusesWhatIsNoScenario(_ text: String) {
    #expect(!Self.problems(text).isEmpty)
  }

  @Test(arguments: [
    ("why: It", "time: yesterday\nwhy: It", "x.yml:2: time: \"yesterday\" is no moment"),
    ("why: It", "time: 2026-02-30 12:00:00\nwhy: It", "is no moment (as 2026-11-20 12:00:00)"),
    ("why: It", "time: 2026-02-03 24:00:00\nwhy: It", "is no moment"),
    ("{to: receiver}", "{to: receiver, trace: perhaps}", "send: trace takes true or false"),
    ("  to: bob", "  message_base64: \"%%\"\n  to: bob", "message_base64: this is not base64"),
    ("  to: bob", "  body_hashes: 1\n  to: bob", "body_hashes takes a list of"),
    (
      "  to: bob", "  body_hashes: [{canonicalization: loose, length: 1}]\n  to: bob",
      "unknown canonicalization \"loose\""
    ),
  ])
  func tellsWhatIsWrongWithCaptures(_ part: String, _ other: String, _ problem: String) {
    let problems = Self.problems(Self.replacing(part, other))
    #expect(problems.contains { $0.contains(problem) }, "\(problems)")
  }

  @Test func readsWhenAStoryBegins() throws {
    let scenario = try Scenario(
      Self.replacing("why: It", "time: 2020-02-29 23:59:58\nwhy: It"), path: "x.yml",
      configurator: LabConfigurator())
    #expect(scenario.time == 1_583_020_798)
    let run = try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
    #expect(run.receipts.map(\.time) == [1_583_020_798])
    #expect(run.isAsExpected)
  }

  @Test func aBodyThatIsNotThereIsNotSigned() throws {
    let text = Self.replacing("  to: bob", "  body_hashes: []\n  to: bob")
    let scenario = try Scenario(text, path: "x.yml", configurator: LabConfigurator())
    let runner = LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed))
    #expect(
      throws: LabFailure(
        "x.yml:21: sign: the body is not there, only its hashes are (mail: body_hashes)")
    ) { try runner.run(scenario) }
  }
}
