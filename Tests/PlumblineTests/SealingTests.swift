import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// `arc.seal` at the milter protocol: what goes out verifies, whatever came in.
@Suite(.serialized) struct SealingTests {
  static let list = TestSealer("lists.example")

  static let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    \(TestSealer.zone([list]))
    """

  private func milter(
    _ scene: SealingScene, zone: String = zone, more: String = "", tables: String = ""
  ) throws -> RunningMilter {
    try RunningMilter(zone: zone, settings: scene.settings(more) + "\n" + tables)
  }

  /// The chain as the next host finds it.
  private func chain(
    _ header: [HeaderField], _ body: [UInt8], key: String = TestKeys.rsa2048
  ) throws -> ARCOutcome {
    let evaluator = try Evaluator.test(zone: Self.zone + "\n" + SealingScene.record(key: key))
    return evaluator.evaluate(file: SealingScene.octets(header, body)).arc
  }

  private func message(
    _ header: [HeaderField] = .test(), body: [UInt8] = Array("Hello.\r\n".utf8),
    queueID: String = "5A", mailFrom: String = "ann@example.com"
  ) -> MilterMessage {
    MilterMessage(
      mailFrom: mailFrom, header: SealingScene.fields(header), body: body, queueID: queueID)
  }

  private func logLines(_ milter: RunningMilter, _ queueID: String) -> [Substring] {
    milter.program.errors.split(separator: "\n").filter { $0.contains("\(queueID): ") }
  }

  // MARK: - What is sealed

  @Test func putsASetOnTopThatVerifies() throws {
    let milter = try milter(try SealingScene())
    let message = message()
    let header = try SealingScene.edited(message, milter.connect().deliver(message))
    #expect(
      header.prefix(4).map { String(decoding: $0.name, as: UTF8.self) } == [
        "ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results",
        "Authentication-Results",
      ])
    let chain = try chain(header, message.body)
    #expect(chain.result == .pass, "\(chain.explanation)")
    #expect(chain.sets.map(\.sealDomain?.text) == ["forwarder.example"])
    #expect(chain.sets[0].authservID == RunningMilter.authservID)
    #expect(chain.remoteAddress == IPAddress("192.0.2.1"))
    #expect(
      header.values("ARC-Authentication-Results")
        == header.values("Authentication-Results").map { " i=1;" + $0 })
    let signature = try #require(header.values("ARC-Message-Signature").first)
    #expect(
      signature.hasPrefix(" i=1; a=rsa-sha256; c=relaxed/relaxed; d=forwarder.example; s=arc;"))
    #expect(signature.contains(" h=from: subject: date: message-id: to; "))

    let record = try #require(try milter.ledger().first)
    #expect(
      record.addedARCSet
        == AddedARCSet(
          instance: 1, chainValidation: .none, domain: domain("forwarder.example"),
          selector: domain("arc")))
    #expect(logLines(milter, "5A").contains { $0.contains(" sealed=1(cv=none)") })
    let shown = try Program.run(
      Program.plumblinePath,
      ["ledger", "list", "--config", milter.directory.path("plumbline.conf")])
    #expect(
      shown.output.contains("Sealed here for forwarder.example as ARC set 1, cv=none."),
      "\(shown.output)\(shown.errors)")
  }

  @Test func continuesChainsThatPass() throws {
    let milter = try milter(try SealingScene())
    let client = try milter.connect()
    for older in 0...3 {
      let message = message(
        TestSealer.chain([TestSealer](repeating: Self.list, count: older)), queueID: "5B\(older)")
      let header = try SealingScene.edited(message, client.deliver(message))
      let chain = try chain(header, message.body)
      #expect(chain.result == .pass, "\(older): \(chain.explanation)")
      #expect(chain.sets.count == older + 1)
      #expect(chain.oldestPass == 0)
      #expect(chain.sets.last?.chainValidation == (older == 0 ? ChainValidation.none : .pass))
      let results = try #require(chain.sets.last?.results)
      #expect(
        results.first { $0.method == "arc" }?.result == (older == 0 ? "none" : "pass"))
    }
  }

  struct Shape: Sendable, CustomTestStringConvertible {
    var name: String
    var fields: [HeaderField] = []
    var body = "Hello.\r\n"
    var testDescription: String { name }
  }

  static let shapes = [
    Shape(name: "no body", body: ""),
    Shape(name: "a body of empty lines", body: "\r\n\r\n\r\n"),
    Shape(name: "a body of blanks", body: " \t\r\n  \r\n"),
    Shape(name: "no line end at the end", body: "Hello.\r\nBye"),
    Shape(name: "blanks at line ends", body: "a \t b  \r\n\t\r\n.\r\n..\r\n\r\n\r\n"),
    Shape(name: "8 bits", fields: [HeaderField("Cc", " Zoë <zoe@example.com>")], body: "Grüße\r\n"),
    Shape(
      name: "folded fields",
      fields: [
        HeaderField("References", " <1@a.example>\r\n\t<2@a.example>\r\n    <3@a.example>"),
        HeaderField("CC", "a@example.com,\r\n b@example.com \t"),
      ]),
    Shape(name: "empty fields", fields: [HeaderField("Cc", ""), HeaderField("Sender", " ")]),
    Shape(
      name: "a long value",
      fields: [HeaderField("Cc", String(repeating: " <abcdefgh@example.com>,", count: 2000))]),
    Shape(
      name: "fields many times",
      fields: DKIMSigner.defaultSignedNames.filter { $0 != "From" }.flatMap { name in
        (0..<12).map { HeaderField(name, " \(name) \($0)") }
      }),
    Shape(
      name: "forged results",
      fields: [
        HeaderField("Authentication-Results", " mx.receiver.example; dmarc=pass"),
        HeaderField("Authentication-Results", " other.example; dmarc=pass"),
        HeaderField("authentication-results", " mx.receiver.example; arc=pass"),
        HeaderField("X-Plumbline-Disposition", " none"),
      ]),
    Shape(
      name: "a DKIM signature",
      fields: [
        TestSigner(domain: "example.com").sign([HeaderField].test(), body: "Hello.\r\n")
      ]),
  ]

  @Test(arguments: [TestKeys.rsa2048, TestKeys.ed25519])
  func everyShapeOfMessageVerifiesBehindIt(_ key: String) throws {
    let milter = try milter(try SealingScene(key: key))
    let client = try milter.connect()
    for (number, shape) in Self.shapes.enumerated() {
      let message = message(
        shape.fields + .test(), body: Array(shape.body.utf8), queueID: "5C\(number)")
      let outcome = try client.deliver(message)
      let header = try SealingScene.edited(message, outcome)
      let chain = try chain(header, message.body, key: key)
      #expect(chain.result == .pass, "\(shape.name): \(chain.explanation)")
      for case .insert(_, _, let value) in outcome.edits {
        #expect(value.split(separator: "\n").allSatisfy { $0.utf8.count <= 990 })
      }
    }
  }

  /// Only the fields named, and those as the message has them when it leaves.
  @Test func coversTheFieldsOfTheConfiguration() throws {
    let milter = try milter(
      try SealingScene(), more: "seal_fields = [\"subject\", \"X-Plumbline-Disposition\"]",
      tables: "[policy]\nenforce = \"quarantine\"")
    let fields =
      [HeaderField("X-Plumbline-Disposition", " none")]
      + .test(from: "a@example.com")
    let message = message(fields, mailFrom: "spoof@other.example")
    let header = try SealingScene.edited(message, milter.connect().deliver(message))
    #expect(header.values("X-Plumbline-Disposition") == [" quarantine"])
    let signature = try #require(header.values("ARC-Message-Signature").first)
    #expect(signature.contains(" h=from: subject: x-plumbline-disposition; "))
    #expect(try chain(header, message.body).result == .pass)
    let changed = header.filter { !$0.isNamed("X-Plumbline-Disposition") }
    #expect(try chain(changed, message.body).cause == .messageSignatureMismatch)
  }

  /// An MTA that cuts the blank in front of values puts one there itself.
  @Test func verifiesBehindAnMTAThatCutsBlanks() throws {
    let milter = try milter(try SealingScene())
    let client = try MilterClient(.unix(milter.directory.path("milter.sock")), timeoutSeconds: 60)
    try client.negotiate(.init(version: 6, actions: 0x1FF, steps: 0x0F_FFFF))
    try client.connect(
      MilterClientHost(name: "mail.example.com", address: "192.0.2.1"), hostName: "mx.test")
    var message = message()
    message.header = message.header.map {
      .init($0.name, String($0.value.drop { $0 == " " }))
    }
    let header = try SealingScene.edited(message, client.deliver(message)).map { field in
      HeaderField(name: field.name, value: [0x20] + field.value)
    }
    #expect(header.values("ARC-Seal").first?.hasPrefix("  ") == false)
    #expect(try chain(header, message.body).result == .pass)
  }

  // MARK: - What is not sealed, or as failed

  @Test func endsBrokenChainsOnce() throws {
    let milter = try milter(try SealingScene())
    let client = try milter.connect()
    let broken = message(Self.list.seal(.test(), body: "Other.\r\n"), queueID: "5D1")
    let header = try SealingScene.edited(broken, client.deliver(broken))
    let seal = try #require(header.values("ARC-Seal").first)
    #expect(seal.hasPrefix(" i=2; a=rsa-sha256; cv=fail; "))
    let chain = try chain(header, broken.body)
    #expect(chain.cause == .failedBefore)
    #expect(chain.failedInstance == 2)

    let ended = message(header, queueID: "5D2")
    let outcome = try client.deliver(ended)
    #expect(!outcome.edits.contains { $0.name.hasPrefix("ARC-") })
    #expect(
      logLines(milter, "5D2").contains {
        $0.contains("not sealed: The newest seal says cv=fail, and nothing may follow it.")
      })
    #expect(
      try milter.ledger().map(\.addedARCSet?.chainValidation) == [.fail, nil])
  }

  @Test func addsNoFiftyFirstSet() throws {
    let milter = try milter(try SealingScene())
    let client = try milter.connect()
    var sets = TestSealer.chain([TestSealer](repeating: Self.list, count: 49))
    for (count, isSealed) in [(49, true), (50, false)] {
      if count == 50 { sets = Self.list.seal(sets) }
      let outcome = try client.deliver(message(sets, queueID: "5E\(count)"))
      #expect(outcome.edits.contains { $0.name == "ARC-Seal" } == isSealed)
    }
    #expect(
      logLines(milter, "5E50").contains {
        $0.contains("not sealed: The message has as many ARC sets as it may have, or more.")
      })
  }

  /// Whether a chain is intact that could not be looked up now, others may still find out.
  @Test func leavesChainsAloneThatItCannotJudge() throws {
    let milter = try milter(
      try SealingScene(),
      zone: Self.zone.replacing(
        TestSealer.zone([Self.list]), with: "\(Self.list.keyName): [TIMEOUT]"))
    let outcome = try milter.connect().deliver(message(Self.list.seal(.test()), queueID: "5F"))
    #expect(!outcome.edits.contains { $0.name.hasPrefix("ARC-") })
    #expect(
      logLines(milter, "5F").contains {
        $0.contains("not sealed: Whether the chain is intact is not known. ")
      })
    #expect(try milter.ledger().map(\.evaluation.arc.cause) == [.dnsTimeout])
  }

  @Test func sealsNothingThatIsRefusedOrLeftAlone() throws {
    let milter = try milter(
      try SealingScene(), tables: "[policy]\nenforce = \"reject\"")
    let refused = try milter.connect().deliver(
      message(queueID: "5G1", mailFrom: "x@other.example"))
    #expect(refused.reply == .reply("550 5.7.26 Rejected by the DMARC policy of example.com"))
    #expect(!refused.edits.contains { $0.name.hasPrefix("ARC-") })
    let own = try milter.connect(address: "127.0.0.1").deliver(message(queueID: "5G2"))
    #expect(own.edits.isEmpty)
    #expect(try milter.ledger().map(\.addedARCSet) == [nil])
  }

  @Test func oversizedHeadersAreNotSealed() throws {
    let milter = try milter(
      try SealingScene(), tables: "[limits]\nheader_bytes = 65536\nheader_fields = 100")
    let client = try milter.connect()
    for (queueID, extra) in [
      ("5H1", [HeaderField("X", String(repeating: " abcdefgh", count: 8000))]),
      ("5H2", (0..<100).map { HeaderField("X-\($0)", " x") }),
    ] {
      let outcome = try client.deliver(message(.test() + extra, queueID: queueID))
      #expect(outcome.edits.map(\.name) == ["Authentication-Results"])
      #expect(
        logLines(milter, queueID).contains { $0.contains("not sealed: The header is too large.") })
    }
    // Too many together with the forged ones, which are no part of what would be sealed.
    let forged = HeaderField("Authentication-Results", " mx.receiver.example; none")
    let filler = (0..<85).map { HeaderField("X-\($0)", " x") }
    let many = Self.list.seal(.test()) + filler + [HeaderField](repeating: forged, count: 20)
    let outcome = try client.deliver(message(many, queueID: "5H4"))
    #expect(outcome.edits.last?.name == "Authentication-Results")
    #expect(try milter.ledger().last?.evaluation.arc.cause == .messageTooLarge)

    let noFrom = try client.deliver(
      message([HeaderField("Subject", " x")], queueID: "5H3"))
    #expect(noFrom.edits.map(\.name) == ["Authentication-Results"])
    #expect(
      logLines(milter, "5H3").contains {
        $0.contains("not sealed: The message has no From field.")
      })
  }

  @Test func aHugeBodyIsNotKept() throws {
    let milter = try milter(try SealingScene())
    let line = String(repeating: "0123456789", count: 7) + " abcde\r\n"
    let body = String(repeating: line, count: 64 * 1024 * 1024 / line.utf8.count)
    let message = message(body: Array(body.utf8))
    let outcome = try milter.connect().deliver(message)
    #expect(outcome.edits.contains { $0.name == "ARC-Seal" })
    let peak = try milter.peakResidentBytes()
    #expect(peak < 64 * 1024 * 1024, "\(peak / 1024 / 1024) MB were resident")
  }

  // MARK: - The key

  @Test func aKeyThatCannotBeUsedEndsTheStart() throws {
    for (name, key, words) in [
      ("small", TestKeys.rsa512, "the RSA key has 512 bits"),
      ("elliptic", TestKeys.ellipticCurve, "cannot sign mail"),
      ("encrypted", TestKeys.encrypted, "encrypted with a passphrase"),
      ("text", "nothing", "no private key found"), ("absent", nil, "No such file or directory"),
    ] as [(String, String?, String)] {
      let scene = try SealingScene(key: key ?? "")
      if key == nil {
        try FileManager.default.removeItem(atPath: scene.directory.path("arc.pem"))
      }
      let path = try scene.directory.write(
        "[milter]\nsocket = \"unix:a\"\n[ledger]\ndatabase = \"l.sqlite\"\n"
          + "[dns]\nzone_file = \"zone.yml\"\n" + scene.settings(), to: "plumbline.conf")
      try scene.directory.write(Self.zone, to: "zone.yml")
      for command in [["milter"], ["config", "check"]] {
        let result = try Program.run(Program.plumblinePath, command + ["--config", path])
        #expect(result.status == 78, "\(command) \(name): \(result.errors)")
        #expect(result.errors.contains(words), "\(command) \(name): \(result.errors)")
        #expect(result.errors.contains("arc.seal_key: "), "\(command) \(name): \(result.errors)")
      }
    }
  }

  @Test func configCheckComparesKeysWithTheDNS() throws {
    let scene = try SealingScene()
    let published = try SealingScene.record()
    let other = try SealingScene.record(key: TestKeys.rsa1024)
    let report = """

      [report]
      from = "dmarc@forwarder.example"
      dkim_key_file = "arc.pem"
      dkim_selector = "arc"
      """
    for (zone, status, words) in [
      (
        published, 0, ": arc.seal_key: arc._domainkey.forwarder.example publishes this key\n"
      ),
      (published, 0, ": report.dkim_key_file: arc._domainkey.forwarder.example publishes this key"),
      (other, 78, ": arc.seal_key: arc._domainkey.forwarder.example publishes another key\n"),
      (other, 78, ": report.dkim_key_file: arc._domainkey.forwarder.example publishes another key"),
      ("{}", 78, ": arc.seal_key: arc._domainkey.forwarder.example: The ARC chain fails in set 1"),
    ] as [(String, Int32, String)] {
      try scene.directory.write(zone, to: "zone.yml")
      let path = try scene.directory.write(
        "[milter]\nsocket = \"unix:a\"\nauthserv_id = \"mx.example\"\n"
          + "[ledger]\ndatabase = \"l.sqlite\"\n"
          + "[dns]\nzone_file = \"zone.yml\"\n" + scene.settings() + report,
        to: "plumbline.conf")
      let result = try Program.run(
        Program.plumblinePath, ["config", "check", "--keys", "--config", path])
      #expect(result.status == status, "\(result.errors)")
      #expect((result.output + result.errors).contains(words), "\(result.output)\(result.errors)")
      let isWarned = result.errors.contains(
        "warning: \(scene.directory.path("arc.pem")) can be read")
      #expect(isWarned)
      #expect(
        try Program.run(Program.plumblinePath, ["config", "check", "--config", path]).status == 0)
    }
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o640], ofItemAtPath: scene.directory.path("arc.pem"))
    let quiet = try Program.run(
      Program.plumblinePath,
      ["config", "check", "--config", scene.directory.path("plumbline.conf")])
    #expect(!quiet.errors.contains("can be read"))
  }

  @Test func hangupTakesANewKeyAndKeepsTheOldOneOnErrors() throws {
    let scene = try SealingScene()
    let milter = try milter(scene)
    try scene.directory.write(TestKeys.ed25519, to: "arc.pem")
    let client = try milter.connect()
    func algorithm(_ queueID: String) throws -> String? {
      let message = message(queueID: queueID)
      let header = try SealingScene.edited(message, client.deliver(message))
      return header.values("ARC-Seal").first.map { String($0.dropFirst(6).prefix { $0 != ";" }) }
    }
    #expect(try algorithm("5J1") == "a=rsa-sha256")
    milter.program.signal(SIGHUP)
    try waitUntil("the configuration to be read again") {
      milter.program.errors.contains("configuration read again")
    }
    #expect(try algorithm("5J2") == "a=ed25519-sha256")
    try scene.directory.write("nothing", to: "arc.pem")
    milter.program.signal(SIGHUP)
    try waitUntil("the error to be logged") {
      milter.program.errors.contains("the configuration stays as it was: arc.seal_key: ")
    }
    #expect(try algorithm("5J3") == "a=ed25519-sha256")
  }
}

extension MilterEdit {
  /// The name of the field that it is about.
  fileprivate var name: String {
    switch self {
    case .insert(_, let name, _), .change(_, let name, _), .add(let name, _): name
    case .hold: ""
    }
  }
}
