import MailAuth
import TestSupport
import Testing

/// What the signer signs, as our own verifier sees it.
@Suite struct DKIMSignerTests {
  struct Form: Sendable, CustomTestStringConvertible {
    var key: String
    var header: Canonicalization
    var body: Canonicalization
    var testDescription: String { "\(key) \(header)/\(body)" }
  }

  static let keys = [
    "ed25519": TestKeys.ed25519, "rsa1024": TestKeys.rsa1024, "rsa2048": TestKeys.rsa2048,
  ]
  static let forms = keys.keys.sorted().flatMap { key in
    Canonicalization.allCases.flatMap { header in
      Canonicalization.allCases.map { Form(key: key, header: header, body: $0) }
    }
  }

  static let header = [
    HeaderField("Received", " from a.example by b.example;\r\n\tFri, 20 Nov 2026 23:43:31 +0000"),
    HeaderField("From", " Reports  <reports@example.org>"),
    HeaderField("To", " first@receiver.example"), HeaderField("To", " second@receiver.example"),
    HeaderField("SUBJECT", " a  folded\r\n\t subject "), HeaderField("X-Other", " unsigned"),
    HeaderField("Date", "Fri, 20 Nov 2026 23:43:31 +0000"),
    HeaderField("Message-ID", " <1@example.org>"),
  ]
  static let body = "First  line \r\n\r\n. second\tline\r\n\r\n\r\n"

  private func signer(
    _ pem: String = TestKeys.ed25519, configure: (inout DKIMSigner) -> Void = { _ in }
  ) throws -> DKIMSigner {
    var signer = DKIMSigner(
      domain: try #require(DomainName("example.org")), selector: try #require(DomainName("s1")),
      key: try DKIMPrivateKey(pem: Array(pem.utf8), source: "test key"))
    configure(&signer)
    return signer
  }

  private func sign(_ signer: DKIMSigner, body: String = body) throws -> HeaderField {
    try signer.sign(header: Self.header, body: Array(body.utf8), now: testTime)
  }

  private func outcome(
    _ signer: DKIMSigner, header: [HeaderField], body: String = body, now: Int64 = testTime
  ) throws -> DKIMOutcome {
    let zone = "\(signer.keyName):\n- TXT: \"\(signer.key.publicKeyRecord)\"\n"
    let evaluation = try Evaluator.test(zone: zone).evaluate(header: header, body: body, now: now)
    return try #require(evaluation.dkim.first)
  }

  @Test(arguments: forms) func whatItSignsVerifies(form: Form) throws {
    let signer = try signer(try #require(Self.keys[form.key])) {
      $0.headerCanonicalization = form.header
      $0.bodyCanonicalization = form.body
    }
    let field = try sign(signer)

    let outcome = try outcome(signer, header: [field] + Self.header)
    #expect(outcome.result == .pass, "\(outcome)")
    #expect(outcome.domain == "example.org")
    let tags = tags(of: field)
    #expect(tags["a"] == signer.key.algorithm.rawValue)
    #expect(tags["c"] == "\(form.header)/\(form.body)")
    #expect(tags["d"] == "example.org")
    #expect(tags["s"] == "s1")
    #expect(tags["t"] == "\(testTime)")
    #expect(tags["x"] == nil && tags["l"] == nil)

    var changed = Self.header
    changed[4] = HeaderField("Subject", " another")
    #expect(try self.outcome(signer, header: [field] + changed).result == .fail)
    let longer = try self.outcome(
      signer, header: [field] + Self.header, body: Self.body + "More\r\n")
    #expect(longer.result == .fail)
  }

  /// The library folds the field, and where it does depends on how long the names are.
  @Test(arguments: Canonicalization.allCases)
  func signaturesOfAnyLengthVerify(form: Canonicalization) throws {
    for length in 1...60 {
      let name = String(repeating: "a", count: length) + ".example.org"
      let signer = try signer {
        $0.domain = DomainName(name) ?? $0.domain
        $0.headerCanonicalization = form
      }
      let field = try sign(signer)
      #expect(try outcome(signer, header: [field] + Self.header).result == .pass, "\(name)")
      #expect(field.value.split(separator: 0x0A).allSatisfy { $0.count < 998 })
    }
  }

  @Test(arguments: DKIMSigner.defaultOversignedNames)
  func nobodyMayAddAnotherField(name: String) throws {
    let signer = try signer()
    let field = try sign(signer)
    let added = HeaderField(name, " <another@example.net>")
    #expect(try outcome(signer, header: [added, field] + Self.header).result == .fail)
  }

  @Test func othersMayAddWhatIsNotListed() throws {
    let signer = try signer()
    let field = try sign(signer)
    let added = [HeaderField("Received", " from x"), HeaderField("X-Spam", " no")]
    #expect(try outcome(signer, header: added + [field] + Self.header).result == .pass)
  }

  @Test func signsWhatItIsToldTo() throws {
    let signer = try signer {
      $0.signedNames = ["X-Other"]
      $0.oversignedNames = []
    }
    #expect(tags(of: try sign(signer))["h"]?.lowercased() == "from:x-other")
  }

  @Test func aSignatureExpires() throws {
    let signer = try signer { $0.lifetimeSeconds = 3600 }
    let field = try sign(signer)
    #expect(tags(of: field)["x"] == "\(testTime + 3600)")
    let header = [field] + Self.header
    #expect(try outcome(signer, header: header, now: testTime + 3600).result == .pass)
    #expect(try outcome(signer, header: header, now: testTime + 3901).result == .permerror)
  }

  @Test func signsTheBeginningOfABody() throws {
    let signer = try signer { $0.bodyLength = 12 }
    let field = try sign(signer)
    #expect(tags(of: field)["l"] == "12")
    // A partly signed body has a result of its own, which tells that the signature is right.
    let more = Self.body + "appended\r\n"
    #expect(try outcome(signer, header: [field] + Self.header, body: more).result == .policy)
    let whole = try self.signer { $0.bodyLength = 1_000_000 }
    let length = try #require(tags(of: sign(whole))["l"].flatMap(Int.init))
    #expect(length < Self.body.utf8.count)
  }

  @Test(arguments: ["", "\r\n", "no line end", "two\r\nlines", "\r\n\r\n.\r\n"])
  func takesAnyBody(body: String) throws {
    for form in Canonicalization.allCases {
      let signer = try signer { $0.bodyCanonicalization = form }
      let field = try sign(signer, body: body)
      // The line end that is missing is added on the way.
      let sent = body.isEmpty || body.hasSuffix("\r\n") ? body : body + "\r\n"
      #expect(try outcome(signer, header: [field] + Self.header, body: sent).result == .pass)
    }
  }

  @Test func manyThreadsMaySignAtOnce() async throws {
    let signer = try signer(TestKeys.rsa2048)
    let expected = try sign(signer)
    let fields = await withTaskGroup(of: HeaderField?.self) { group in
      for _ in 0..<32 {
        group.addTask {
          try? signer.sign(header: Self.header, body: Array(Self.body.utf8), now: testTime)
        }
      }
      return await group.reduce(into: [HeaderField?]()) { $0.append($1) }
    }
    #expect(fields == Array(repeating: expected, count: 32))
  }

  // MARK: - Refusals

  @Test(arguments: [
    ("bare\nfeed\r\n", DKIMSigningError.lineEnds), ("bare\rreturn\r\n", .lineEnds),
    ("at the end\r", .lineEnds),
  ])
  func refusesOtherLineEnds(body: String, error: DKIMSigningError) throws {
    let signer = try signer()
    #expect(throws: error) { try sign(signer, body: body) }
  }

  @Test(arguments: [
    (HeaderField("Subject", " a\nBcc: b"), "Subject"), (HeaderField("Subject", " a\0"), "Subject"),
    (HeaderField("Sub ject", " a"), "Sub ject"), (HeaderField("", " a"), ""),
  ])
  func refusesFieldsThatAreNone(field: HeaderField, name: String) throws {
    let signer = try signer()
    #expect(throws: DKIMSigningError.field(name)) {
      try signer.sign(header: Self.header + [field], body: [], now: testTime)
    }
  }

  @Test func refusesAMessageWithoutAnAuthor() throws {
    let signer = try signer()
    #expect(throws: DKIMSigningError.noFrom) {
      try signer.sign(header: [HeaderField("To", " a@b.example")], body: [], now: testTime)
    }
  }

  @Test(arguments: ["", "X-*", "a.b", "a:b"]) func refusesNamesThatAreNone(name: String) throws {
    let signer = try signer { $0.signedNames = [name] }
    #expect(throws: DKIMSigningError.options("\(name) is not a field name")) { try sign(signer) }
  }

  private func tags(of field: HeaderField) -> [String: String] {
    let text = String(decoding: field.value.filter { !" \t\r\n".utf8.contains($0) }, as: UTF8.self)
    return Dictionary(
      text.split(separator: ";").map { tag in
        let parts = tag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), String(parts.last ?? ""))
      }, uniquingKeysWith: { first, _ in first })
  }
}

/// Which keys the signer takes.
@Suite struct DKIMPrivateKeyTests {
  @Test func readsKeysWithTextAroundThem() throws {
    let text = "Our key\n" + TestKeys.rsa2048 + "\nEnd\n"
    let key = try DKIMPrivateKey(pem: Array(text.utf8), source: "key")
    #expect(key.algorithm == .rsaSHA256)
    #expect(key.bits == 2048)
    #expect(key.publicKeyRecord.hasPrefix("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"))
  }

  @Test(arguments: [
    ("", DKIMKeyError.Problem.notAKey), ("not a key", .notAKey),
    ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", .notAKey),
    (String(TestKeys.rsa2048.prefix(400)), .notAKey),
    (TestKeys.encrypted, .encrypted), (TestKeys.ellipticCurve, .otherType("EC")),
    (TestKeys.rsa512, .tooSmall(bits: 512)),
  ])
  func refusesOthersAndSaysWhy(pem: String, problem: DKIMKeyError.Problem) {
    let error = #expect(throws: DKIMKeyError.self) {
      try DKIMPrivateKey(pem: Array(pem.utf8), source: "/etc/key.pem")
    }
    #expect(error?.problem == problem)
    #expect(error?.description.hasPrefix("/etc/key.pem: ") == true)
  }

  @Test func readsFiles() throws {
    let directory = try TemporaryDirectory()
    let key = try DKIMPrivateKey(contentsOf: try directory.write(TestKeys.ed25519, to: "key.pem"))
    #expect(key.algorithm == .ed25519SHA256)
    #expect(key.bits == 256)
    let missing = directory.path("missing.pem")
    #expect(
      throws: DKIMKeyError(source: missing, problem: .unreadable("No such file or directory"))
    ) { try DKIMPrivateKey(contentsOf: missing) }
    let folder = try directory.makeDirectory("folder")
    #expect(throws: DKIMKeyError(source: folder, problem: .unreadable("Is a directory"))) {
      try DKIMPrivateKey(contentsOf: folder)
    }
  }
}
