import TestSupport
import Testing

@testable import MailAuth

/// Each end of a chain, with chains sealed here.
@Suite struct ARCOutcomeTests {
  static let sealers = [
    TestSealer("first.example"), TestSealer("second.example"), TestSealer("third.example"),
  ]

  /// Evaluates a message whose sealers' keys are all published.
  private func outcome(
    _ header: [HeaderField], body: String = "Hello.\r\n", zone: String? = nil,
    configure: (inout EvaluatorSettings) -> Void = { _ in }
  ) throws -> ARCOutcome {
    try evaluation(header, body: body, zone: zone, configure: configure).arc
  }

  private func evaluation(
    _ header: [HeaderField], body: String = "Hello.\r\n", zone: String? = nil,
    configure: (inout EvaluatorSettings) -> Void = { _ in }
  ) throws -> Evaluation {
    try Evaluator.test(zone: zone ?? TestSealer.zone(Self.sealers), configure: configure)
      .evaluate(header: header, body: body)
  }

  // MARK: - Passing

  @Test func aChainPassesAndIsRecorded() throws {
    let first = Self.sealers[0].seal(
      .test(),
      results: "mx.first.example; arc=none smtp.remote-ip=2001:DB8::1A; "
        + "spf=pass smtp.mailfrom=example.com; dmarc=pass header.from=example.com")
    let header = Self.sealers[1].seal(first, results: "mx.second.example; dmarc=fail")
    let outcome = try outcome(header)
    #expect(outcome.result == .pass, "\(outcome.explanation)")
    #expect(outcome.cause == .verified)
    #expect(outcome.failedInstance == nil)
    #expect(outcome.oldestPass == 0)
    #expect(outcome.remoteAddress == IPAddress("2001:db8::1a"))
    #expect(outcome.sets.map(\.instance) == [1, 2])
    #expect(outcome.sets.map(\.sealDomain?.text) == ["first.example", "second.example"])
    #expect(outcome.sets.map(\.sealSelector) == ["arc", "arc"])
    #expect(
      outcome.sets.map(\.messageSignatureDomain?.text) == ["first.example", "second.example"])
    #expect(outcome.sets.map(\.chainValidation) == [ChainValidation.none, .pass])
    #expect(outcome.sets.map(\.seal) == [.verified, .verified])
    #expect(outcome.sets.map(\.messageSignature) == [.verified, .verified])
    #expect(outcome.sets.map(\.authservID) == ["mx.first.example", "mx.second.example"])
    #expect(outcome.sets[0].results.map(\.method) == ["arc", "spf", "dmarc"])
    #expect(outcome.sets[0].results[2].value("header", "from") == "example.com")
    #expect(outcome.sets[1].results == [ReportedResult(method: "dmarc", result: "fail")])
  }

  @Test func aMessageWithoutARCHasNone() throws {
    #expect(try outcome(.test()) == .noSets)
  }

  @Test func fiftySetsPass() throws {
    let header = TestSealer.chain(Array(repeating: Self.sealers[0], count: 50))
    let evaluation = try evaluation(header)
    #expect(evaluation.arc.result == .pass, "\(evaluation.arc.explanation)")
    #expect(evaluation.arc.sets.count == 50)
    #expect(evaluation.arc.sets.allSatisfy { $0.seal == .verified })
    // One key, one question.
    #expect(evaluation.dns.filter { $0.name == Self.sealers[0].keyName }.count == 1)
  }

  @Test func fieldsMayStandInAnyOrder() throws {
    let header = TestSealer.chain(Self.sealers)
    let outcome = try outcome(header.prefix(9).reversed() + header.dropFirst(9))
    #expect(outcome.result == .pass, "\(outcome.explanation)")
  }

  @Test func instancesAreNumbers() throws {
    let header = TestSealer.chain(Array(repeating: Self.sealers[0], count: 9))
    let tenth = Self.sealers[1].seal(header)
    #expect(try outcome(tenth).result == .pass)
    let padded = Self.sealers[0].seal(
      .test(), messageTags: ["i": "01"], sealTags: ["i": "01"])
    #expect(try outcome(padded).result == .pass)
  }

  @Test func saysWhereTheMessageWasLastChanged() throws {
    let first = Self.sealers[0].seal(.test())
    let changed = first.map { $0.isNamed("Subject") ? HeaderField("Subject", " [list] Lunch") : $0 }
    let second = Self.sealers[1].seal(changed)
    let third = Self.sealers[2].seal(second)
    let outcome = try outcome(third)
    #expect(outcome.result == .pass)
    #expect(outcome.oldestPass == 2)
    #expect(outcome.sets.map(\.messageSignature) == [.failed, .verified, .verified])
    let body = try self.outcome(
      Self.sealers[2].seal(second, body: "Hello, list.\r\n"), body: "Hello, list.\r\n")
    #expect(body.oldestPass == 3)
    #expect(body.sets.map(\.messageSignature) == [.notChecked, .failed, .verified])
    #expect(body.explanation.contains("changed after set 2"))
  }

  @Test(arguments: ["simple/simple", "relaxed/simple", "simple"])
  func withoutCanonicalizationTwoMeaningsAreTried(_ c: String) throws {
    // The sealer signs simple/simple, which is what an absent c= means in DKIM.
    let header = Self.sealers[0].seal(.test(), messageTags: ["c": c == "simple/simple" ? nil : c])
    let expected: ChainValidation = c == "relaxed/simple" ? .fail : .pass
    #expect(try outcome(header).result == expected)
  }

  // MARK: - Structure

  struct StructureCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var cause: ARCCause
    var instance: Int?
    var field: ARCField?
    /// Makes the header out of that of a good chain of three.
    var change: @Sendable ([HeaderField]) -> [HeaderField]
  }

  // In the good chain set 3 stands at 0 to 2, set 2 at 3 to 5, set 1 at 6 to 8: seal first.
  static let structures = [
    StructureCase(
      testDescription: "no seal", cause: .fieldMissing, instance: 3, field: .seal
    ) { Array($0.dropFirst()) },
    StructureCase(
      testDescription: "no message signature", cause: .fieldMissing, instance: 2,
      field: .messageSignature
    ) { $0.without(4) },
    StructureCase(
      testDescription: "no results", cause: .fieldMissing, instance: 1,
      field: .authenticationResults
    ) { $0.without(8) },
    StructureCase(testDescription: "a gap", cause: .setMissing, instance: 2) {
      Array($0[..<3] + $0[6...])
    },
    StructureCase(testDescription: "the first set gone", cause: .setMissing, instance: 1) {
      Array($0[..<6] + $0[9...])
    },
    StructureCase(
      testDescription: "a seal twice", cause: .fieldRepeated, instance: 2, field: .seal
    ) { [$0[3]] + $0 },
    StructureCase(
      testDescription: "results twice", cause: .fieldRepeated, instance: 1,
      field: .authenticationResults
    ) { $0 + [HeaderField("arc-authentication-results", " i=1; other.example; none")] },
    StructureCase(
      testDescription: "a field that cannot be read", cause: .fieldSyntax, field: .seal
    ) { [HeaderField("ARC-Seal", " i=4; ???")] + $0 },
    StructureCase(
      testDescription: "a field without instance", cause: .instanceInvalid,
      field: .authenticationResults
    ) { [HeaderField("ARC-Authentication-Results", " mx.example; none")] + $0 },
    StructureCase(
      testDescription: "instance 0", cause: .instanceInvalid, field: .authenticationResults
    ) { [HeaderField("ARC-Authentication-Results", " i=0; mx.example; none")] + $0 },
    StructureCase(
      testDescription: "instance 001", cause: .instanceInvalid, field: .authenticationResults
    ) { [HeaderField("ARC-Authentication-Results", " i=001; mx.example; none")] + $0 },
    StructureCase(
      testDescription: "instance 51", cause: .tooManySets, field: .authenticationResults
    ) { [HeaderField("ARC-Authentication-Results", " i=51; mx.example; none")] + $0 },
    StructureCase(
      testDescription: "a huge instance", cause: .tooManySets, field: .messageSignature
    ) {
      [HeaderField("ARC-Message-Signature", " i=99999999999999999999999999; a=b")] + $0
    },
    StructureCase(
      testDescription: "cv=none later", cause: .chainStatusWrong, instance: 4, field: .seal
    ) { sealers[0].seal($0, sealTags: ["cv": "none"]) },
    StructureCase(
      testDescription: "cv= unknown", cause: .chainStatusWrong, instance: 4, field: .seal
    ) { sealers[0].seal($0, sealTags: ["cv": "maybe"]) },
    StructureCase(
      testDescription: "no cv=", cause: .chainStatusWrong, instance: 4, field: .seal
    ) { sealers[0].seal($0, sealTags: ["cv": nil]) },
    StructureCase(
      testDescription: "cv=pass first", cause: .chainStatusWrong, instance: 1, field: .seal
    ) { sealers[0].seal(Array($0.dropFirst(9)), sealTags: ["cv": "pass"]) },
    StructureCase(
      testDescription: "cv=fail last", cause: .failedBefore, instance: 4, field: .seal
    ) { sealers[0].seal($0, sealTags: ["cv": "fail"]) },
    StructureCase(
      testDescription: "cv=fail in the middle", cause: .chainStatusWrong, instance: 4,
      field: .seal
    ) { sealers[0].seal(sealers[0].seal($0, sealTags: ["cv": "fail"])) },
    StructureCase(
      testDescription: "cv=fail over a broken chain", cause: .failedBefore, instance: 4,
      field: .seal
    ) { sealers[0].seal($0, instance: 4, sealTags: ["cv": "fail"]).without(5) },
    StructureCase(testDescription: "151 fields", cause: .tooManySets) {
      Array(repeating: $0[0], count: 142) + $0
    },
  ]

  @Test(arguments: structures)
  func judgesTheStructure(_ item: StructureCase) throws {
    let evaluation = try evaluation(item.change(TestSealer.chain(Self.sealers)))
    let outcome = evaluation.arc
    #expect(outcome.result == .fail)
    #expect(outcome.cause == item.cause, "\(outcome.explanation)")
    #expect(outcome.failedInstance == item.instance)
    #expect(outcome.failedField == item.field)
    #expect(outcome.oldestPass == nil)
    // What is decided by looking costs no question.
    #expect(!evaluation.dns.contains { $0.name.contains("._domainkey.") })
  }

  // MARK: - Fields

  struct TagCase: Sendable, CustomTestStringConvertible {
    var tag: String
    var value: String?
    var cause: ARCCause
    var testDescription: String { "\(tag)=\(value ?? "absent") is \(cause)" }
  }

  static let commonTags = [
    TagCase(tag: "a", value: nil, cause: .fieldSyntax),
    TagCase(tag: "a", value: "rsa-sha1", cause: .algorithmRefused),
    TagCase(tag: "a", value: "rsa-sha512", cause: .algorithmUnknown),
    TagCase(tag: "a", value: "rsa-sha256", cause: .keyTypeMismatch),
    TagCase(tag: "a", value: "Ed25519-SHA256", cause: .verified),
    TagCase(tag: "d", value: nil, cause: .fieldSyntax),
    TagCase(tag: "d", value: "", cause: .fieldSyntax),
    TagCase(tag: "d", value: "a..b", cause: .fieldSyntax),
    TagCase(tag: "d", value: "other.example", cause: .noKey),
    TagCase(tag: "s", value: nil, cause: .fieldSyntax),
    TagCase(tag: "s", value: "a b", cause: .fieldSyntax),
    TagCase(tag: "t", value: nil, cause: .verified),
    TagCase(tag: "t", value: "", cause: .fieldSyntax),
    TagCase(tag: "t", value: "1 2", cause: .fieldSyntax),
    TagCase(tag: "t", value: "99999999999999999999", cause: .verified),
    TagCase(tag: "x", value: "1", cause: .verified),
    TagCase(tag: "unknown", value: "tag", cause: .verified),
    TagCase(tag: "v", value: "2", cause: .verified),
  ]

  static let messageTags =
    commonTags + [
      TagCase(tag: "c", value: "", cause: .fieldSyntax),
      TagCase(tag: "c", value: "loose", cause: .fieldSyntax),
      TagCase(tag: "bh", value: nil, cause: .fieldSyntax),
      TagCase(tag: "bh", value: "AAAA", cause: .fieldSyntax),
      TagCase(tag: "h", value: nil, cause: .fieldSyntax),
      TagCase(tag: "h", value: "", cause: .verified),
      TagCase(tag: "h", value: "From:ARC-Seal", cause: .sealCovered),
      TagCase(tag: "h", value: "From::ARC-Message-Signature", cause: .verified),
      TagCase(tag: "l", value: "-1", cause: .fieldSyntax),
      TagCase(tag: "l", value: "8", cause: .verified),
      TagCase(tag: "l", value: "7", cause: .bodyLengthLimit),
      TagCase(tag: "l", value: "9", cause: .bodyLengthLimit),
      TagCase(tag: "l", value: "99999999999999999999999", cause: .bodyLengthLimit),
    ]

  @Test(arguments: messageTags)
  func judgesTheMessageSignature(_ item: TagCase) throws {
    let outcome = try outcome(
      Self.sealers[0].seal(.test(), messageTags: [item.tag: item.value]))
    #expect(outcome.cause == item.cause, "\(outcome.explanation)")
    #expect(outcome.result == (item.cause == .verified ? .pass : .fail))
    #expect(outcome.failedField == (item.cause == .verified ? nil : .messageSignature))
  }

  @Test(arguments: commonTags + [TagCase(tag: "h", value: "From", cause: .sealWithHeaderList)])
  func judgesTheSeal(_ item: TagCase) throws {
    let outcome = try outcome(Self.sealers[0].seal(.test(), sealTags: [item.tag: item.value]))
    #expect(outcome.cause == item.cause, "\(outcome.explanation)")
    #expect(outcome.result == (item.cause == .verified ? .pass : .fail))
    #expect(outcome.failedField == (item.cause == .verified ? nil : .seal))
  }

  @Test func anOlderMessageSignatureNeedNotVerify() throws {
    let first = Self.sealers[0].seal(.test(), messageTags: ["bh": nil])
    let outcome = try outcome(Self.sealers[1].seal(first))
    #expect(outcome.result == .pass, "\(outcome.explanation)")
    #expect(outcome.oldestPass == 2)
  }

  @Test func aPartlySignedBodyCountsAsConfigured() throws {
    let header = Self.sealers[0].seal(.test(), messageTags: ["l": "8"])
    let refused = try outcome(header, body: "Hello.\r\nBuy now.\r\n")
    #expect(refused.cause == .bodyLengthLimit)
    #expect(refused.explanation.contains("10 of 18 octets"))
    let accepted = try outcome(header, body: "Hello.\r\nBuy now.\r\n") {
      $0.dkim.partialBody = .pass
    }
    #expect(accepted.result == .pass)
  }

  // MARK: - Keys

  static let keyData = String(TestSigner.keyRecord.split(separator: "; p=")[1])

  static let keys: [(String, ARCCause)] = [
    ("A: 192.0.2.1", .noKey), ("TIMEOUT", .dnsTimeout), ("SERVFAIL", .dnsServfail),
    ("REFUSED", .dnsServfail), ("TXT: \"k=ed25519; p=\"", .keyRevoked),
    ("TXT: \"k=ed25519\"", .keySyntax), ("TXT: \"k=ed25519; p=AAAA\"", .keySyntax),
    ("TXT: \"k=rsa; p=\(keyData)\"", .keyTypeMismatch),
    ("TXT: \"k=ed25519; h=sha1; p=\(keyData)\"", .keyHashNotAllowed),
    ("TXT: \"k=ed25519; s=tlsrpt; p=\(keyData)\"", .keyServiceNotAllowed),
    ("TXT: \"k=ed25519; t=s:y; p=\(keyData)\"", .verified),
    ("TXT: \"k=ed25519; p=\(String(repeating: "A", count: 42))E=\"", .sealMismatch),
  ]

  @Test(arguments: keys)
  func judgesTheKeyOfASeal(_ entry: String, _ cause: ARCCause) throws {
    let sealer = TestSealer("first.example", selector: "seal")
    let signer = TestSealer("first.example", selector: "message")
    // The message signature's key is in order, so that it is the seal that decides.
    let header = sealer.seal(.test(), messageTags: ["s": signer.selector])
    let zone =
      "\(sealer.keyName): [\(entry.contains(":") ? "{\(entry)}" : entry)]\n"
      + TestSealer.zone([signer])
    let outcome = try outcome(header, zone: zone)
    #expect(outcome.cause == cause, "\(outcome.explanation)")
    guard cause != .verified else { return }
    // There is no temperror in ARC (section 5.2.1).
    #expect(outcome.result == .fail)
    #expect(outcome.failedInstance == 1)
    #expect(outcome.failedField == .seal)
    #expect(outcome.sets[0].seal == .failed)
    #expect(outcome.sets[0].messageSignature == .verified)
  }

  @Test func aFailureOfTheDNSNamesTheKey() throws {
    let evaluation = try evaluation(
      TestSealer.chain(Self.sealers),
      zone: "\(Self.sealers[1].keyName): [TIMEOUT]\n"
        + TestSealer.zone([Self.sealers[0], Self.sealers[2]]))
    let outcome = evaluation.arc
    #expect(outcome.cause == .dnsTimeout)
    #expect(outcome.failedInstance == 2)
    #expect(outcome.explanation.contains(Self.sealers[1].keyName))
    #expect(outcome.sets.map(\.seal) == [.notChecked, .failed, .verified])
    #expect(
      evaluation.dns.contains { $0.name == Self.sealers[1].keyName && $0.outcome == .timeout })
  }

  // MARK: - Changed messages

  @Test func tellsWhatWasChanged() throws {
    let header = TestSealer.chain(Self.sealers)
    let body = try outcome(header, body: "Another.\r\n")
    #expect(body.cause == .bodyHashMismatch)
    #expect(body.failedInstance == 3)
    #expect(body.sets.map(\.messageSignature) == [.notChecked, .notChecked, .failed])
    #expect(body.sets.map(\.seal) == [.notChecked, .notChecked, .notChecked])

    let subject = header.map { $0.isNamed("Subject") ? HeaderField("Subject", " Dinner") : $0 }
    let changed = try outcome(subject)
    #expect(changed.cause == .messageSignatureMismatch)
    #expect(changed.failedField == .messageSignature)

    var results = header
    results[5].value += Array("; spf=pass".utf8)
    let forged = try outcome(results)
    #expect(forged.cause == .sealMismatch)
    // The newest seal covers the older set, so it is the first to notice.
    #expect(forged.failedInstance == 3)
    #expect(forged.sets.map(\.seal) == [.notChecked, .notChecked, .failed])
  }

  @Test func aSealOverAForgedPastIsSeenBelow() throws {
    var header = TestSealer.chain(Array(Self.sealers.prefix(2)))
    header[5].value += Array("; spf=pass".utf8)
    let outcome = try outcome(Self.sealers[2].seal(header))
    #expect(outcome.cause == .sealMismatch)
    #expect(outcome.failedInstance == 2)
    #expect(outcome.sets.map(\.seal) == [.notChecked, .failed, .verified])
  }

  @Test func fiftySetsMayCoverFiftyLengthsOfTheBody() throws {
    let body = String(repeating: "All work and no play.\r\n", count: 400)
    var header: [HeaderField] = .test()
    for number in 1...50 {
      let length = number == 50 ? body.utf8.count : 7 * number
      header = Self.sealers[0].seal(header, body: body, messageTags: ["l": "\(length)"])
    }
    let evaluation = try evaluation(header, body: body) { $0.dkim.partialBody = .pass }
    #expect(evaluation.arc.result == .pass, "\(evaluation.arc.explanation)")
    #expect(evaluation.arc.oldestPass == 0)
    #expect(evaluation.dns.filter { $0.name == Self.sealers[0].keyName }.count == 1)
  }

  @Test func aHeaderTooLargeIsNotEvaluated() throws {
    let outcome = try outcome(TestSealer.chain(Self.sealers)) { $0.maximumHeaderFields = 5 }
    #expect(outcome.result == .none)
    #expect(outcome.cause == .messageTooLarge)
  }
}

extension [HeaderField] {
  fileprivate func without(_ index: Int) -> [HeaderField] {
    Array(self[..<index] + self[(index + 1)...])
  }
}
