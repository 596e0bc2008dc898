import MailAuth
import Testing

@testable import Lab
@testable import plumbline

/// What a run tells of each hop: which identifiers are alive behind it, and what was changed.
@Suite struct LabRunTests {
  private static func run(_ text: String) throws -> LabRun {
    let scenario = try Scenario(text, path: "x.yml", configurator: LabConfigurator())
    return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
  }

  private static func shipped(_ name: String) throws -> LabRun {
    let scenario = try Scenario(
      contentsOf: "\(ShippedScenariosTests.directory)/\(name).yml",
      configurator: LabConfigurator())
    return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
  }

  private static func alive(_ step: LabStep) -> String {
    let found = step.identifiers
    let signatures = found.signatures.map { "\($0.result.rawValue) \($0.domain)" }
    let isAligned = found.spf.result == .pass && found.spf.isAligned == true
    return
      (["\(step.hop): spf \(found.spf.result.rawValue)\(isAligned ? " aligned" : "")"]
      + signatures + ["arc \(found.chain.rawValue)"]).joined(separator: ", ")
  }

  @Test func followsAnAlias() throws {
    let run = try Self.shipped("02-alias-signed")
    #expect(
      run.steps.map(Self.alive) == [
        "sign: spf pass aligned, pass example.com, arc none",
        "send: spf pass aligned, pass example.com, arc none",
        "forward: spf fail, pass example.com, arc none",
        "send: spf fail, pass example.com, arc none",
        "receive: spf fail, pass example.com, arc none",
      ])
    #expect(run.steps.map(\.actor) == ["author", "author", "forwarder", "forwarder", "receiver"])
    #expect(run.steps.map(\.peer) == [nil, "forwarder", nil, "receiver", nil])
    #expect(
      run.steps.map(\.changes) == [
        ["DKIM-Signature added"], ["Received added"], ["recipient is bob@receiver.example"],
        ["Received added"], ["Authentication-Results added"],
      ])
  }

  @Test func followsAListThatSeals() throws {
    let run = try Self.shipped("09-list-sealed-trusted")
    #expect(
      run.steps.dropFirst(2).map(Self.alive) == [
        "list: spf pass, fail example.com, arc none",
        "sign: spf pass, pass lists.example.net, fail example.com, arc none",
        "arc_seal: spf pass, pass lists.example.net, fail example.com, arc pass",
        "send: spf pass, pass lists.example.net, fail example.com, arc pass",
        "receive: spf pass, pass lists.example.net, fail example.com, arc pass",
      ])
    let changes = run.steps[2].changes
    #expect(changes.contains("Subject changed") && changes.contains("body changed"))
    #expect(changes.contains("envelope sender is <users-bounces@lists.example.net>"))
  }

  @Test func keepsTheTime() throws {
    let run = try Self.shipped("20-signature-expired")
    let times = run.steps.map { $0.time - Scenario.start }
    #expect(times == [0, 0, 0, 10_800, 10_800, 10_800])
  }

  private static func sealed(_ seal: String) -> String {
    let send = "- send: {to: receiver}\n"
    let key = "key: author"
    return ScenarioFormatTests.good.replacing(
      send,
      with: send
        + "  - arc_seal: {domain: example.com, selector: s1, \(key)\(seal)}\n  \(send)"
    ).replacing("spf: pass example.com", with: "helo: none")
  }

  @Test(arguments: [
    ("", ChainValidation.pass, 1), (", times: 51", .pass, 50),
    (", times: 2, broken: as", .fail, 2), (", times: 2, broken: cv_fail", .fail, 1),
  ])
  func sealsSeveralTimes(_ seal: String, _ result: ChainValidation, _ sets: Int) throws {
    let run = try Self.run(Self.sealed(seal))
    let arc = try #require(run.receipts.first?.arc)
    #expect(arc.result == result, "\(arc.explanation)")
    #expect(arc.sealers.count == sets)
  }

  @Test(arguments: [
    (
      "- send: {to: receiver}\n  - receive", "- receive",
      "nothing was sent to author; send it first"
    ),
    ("From: ann@example.com", "Subject: x", "the message has no From field"),
    ("- sign: {", "- arc_seal: {", "nothing has arrived here that could be sealed"),
  ])
  func saysWhichHopCannotBeDone(_ part: String, _ other: String, _ problem: String) throws {
    let text = ScenarioFormatTests.replacing(part, other)
      .replacing(
        "  receiver:\n    spf",
        with: other == "- receive" ? "  author:\n    spf" : "  receiver:\n    spf")
    let failure = #expect(throws: LabFailure.self) { try Self.run(text) }
    #expect(failure?.description.hasPrefix("x.yml:2") == true, "\(String(describing: failure))")
    #expect(failure?.description.contains(problem) == true, "\(String(describing: failure))")
  }

  @Test func hasNotEnoughFixedKeysForEverything() throws {
    let keys = (1...5).map { "k\($0): ed25519" }.joined(separator: ", ")
    let text = ScenarioFormatTests.replacing(
      "{author: ed25519}", "{\(keys), author: ed25519}")
    let failure = #expect(throws: LabFailure.self) { try Self.run(text) }
    #expect(failure?.description.contains("there are 4 fixed ed25519 keys") == true)
  }

  /// A refusal ends the story: the receiver behind gets nothing.
  @Test func endsWithARefusal() throws {
    let text = ScenarioFormatTests.good
      .replacing(
        "example.com:\n    - TXT: v=spf1 ip4:192.0.2.1 -all",
        with: """
          example.com:
              - TXT: v=spf1 -all
            _dmarc.example.com:
              - TXT: v=DMARC1; p=reject
          """
      )
      .replacing("- sign: {domain: example.com, selector: s1, key: author}\n  ", with: "")
      .replacing(
        "{policy.enforce: reject}}\n",
        with: """
          {policy.enforce: reject}}
            - send: {to: author}
            - receive: author

          """
      )
      .replacing(
        "spf: pass example.com\n    dkim: pass",
        with: """
          answer: reject
            author: not reached
          """)
    let run = try Self.run(text)
    #expect(run.differences == [])
    #expect(run.receipts.map(\.receiver) == ["receiver"])
    #expect(run.notReached == ["author"])
    #expect(
      LabText(isColored: false, width: 100).text(of: [run]).contains("author: does not get the message"))
    #expect(run.receipts[0].answerText?.hasPrefix("550 5.7.26 ") == true)
    #expect(run.steps.last?.text == "evaluates the message: DMARC fail, and refuses it")
  }
}
