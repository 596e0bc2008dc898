import TestSupport
import Testing

@testable import MailAuth

/// Messages with odd folds, blanks and line ends, hashed by our canonicalizer and verified by
/// libopendkim: a pass means that both hashed the same octets.
///
/// A CR or LF on its own, which no mail may hold, is left out: libopendkim treats some of them as
/// line ends, and so differently from piece to piece.
@Suite struct CanonicalizationAgreementTests {
  private static let signer = TestSigner(domain: "example.com")

  @Test(arguments: 0..<400)
  func agreesWithLibopendkim(_ seed: Int) throws {
    var generator = MessageGenerator(seed: UInt64(seed))
    var header = generator.header()
    let body = generator.body()
    for c in ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"] {
      header.insert(try Self.sign(header, body, c: c, &generator), at: 0)
    }
    let evaluator = try Evaluator.test(
      zone: "\(Self.signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]"
    ) { $0.dkim.partialBody = .pass }
    let evaluation = evaluator.begin(.test(), now: testTime)
    header.forEach(evaluation.addHeader)
    evaluation.endHeaders()
    for piece in generator.pieces(body) {
      unsafe piece.withUnsafeBytes { unsafe evaluation.addBody($0) }
    }
    let outcomes = evaluation.finish().dkim
    #expect(outcomes.count == 4)
    for outcome in outcomes {
      #expect(
        outcome.result == .pass,
        """
        \(outcome.canonicalization ?? "?") \(outcome.cause): \(outcome.explanation)
        l=\(outcome.bodyLength.map(String.init) ?? "none") body \(body.printable(limit: 1000))
        """)
    }
  }

  @Test(arguments: 1000..<1200)
  func aBodyInOnePieceEndsAsInTwo(_ seed: Int) throws {
    // In one piece it is hashed by us, in two by libopendkim.
    var generator = MessageGenerator(seed: UInt64(seed))
    var header = generator.header()
    var body = generator.body()
    if body.suffix(2) != [0x0D, 0x0A] { body += [0x0D, 0x0A] }
    for c in ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"] {
      header.insert(try Self.sign(header, body, c: c, mayBePartial: false, &generator), at: 0)
    }
    if generator.chance(2) {
      body.insert(UInt8(ascii: " "), at: generator.number(below: body.count))
    }
    if generator.chance(4) { body += Array("more\r\n".utf8) }
    if generator.chance(4) { header.append(HeaderField("Subject", " more")) }
    let evaluator = try Evaluator.test(
      zone: "\(Self.signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    let half = generator.number(below: body.count - 1) + 1
    let ends = [[body], [Array(body[..<half]), Array(body[half...])]].map { pieces in
      let evaluation = evaluator.begin(.test(), now: testTime)
      header.forEach(evaluation.addHeader)
      evaluation.endHeaders()
      for piece in pieces { unsafe piece.withUnsafeBytes { unsafe evaluation.addBody($0) } }
      return evaluation.finish().dkim
    }
    #expect(ends[0] == ends[1], "\(body.printable(limit: 1000))")
  }

  @Test(arguments: [
    ("a\r\n", true), ("\r\n", true), ("a\r\n\r\n b \r\n", true), ("", true), ("a", false),
    ("a\r", false), ("a\n", false), ("a\rb\r\n", false), ("a\nb\r\n", false), ("\r\r\n", false),
    ("\0\r\n", false), (String(repeating: "a", count: 998) + "\r\n", true),
    (String(repeating: "a", count: 999) + "\r\n", false),
  ])
  func onlyPlainBodiesAreHashedByUs(body: String, isPlain: Bool) {
    #expect(PlainBody.isPlain(Array(body.utf8)) == isPlain)
  }

  @Test func aChangedOctetIsSeen() throws {
    // The test above could not fail if signatures passed whatever was hashed.
    var generator = MessageGenerator(seed: 1)
    let header = generator.header()
    let signature = try Self.sign(header, generator.body(), c: "relaxed/relaxed", &generator)
    let evaluator = try Evaluator.test(
      zone: "\(Self.signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    let evaluation = evaluator.evaluate(header: [signature] + header, body: "another\r\n")
    #expect(evaluation.dkim.map(\.cause) == [.bodyHashMismatch])
  }

  /// A DKIM-Signature field over what our canonicalizer makes of the message.
  private static func sign(
    _ header: [HeaderField], _ body: [UInt8], c: String, mayBePartial: Bool = true,
    _ generator: inout MessageGenerator
  ) throws -> HeaderField {
    let canonicalization = try #require(SignatureCanonicalization(c))
    let whole = BodyHash(canonicalization.body, lengths: [nil])
    unsafe body.withUnsafeBytes { unsafe whole.take($0) }
    whole.finish()
    let length: Int? =
      mayBePartial && generator.chance(4) ? generator.number(below: whole.length + 1) : nil
    let hash = BodyHash(canonicalization.body, lengths: [length])
    for piece in generator.pieces(body) { unsafe piece.withUnsafeBytes { unsafe hash.take($0) } }
    hash.finish()
    let bodyHash = try #require(hash.hash(length: length))
    let names = generator.signedNames(header)
    let fold = generator.blank()
    func field(_ value: String) -> HeaderField {
      HeaderField(
        "DKIM-Signature",
        "\(fold)v=1; a=ed25519-sha256;\(fold)c=\(c);\r\n\tb=\(fold)\(value)\(fold); "
          + "d=\(signer.domain); s=\(signer.selector);\(length.map { " l=\($0);" } ?? "") h="
          + names.joined(separator: "\(fold):") + ";\(fold)bh=\(Base64.encode(bodyHash))")
    }
    let headerHash = SignedHeader([field("")] + header).hash(
      signatureIndex: 0, signedNames: names.map { $0.asciiLowercased() },
      canonicalization: canonicalization.header)
    return field(TestSigner.signature(ofHash: try #require(headerHash)))
  }
}

/// Makes messages that no program writes but that a signature must survive; the same for the same
/// seed.
private struct MessageGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  private mutating func next() -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func number(below bound: Int) -> Int {
    bound > 0 ? Int(next() % UInt64(bound)) : 0
  }

  mutating func chance(_ one: Int) -> Bool { number(below: one) == 0 }

  private mutating func pick<Element>(_ list: [Element]) -> Element {
    list[number(below: list.count)]
  }

  mutating func blank() -> String {
    pick([" ", "\t", "  ", " \t ", "\r\n ", "\r\n\t", " \r\n  ", "\r\n \r\n\t", "\t\r\n "])
  }

  private mutating func word() -> String {
    pick([
      "a", "Word", "=20", ";", ":", "\"quoted\"", "(comment)", "b=x;", "\u{e4}\u{f6}", "\u{20ac}",
      "x@y.example", "0", ",", "--", "\u{7f}", "\u{1}", "B=", "a=b",
    ])
  }

  mutating func header() -> [HeaderField] {
    var header = [HeaderField("From", "\(blank())Ann <ann@example.com>")]
    for _ in 0..<number(below: 12) {
      let name = pick([
        "Subject", "SUBJECT", "To", "to", "Received", "X-Empty", "x-odd!#$name", "Date", "Cc",
        "MIME-Version", "Comments",
      ])
      var value = chance(4) ? "" : blank()
      for _ in 0..<number(below: 8) { value += word() + (chance(3) ? "" : blank()) }
      header.insert(HeaderField(name, value), at: number(below: header.count + 1))
    }
    return header
  }

  /// Names of fields that are there, some of them too often, and some that are not.
  mutating func signedNames(_ header: [HeaderField]) -> [String] {
    var names = ["from"]
    for field in header where chance(2) {
      let name = String(decoding: field.name, as: UTF8.self)
      if !field.isNamed("DKIM-Signature") { names.append(chance(3) ? name.uppercased() : name) }
    }
    if chance(2) { names.insert("X-Absent", at: number(below: names.count + 1)) }
    if chance(3) { names.append("Subject") }
    return names
  }

  mutating func body() -> [UInt8] {
    var body: [UInt8] = []
    for _ in 0..<number(below: 9) {
      if chance(3) {
        for _ in 0..<number(below: 4) { body += [0x0D, 0x0A] }
      }
      for _ in 0..<number(below: 5) {
        if chance(2) { body += Array(pick([" ", "\t", "  ", " \t "]).utf8) }
        if !chance(4) { body += Array(word().utf8) }
      }
      if !chance(10) { body += [0x0D, 0x0A] }
    }
    if chance(4) { body += Array(pick([" ", "\r\n", "\r\n\r\n", "end", " \r\n"]).utf8) }
    return body
  }

  mutating func pieces(_ body: [UInt8]) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = body[...]
    while !rest.isEmpty {
      let size = min(rest.count, 1 + number(below: chance(2) ? 3 : 200))
      pieces.append(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return pieces
  }
}
