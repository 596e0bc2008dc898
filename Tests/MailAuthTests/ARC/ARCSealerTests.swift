import TestSupport
import Testing

@testable import MailAuth

/// Sealing (RFC 8617 section 5.1): the published cases, and that our verifier takes what we seal.
@Suite struct ARCSealerTests {
  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: try Suites.arcSealing())
  func sealsPublishedMessages(_ item: ARCSealCase) throws {
    var sealer = ARCSealer(
      domain: item.domain, selector: item.selector,
      key: try DKIMPrivateKey(pem: Array(item.privateKey.utf8), source: item.name))
    sealer.signedNames = item.signedNames
    sealer.writesPublishedForm = true
    let message = Message(item.message)
    let results = message.results(of: item.authservID)
    let status = results.contains("arc=pass")
    guard let expected = item.expected else {
      #expect(throws: ARCSealingRefusal.chainHasEnded) {
        try sealer.begin(header: message.header)
      }
      return
    }
    let fields = try message.seal(
      with: sealer, results: results,
      status: results.contains("arc=fail") ? .fail : status ? .pass : .none, now: item.time)
    #expect(fields.map { $0.value.filter { !$0.isWhitespace } } == expected, "\(item.about)")
  }

  @Test(.enabled(if: Suites.arePresent, "the published suites are not beside this checkout"))
  func theSuiteIsComplete() throws {
    #expect(try Suites.arcSealing().count == 17)
  }

  /// Each next set, by RSA and Ed25519 in turn, over what TestSealer made and over its own.
  @Test func sealsChainsThatPass() throws {
    let rsa = try Self.sealer("rsa.example", TestKeys.rsa2048)
    let edwards = try Self.sealer("ed.example", TestKeys.ed25519)
    let stranger = TestSealer("stranger.example")
    let evaluator = try Evaluator.test(
      zone: TestSealer.zone([stranger])
        + [rsa, edwards].map { "\n\($0.keyName): [{TXT: \"\($0.key.publicKeyRecord)\"}]" }
        .joined())
    var header = [HeaderField].test()
    for step in 1...6 {
      if step % 3 == 0 {
        header = stranger.seal(header)
      } else {
        let found = evaluator.evaluate(header: header).arc.result
        #expect(found == (step == 1 ? .none : .pass))
        header = try Self.seal(header, with: step % 2 == 0 ? rsa : edwards, found)
      }
      let outcome = evaluator.evaluate(header: header).arc
      #expect(outcome.result == .pass, "step \(step): \(outcome.explanation)")
      #expect(outcome.sets.count == step)
      #expect(outcome.oldestPass == 0)
    }
  }

  @Test func marksABrokenChainAsFailedAndThenStops() throws {
    let sealer = try Self.sealer("rsa.example", TestKeys.rsa2048)
    let broken = TestSealer("stranger.example").seal(.test(), sealTags: ["t": "1", "b": "AAAA"])
    let sealed = try Self.seal(broken, with: sealer, .fail)
    let seal = try #require(sealed.first.map { String(decoding: $0.value, as: UTF8.self) })
    #expect(seal.contains("cv=fail") && seal.contains("i=2"))
    #expect(throws: ARCSealingRefusal.chainHasEnded) { try sealer.begin(header: sealed) }
    let evaluator = try Evaluator.test(
      zone: "\(sealer.keyName): [{TXT: \"\(sealer.key.publicKeyRecord)\"}]")
    #expect(evaluator.evaluate(header: sealed).arc.cause == .failedBefore)
  }

  /// A passing status claimed for a chain whose structure is broken does not come out as a pass.
  @Test func neverSealsABrokenStructureAsPass() throws {
    let sealer = try Self.sealer("rsa.example", TestKeys.rsa2048)
    let header = TestSealer("stranger.example").seal(.test()).filter {
      !$0.isNamed("ARC-Message-Signature")
    }
    let sealed = try Self.seal(header, with: sealer, .pass)
    let seal = try #require(sealed.first.map { String(decoding: $0.value, as: UTF8.self) })
    #expect(seal.contains("cv=fail"))
  }

  @Test func addsNoFiftyFirstSet() throws {
    let sealer = try Self.sealer("rsa.example", TestKeys.rsa2048)
    let stranger = TestSealer("stranger.example")
    let fifty = TestSealer.chain([TestSealer](repeating: stranger, count: 50))
    #expect(throws: ARCSealingRefusal.tooManySets) { try sealer.begin(header: fifty) }
    let fortyNine = TestSealer.chain([TestSealer](repeating: stranger, count: 49))
    #expect(try sealer.begin(header: fortyNine).instance == 50)
  }

  @Test func refusesAMessageWithoutFrom() throws {
    let sealer = try Self.sealer("rsa.example", TestKeys.rsa2048)
    #expect(throws: ARCSealingRefusal.noFrom) {
      try sealer.begin(header: [HeaderField("To", " x@example.com")])
    }
  }

  @Test func signsNoResultsAndNoARCFields() throws {
    var sealer = try Self.sealer("rsa.example", TestKeys.rsa2048)
    sealer.signedNames += ["Authentication-Results", "ARC-Seal", "FROM"]
    let fields = try Self.set(
      [HeaderField("Authentication-Results", " x; spf=pass")] + .test(), with: sealer, .none)
    let signedNames = try #require(
      fields[1].value.split(separator: "; ").first { $0.hasPrefix("h=") })
    #expect(signedNames == "h=from:subject:to" || signedNames.hasPrefix("h=from:"))
    #expect(!signedNames.contains("results") && !signedNames.contains("arc-"))
    #expect(signedNames.split(separator: ":").filter { $0.hasSuffix("from") }.count == 1)
  }

  @Test func keepsLinesShort() throws {
    let fields = try Self.set(.test(), with: Self.sealer("rsa.example", TestKeys.rsa2048), .none)
    for field in fields {
      let lines = field.foldedValue.split(separator: "\n")
      #expect(lines.allSatisfy { $0.utf8.count <= 90 }, "\(field.name)")
    }
  }

  private static func sealer(_ domain: String, _ key: String) throws -> ARCSealer {
    ARCSealer(
      domain: try #require(DomainName(domain)), selector: try #require(DomainName("s")),
      key: try DKIMPrivateKey(pem: Array(key.utf8), source: domain))
  }

  /// The message with one more set.
  private static func seal(
    _ header: [HeaderField], with sealer: ARCSealer, _ found: ChainValidation
  ) throws -> [HeaderField] {
    try set(header, with: sealer, found).map {
      HeaderField(name: Array($0.name.utf8), value: Array($0.foldedValue.utf8))
    } + header
  }

  private static func set(
    _ header: [HeaderField], with sealer: ARCSealer, _ found: ChainValidation
  ) throws -> [AddedField] {
    var message = Message("")
    message.header = header
    message.body = Array("Hello.\r\n".utf8)
    return try message.seal(
      with: sealer, results: "mx.example; arc=\(found.rawValue); dmarc=pass", status: found,
      now: testTime)
  }
}

/// A message in pieces.
private struct Message {
  var header: [HeaderField] = []
  var body: [UInt8] = []

  init(_ text: String) {
    var reader = MessageReader()
    for piece in reader.read(text.utf8) + reader.finish() {
      switch piece {
      case .field(let field): header.append(field)
      case .endOfHeaders: break
      case .body(let octets): body += octets
      }
    }
  }

  /// The results of one host, taken together as the suite asks for.
  func results(of authservID: String) -> String {
    let fields = header.filter { $0.isNamed("Authentication-Results") }.map { field in
      String(decoding: field.value, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .joined(separator: " ").split(separator: "; ").map(String.init)
    }
    let ours = fields.filter { $0.first == authservID }.flatMap { $0.dropFirst() }
    return ([authservID] + ours.map { $0.hasSuffix(";") ? String($0.dropLast()) : $0 })
      .joined(separator: "; ")
  }

  func seal(
    with sealer: ARCSealer, results: String, status: ChainValidation, now: Int64
  ) throws -> [AddedField] {
    let sealing = try sealer.begin(header: header)
    unsafe body.withUnsafeBytes { unsafe sealing.body($0) }
    return try sealing.finish(results: results, chainValidation: status, now: now)
  }
}
