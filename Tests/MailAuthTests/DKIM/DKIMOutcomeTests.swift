import MailAuth
import TestSupport
import Testing

/// Each result and cause of a signature, with signatures made here.
@Suite struct DKIMOutcomeTests {
  private let signer = TestSigner(domain: "example.com")

  /// Evaluates a message whose only signature is `signature`'s, with one key record (or word).
  private func outcome(
    key: String? = nil, body: String = "Hello.\r\n", received: String? = nil,
    tags: KeyValuePairs<String, String?> = [:],
    configure: (inout EvaluatorSettings) -> Void = { _ in }
  ) throws -> DKIMOutcome {
    let entry = key ?? "TXT: \"\(TestSigner.keyRecord)\""
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [\(entry.contains(":") ? "{\(entry)}" : entry)]",
      configure: configure)
    let header = signer.signed(.test(), body: body, tags: tags)
    let evaluation = evaluator.evaluate(header: header, body: received ?? body)
    return try #require(evaluation.dkim.first)
  }

  @Test func passesAndRecordsTheSignature() throws {
    let outcome = try outcome(tags: ["i": "news@sub.example.com"])
    #expect(outcome.result == .pass)
    #expect(outcome.cause == .verified)
    #expect(outcome.domain == "example.com")
    #expect(outcome.selector == "s1")
    #expect(outcome.algorithm == "ed25519-sha256")
    #expect(outcome.keyBits == 256)
    #expect(outcome.canonicalization == "simple/simple")
    #expect(outcome.identity == "news@sub.example.com")
    #expect(outcome.signatureStart?.utf8.count == 8)
    #expect(!outcome.isTestKey)
  }

  struct KeyCase: Sendable, CustomTestStringConvertible {
    var key: String
    var result: DKIMResult
    var cause: DKIMCause
    var testDescription: String { "\(cause): \(key)" }
  }

  static let keyParts = TestSigner.keyRecord.split(separator: "; p=")
  static let keyData = String(keyParts[1])

  @Test(arguments: [
    KeyCase(key: "A: 192.0.2.1", result: .permerror, cause: .noKey),
    KeyCase(key: "TIMEOUT", result: .temperror, cause: .dnsTimeout),
    KeyCase(key: "SERVFAIL", result: .temperror, cause: .dnsServfail),
    KeyCase(key: "REFUSED", result: .temperror, cause: .dnsServfail),
    KeyCase(key: "TXT: \"v=DKIM1; k=ed25519; p=\"", result: .permerror, cause: .keyRevoked),
    KeyCase(key: "TXT: \"v=DKIM1; k=ed25519\"", result: .permerror, cause: .keySyntax),
    KeyCase(
      key: "TXT: \"v=DKIM2; k=ed25519; p=\(keyData)\"", result: .permerror, cause: .keySyntax),
    KeyCase(
      key: "TXT: \"k=ed25519; v=DKIM1; p=\(keyData)\"", result: .permerror, cause: .keySyntax),
    KeyCase(
      key: "TXT: \"k=ed25519; p=\(keyData); p=\(keyData)\"", result: .permerror, cause: .keySyntax),
    KeyCase(key: "TXT: \"k=ed25519; p=AAAA\"", result: .permerror, cause: .keySyntax),
    KeyCase(key: "TXT: \"k=ed25519; p=!!!!\"", result: .permerror, cause: .keySyntax),
    KeyCase(key: "TXT: \"k=rsa; p=\(keyData)\"", result: .permerror, cause: .keyTypeMismatch),
    KeyCase(
      key: "TXT: \"k=ed25519; h=sha1; p=\(keyData)\"", result: .permerror,
      cause: .keyHashNotAllowed),
    KeyCase(
      key: "TXT: \"k=ed25519; h=sha1:sha256; p=\(keyData)\"", result: .pass, cause: .verified),
    KeyCase(
      key: "TXT: \"k=ed25519; s=tlsrpt; p=\(keyData)\"", result: .permerror,
      cause: .keyServiceNotAllowed),
    KeyCase(key: "TXT: \"k=ed25519; s=email; p=\(keyData)\"", result: .pass, cause: .verified),
    KeyCase(key: "TXT: \"k=ed25519; p=\(keyData);\"", result: .pass, cause: .verified),
    KeyCase(
      key: "TXT: \"k=ed25519; p=\(String(repeating: "A", count: 42))E=\"", result: .fail,
      cause: .signatureMismatch),
  ])
  func judgesTheKeyRecord(_ item: KeyCase) throws {
    let outcome = try outcome(key: item.key)
    #expect(outcome.result == item.result, "\(outcome.explanation)")
    #expect(outcome.cause == item.cause, "\(outcome.explanation)")
  }

  @Test func callsAMissingNameNoKey() throws {
    let evaluator = try Evaluator.test(zone: "other.example: [{A: 192.0.2.1}]")
    let evaluation = evaluator.evaluate(
      header: signer.signed(.test(), body: "Hello.\r\n"))
    #expect(evaluation.dkim.map(\.cause) == [.noKey])
    #expect(evaluation.dkim[0].explanation.contains("s1._domainkey.example.com"))
  }

  @Test func passesOverTextThatIsNoKey() throws {
    let outcome = try outcome(key: "TXT: \"\(TestSigner.keyRecord)\"}, {TXT: \"hello world\"")
    #expect(outcome.cause == .verified)
    let twice = try self.outcome(
      key: "TXT: \"\(TestSigner.keyRecord)\"}, {TXT: \"\(TestSigner.keyRecord)\"")
    #expect(twice.cause == .keySyntax)
  }

  @Test func marksTestKeysAndStrictIdentities() throws {
    let record = TestSigner.keyRecord
    #expect(try outcome(key: "TXT: \"\(record); t=y\"").isTestKey)
    let strict = try outcome(key: "TXT: \"\(record); t=s\"", tags: ["i": "a@sub.example.com"])
    #expect(strict.cause == .keyStrictIdentity)
    let exact = try outcome(key: "TXT: \"\(record); t=s\"", tags: ["i": "a@example.com"])
    #expect(exact.cause == .verified)
  }

  struct TagCase: Sendable, CustomTestStringConvertible {
    var tag: String
    var value: String?
    var result: DKIMResult
    var cause: DKIMCause
    var testDescription: String { "\(tag)=\(value ?? "absent") is \(cause)" }
  }

  @Test(arguments: [
    TagCase(tag: "v", value: "2", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "v", value: nil, result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "a", value: "rsa-sha1", result: .permerror, cause: .algorithmRefused),
    TagCase(tag: "a", value: "dsa-sha256", result: .permerror, cause: .algorithmUnknown),
    TagCase(tag: "c", value: "loose/simple", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "d", value: "exa mple..com", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "s", value: nil, result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "bh", value: "AAAA", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "h", value: "Subject:To", result: .permerror, cause: .fromNotSigned),
    TagCase(tag: "h", value: "From::To", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "i", value: "a@other.example", result: .permerror, cause: .identityOutsideDomain),
    TagCase(tag: "i", value: "a=@example.com", result: .permerror, cause: .signatureSyntax),
    TagCase(
      tag: "i", value: String(repeating: "a", count: 300) + "@example.com", result: .permerror,
      cause: .signatureSyntax),
    TagCase(tag: "q", value: "http", result: .permerror, cause: .queryMethodUnknown),
    TagCase(tag: "q", value: "http:dns/txt", result: .pass, cause: .verified),
    TagCase(tag: "t", value: "\(testTime + 299)", result: .pass, cause: .verified),
    TagCase(tag: "t", value: "\(testTime + 301)", result: .permerror, cause: .notYetValid),
    TagCase(tag: "t", value: "0", result: .pass, cause: .verified),
    TagCase(tag: "t", value: "yesterday", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "x", value: "\(testTime - 299)", result: .pass, cause: .verified),
    TagCase(tag: "x", value: "\(testTime - 301)", result: .permerror, cause: .expired),
    TagCase(tag: "x", value: "9999999999999999999999", result: .pass, cause: .verified),
    TagCase(tag: "unknown", value: "tag", result: .pass, cause: .verified),
    TagCase(tag: "D", value: "other.example", result: .permerror, cause: .signatureSyntax),
    TagCase(tag: "l", value: "18446744073709551614", result: .permerror, cause: .bodyLengthLimit),
  ])
  func judgesTheSignatureField(_ item: TagCase) throws {
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    let field = signer.sign(.test(), body: "Hello.\r\n", tags: [item.tag: item.value])
    let outcomes = evaluator.evaluate(header: [field] + .test()).dkim
    let outcome = try #require(outcomes.first)
    #expect(outcome.result == item.result, "\(outcome.explanation)")
    #expect(outcome.cause == item.cause, "\(outcome.explanation)")
  }

  /// A forger who can choose between fail and temperror chooses temperror, which no policy touches.
  @Test(arguments: [
    ["z": "\u{fc}"], ["i": "\"a@b\"@example.com"], ["i": "=40x@example.com"],
    ["h": String(repeating: "x:", count: 3000) + "From"], ["t": "0", "x": "1900000000"],
    ["x": "9999999999999999999999999"], ["l": "99999999999999999999999"],
  ])
  func whatOnlyTheLibraryRefusesIsNoTemporaryError(_ tags: [String: String]) throws {
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    var field = signer.sign(.test(), body: "Hello.\r\n")
    let text = String(decoding: field.value, as: UTF8.self)
    let list = text.split(separator: "; ").filter { part in
      !tags.keys.contains(String(part.prefix { $0 != "=" }).trimmingPrefix(" ").description)
    }
    field.value = Array(
      (list + tags.map { Substring("\($0.key)=\($0.value)") }).joined(separator: "; ").utf8)
    // A second signature with t=0 takes the library's allowance for clocks from all of them.
    let old = signer.sign(.test(), body: "Hello.\r\n", tags: ["t": "0"])
    for header in [[field], [field, old]] {
      let outcome = try #require(evaluator.evaluate(header: header + .test()).dkim.first)
      #expect(outcome.result != .temperror, "\(outcome.explanation)")
      #expect(outcome.cause != .internalError, "\(outcome.explanation)")
    }
  }

  @Test func comparesAnInternationalIdentityUnderStrictIdentity() throws {
    let field = HeaderField(
      "DKIM-Signature",
      " v=1; a=ed25519-sha256; d=b\u{fc}cher.example; s=s1; h=From; i=a@b\u{fc}cher.example; "
        + "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA")
    let evaluator = try Evaluator.test(
      zone: "s1._domainkey.xn--bcher-kva.example: [{TXT: \"\(TestSigner.keyRecord); t=s\"}]")
    let outcome = try #require(evaluator.evaluate(header: [field] + .test()).dkim.first)
    #expect(outcome.domain == "xn--bcher-kva.example")
    #expect(outcome.cause != .keyStrictIdentity)
  }

  @Test func textsOfAHostileSignatureStayShort() throws {
    let long = String(repeating: "a", count: 100_000)
    let evaluator = try Evaluator.test(zone: "example.com: [{A: 192.0.2.1}]")
    for value in [
      " v=1; a=\(long); b=e\u{301}\(String(repeating: "\u{301}", count: 50_000)); d=example.com",
      " \(long)=\u{1}", " \(long)=1; \(long)=1", " \(long)",
    ] {
      let field = HeaderField("DKIM-Signature", value)
      let evaluation = evaluator.evaluate(header: [field] + .test())
      let outcome = try #require(evaluation.dkim.first)
      #expect(outcome.explanation.utf8.count < 300)
      #expect(outcome.algorithm.utf8.count < 50)
      #expect((outcome.signatureStart ?? "").utf8.count < 50)
      let verdict = Verdict(evaluation, envelope: .test(), authservID: "mx.receiver.example")
      #expect(verdict.authenticationResults.utf8.count < 1000)
    }
  }

  @Test func expiryBeforeSigningIsASyntaxError() throws {
    #expect(
      try outcome(tags: ["t": "\(testTime)", "x": "\(testTime - 1)"]).cause == .signatureSyntax)
  }

  @Test func refusesADuplicateTag() throws {
    var field = signer.sign(.test(), body: "Hello.\r\n")
    field.value += Array("; d=example.com".utf8)
    let evaluator = try Evaluator.test(zone: "example.com: [{A: 192.0.2.1}]")
    let outcome = try #require(evaluator.evaluate(header: [field] + .test()).dkim.first)
    #expect(outcome.cause == .signatureSyntax)
    #expect(outcome.explanation.contains("d= stands twice"))
  }

  @Test func tellsBodyFromHeader() throws {
    let body = try outcome(received: "Hello, world.\r\n")
    #expect(body.result == .fail)
    #expect(body.cause == .bodyHashMismatch)

    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    var header = signer.signed(.test(), body: "Hello.\r\n")
    header[3] = HeaderField("Subject", " [list] Lunch")
    let changed = try #require(evaluator.evaluate(header: header).dkim.first)
    #expect(changed.result == .fail)
    #expect(changed.cause == .signatureMismatch)
  }

  @Test func countsAPartlySignedBodyAsConfigured() throws {
    let tags: KeyValuePairs<String, String?> = ["l": "8"]
    let whole = try outcome(tags: tags)
    #expect(whole.result == .pass)
    let appended = "Hello.\r\nBuy now.\r\n"
    let refused = try outcome(received: appended, tags: tags)
    #expect(refused.result == .policy)
    #expect(refused.cause == .bodyLengthLimit)
    #expect(refused.bodyLength == 8)
    let accepted = try outcome(received: appended, tags: tags) { $0.dkim.partialBody = .pass }
    #expect(accepted.result == .pass)
    #expect(accepted.explanation.contains("10 of 18 octets of the body are not signed"))
    let tooLong = try outcome(body: "Hello.\r\n", tags: ["l": "9"])
    #expect(tooLong.result == .permerror)
    #expect(tooLong.cause == .bodyLengthLimit)
  }

  @Test func evaluatesTenSignaturesAndRecordsTheRest() throws {
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    let field = signer.sign(.test(), body: "Hello.\r\n")
    let header = Array(repeating: field, count: 300) + .test()
    let outcomes = evaluator.evaluate(header: header).dkim
    #expect(outcomes.count == 300)
    #expect(outcomes.prefix(10).allSatisfy { $0.result == .pass })
    #expect(outcomes.dropFirst(10).allSatisfy { $0.cause == .notEvaluated })
    #expect(outcomes[299].domain == "example.com")
  }

  @Test func survivesASignatureOverEveryFieldAndOneMore() throws {
    // With h= naming each field and one that is absent, libopendkim 2.11 writes past its array.
    for extra in 0..<8 {
      var header: [HeaderField] = .test()
      for number in 0..<extra { header.append(HeaderField("X-Extra-\(number)", " x")) }
      let names = header.map { String(decoding: $0.name, as: UTF8.self) }
      let evaluator = try Evaluator.test(
        zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
      for (added, result) in [
        (["Absent"], DKIMResult.pass), (["DKIM-Signature", "Absent"], .neutral),
      ] {
        // The second kind is no pass because libopendkim counts the signature among the fields it
        // covers; what matters here is that it ends at all.
        let field = signer.sign(
          header, body: "Hello.\r\n", tags: ["h": (names + added).joined(separator: ":")])
        let outcome = try #require(evaluator.evaluate(header: [field] + header).dkim.first)
        #expect(outcome.result == result, "\(extra) extra fields: \(outcome.explanation)")
      }
    }
  }

  @Test func aNULInASignedFieldIsNoPass() throws {
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    var header = signer.signed(.test(), body: "Hello.\r\n")
    header[3].value += [0] + Array(" and more".utf8)
    let outcome = try #require(evaluator.evaluate(header: header).dkim.first)
    #expect(outcome.result == .fail)
  }

  @Test(arguments: ["", "\r\n", "\r\n\r\n", "no line end", "Hello.\r\n\r\n\r\n"])
  func acceptsBodiesOfEveryEnding(_ body: String) throws {
    #expect(try outcome(body: body).result == .pass)
  }

  @Test func bodiesMayComeInAnyPieces() throws {
    let evaluator = try Evaluator.test(
      zone: "\(signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]")
    let body = "Hello.\r\nSecond line\r\n\r\nlast line"
    let header = signer.signed(.test(), body: body)
    let evaluation = evaluator.begin(.test(), now: testTime)
    header.forEach(evaluation.addHeader)
    evaluation.endHeaders()
    for octet in body.utf8 {
      unsafe [octet].withUnsafeBytes { unsafe evaluation.addBody($0) }
    }
    #expect(evaluation.finish().dkim.map(\.result) == [.pass])
  }

  @Test func anUnsignedMessageHasNoOutcome() throws {
    let evaluator = try Evaluator.test(zone: "example.com: [{A: 192.0.2.1}]")
    #expect(evaluator.evaluate(header: .test()).dkim.isEmpty)
  }
}
