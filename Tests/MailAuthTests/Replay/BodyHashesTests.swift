import TestSupport
import Testing

@testable import MailAuth

/// A message evaluated with the hashes of its body has the outcomes that it has with the body.
@Suite struct BodyHashesTests {
  /// Evaluates a message file with its body, and once more with the hashes alone.
  private func outcomes(
    _ octets: [UInt8], _ zone: any Resolver, now: Int64,
    configure: (inout EvaluatorSettings) -> Void = { _ in }
  ) throws -> (with: Evaluation, without: Evaluation) {
    var settings = EvaluatorSettings(receivingHost: "mx.receiver.example")
    configure(&settings)
    let evaluator = try Evaluator(settings: settings, resolver: zone)
    var reader = MessageReader()
    let pieces = reader.read(octets) + reader.finish()
    let whole = evaluator.begin(.test(), now: now)
    whole.take(pieces)
    let header = pieces.compactMap { if case .field(let field) = $0 { field } else { nil } }
    let hasher = BodyHasher(header: header)
    for case .body(let octets) in pieces {
      unsafe octets.withUnsafeBytes { unsafe hasher.take($0) }
    }
    let bodiless = evaluator.begin(.test(), now: now, bodyHashes: hasher.finish())
    bodiless.take(header.map { .field($0) } + [.endOfHeaders])
    return (whole.finish(), bodiless.finish())
  }

  private func expectSame(_ both: (with: Evaluation, without: Evaluation)) {
    #expect(both.without.dkim == both.with.dkim)
    #expect(both.without.arc == both.with.arc)
    #expect(both.without.dmarc == both.with.dmarc)
  }

  @Test(.enabled(if: Suites.arePresent, "the suites are absent"), arguments: try Suites.dkim())
  func agreeOnTheDKIMSuite(_ message: DKIMSuiteMessage) throws {
    for partialBody in DKIMSettings.PartialBody.allCases {
      expectSame(
        try outcomes(message.octets(), message.zone, now: message.now) {
          $0.dkim.partialBody = partialBody
        })
    }
  }

  @Test(
    .enabled(if: Suites.arePresent, "the suites are absent"), arguments: try Suites.arcValidation())
  func agreeOnTheARCSuite(_ item: ARCSuiteCase) throws {
    expectSame(try outcomes(Array(item.message.utf8), item.zone, now: testTime))
  }

  private static let signer = TestSigner(domain: "example.com")
  private static let zone = """
    \(signer.keyName): [{TXT: "\(TestSigner.keyRecord)"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    \(TestSealer.zone([TestSealer("lists.example.net")]))
    """

  private static func file(_ header: [HeaderField], _ body: String) -> [UInt8] {
    header.flatMap { $0.name + [UInt8(ascii: ":")] + $0.value + [0x0D, 0x0A] }
      + [0x0D, 0x0A] + Array(body.utf8)
  }

  @Test(arguments: [
    "Hello.\r\n", "", "\r\n\r\n", "Hello.\r\nmore\r\n", "Hello", "Hello. \t\r\n\r\n", "Hell",
  ])
  func agreeHoweverTheBodyIsSigned(_ body: String) throws {
    let zone = try ZoneResolver(yaml: Self.zone, source: "test zone")
    for form in ["simple/simple", "relaxed/relaxed", "relaxed/simple", "simple/relaxed"] {
      for length in [nil, "0", "3", "6", "8", "9", "99999999999999999999"] {
        var header = Self.signer.signed(
          .test(), body: "Hello.\r\n", tags: ["c": form, "l": length])
        header = TestSealer("lists.example.net").seal(
          header, body: "Hello.\r\n", messageTags: ["c": form, "l": length])
        expectSame(try outcomes(Self.file(header, body), zone, now: testTime))
        let changed = header.map { $0.isNamed("Subject") ? HeaderField("Subject", " x") : $0 }
        expectSame(try outcomes(Self.file(changed, body), zone, now: testTime))
      }
    }
  }

  @Test func whatLibopendkimGetsWrongStaysWrong() throws {
    // The header is verified by the same library, so a record of such a failure can be replayed.
    var signer = Self.signer
    signer.signatureTag = "b ="
    let header = signer.signed(.test(), body: "Hello.\r\n")
    let both = try outcomes(
      Self.file(header, "Hello.\r\n"), ZoneResolver(yaml: Self.zone, source: "test zone"),
      now: testTime)
    #expect(both.with.dkim.map(\.result) == [.fail])
    expectSame(both)
  }

  @Test func aHashThatIsMissingIsNoMismatch() throws {
    let evaluator = try Evaluator.test(zone: Self.zone)
    let evaluation = evaluator.begin(.test(), now: testTime, bodyHashes: BodyHashes())
    let header = TestSealer("lists.example.net").seal(
      Self.signer.signed(.test(), body: "Hello.\r\n"))
    evaluation.take(header.map { .field($0) } + [.endOfHeaders])
    let found = evaluation.finish()
    #expect(found.dkim.map(\.cause) == [.internalError])
    #expect(found.dkim.map(\.explanation) == ["The hash of the body was not recorded."])
    #expect(found.arc.cause == .internalError)
  }

  @Test func keepNothingThatTheBodySays() throws {
    let hasher = BodyHasher(header: Self.signer.signed(.test(), body: "Hello.\r\n"))
    let body = Array("A secret.\r\n".utf8)
    unsafe body.withUnsafeBytes { unsafe hasher.take($0) }
    let entries = hasher.finish().entries
    #expect(entries.map(\.canonicalization) == ["simple"])
    #expect(entries.map(\.bodyLength) == [11])
    #expect(entries.allSatisfy { $0.sha256?.count == 44 })
    #expect(BodyHasher(header: .test()).finish().entries.isEmpty)
  }
}
