import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// What a failure report shows of a message (RFC 6590, RFC 9991 section 7).
@Suite struct RedactionTests {
  private func redactor(keepsSubject: Bool = false) throws -> HeaderRedactor {
    HeaderRedactor(redactor: try FailureScene.redactor(), keepsSubject: keepsSubject)
  }

  private func shown(
    _ name: String, _ value: String, keepsSubject: Bool = false
  ) throws -> String {
    try redactor(keepsSubject: keepsSubject).text([HeaderField(name, value)])
  }

  private func word(_ text: String) throws -> String {
    try FailureScene.redactor().word(Array(text.utf8))
  }

  // MARK: - The key

  @Test func makesItsKeyOnceAndForItselfAlone() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("redaction.key")
    let first = try RedactionKey(path: path)
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    #expect(try RedactionKey(path: path) == first)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path).count == 1)
    #expect(try RedactionKey(path: directory.path("other.key")) != first)
  }

  @Test func refusesAKeyThatOthersCanReadOrThatIsNone() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(String(repeating: "ab", count: 32) + "\n", to: "key")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    let error = try #require(throws: RedactionKeyError.self) { try RedactionKey(path: path) }
    #expect("\(error)".contains("0640"))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    _ = try RedactionKey(path: path)
    let short = try directory.write("abc\n", to: "short")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: short)
    #expect(throws: RedactionKeyError.self) { try RedactionKey(path: short) }
    #expect(throws: RedactionKeyError.self) {
      try RedactionKey(path: directory.path("none/key"))
    }
  }

  // MARK: - Fields

  @Test func sameLocalPartSameWordEverywhere() throws {
    let ann = try word("ann")
    #expect(ann.utf8.count == 20)
    #expect(try shown("From", " Ann Smith <ann@example.com>") == "From: <\(ann)@example.com>\r\n")
    #expect(try shown("To", " (Ann) ann@OTHER.example") == "To: <\(ann)@other.example>\r\n")
    #expect(try shown("Message-ID", " <ann@example.com>") == "Message-ID: <\(ann)@example.com>\r\n")
    #expect(try FailureScene.redactor().path(Array("ann@example.com".utf8)) == "\(ann)@example.com")
    #expect(try word("bob") != ann)
  }

  @Test(arguments: [
    ("Date", " Fri, 20 Nov 2026 23:43:31 +0000 (UTC)", "Fri, 20 Nov 2026 23:43:31 +0000"),
    ("Date", " tomorrow, ann@example.com", nil),
    ("MIME-Version", " 1.0", "1.0"), ("MIME-Version", " 1.0 (ann@example.com)", nil),
    ("Content-Type", " text/plain; name=\"ann@example.com\"", "text/plain"),
    ("List-Id", " Ann's list <list.example.org>", "<list.example.org>"),
    ("X-Mailer", " Mailer 1.0 (Linux)", "Mailer 1.0 (Linux)"),
    ("X-Mailer", " ann@example.com", nil),
    ("X-Anything", " ann", "[redacted]"), ("List-Unsubscribe", " <mailto:ann@x>", "[redacted]"),
    ("Authentication-Results", " mx; spf=pass smtp.mailfrom=ann@example.com", nil),
    ("References", " <ann@example.com>", nil), ("From", " ann@", nil),
    ("X-ann@example.com", " x", nil),
  ])
  func showsOnlyWhatItUnderstands(name: String, value: String, expected: String?) throws {
    #expect(try shown(name, value) == expected.map { "\(name): \($0)\r\n" } ?? "")
  }

  @Test func receivedKeepsHostsAndRedactsTheRecipient() throws {
    let field = try shown(
      "Received",
      " from mail.example.com (ann.home [192.0.2.1])\r\n\tby mx.example.net (Postfix, for ann)"
        + " with ESMTPS id 4C1\r\n\tfor <\"ann b\"@example.net>; Fri, 20 Nov 2026 23:43:31 +0000")
    #expect(
      field == """
        Received: from mail.example.com ([192.0.2.1])\r
        \tby mx.example.net\r
        \twith ESMTPS\r
        \tid 4C1\r
        \tfor <\(try word("ann b"))@example.net>;\r
        \tFri, 20 Nov 2026 23:43:31 +0000\r

        """)
  }

  @Test func signaturesKeepTheirTagsButNotCopiedFields() throws {
    let field = try shown(
      "DKIM-Signature",
      " v=1; a=rsa-sha256; c=relaxed/simple; d=example.com; s=s1; i=ann@example.com;\r\n"
        + "\tz=From:ann@example.com; h=From:To; bh=YWJj; b=YWJj\r\n ZGVm")
    #expect(
      field == """
        DKIM-Signature: v=1;\r
        \ta=rsa-sha256;\r
        \tc=relaxed/simple;\r
        \td=example.com;\r
        \ts=s1;\r
        \ti=\(try word("ann"))@example.com;\r
        \th=From:To;\r
        \tbh=YWJj;\r
        \tb=YWJjZGVm\r

        """)
  }

  @Test func aSubjectThatIsKeptHasNoAddressesAndNoLinks() throws {
    #expect(
      try shown("Subject", " Re: ann@example.com, see http://x.example", keepsSubject: true)
        == "Subject: Re: \(try word("ann"))@example.com see hxxp://x.example\r\n")
    let encoded = try shown("Subject", " =?utf-8?q?ann=40example.com?=", keepsSubject: true)
    #expect(encoded.hasPrefix("Subject: [redacted "))
  }

  @Test func hugeHeadersBecomeSmallOnesWithFromStillInThem() throws {
    var header = (0..<2_000).map { HeaderField("X-Filler-\($0)", " x") }
    header += (0..<500).map { _ in
      HeaderField(
        "Received",
        " from \(String(repeating: "a", count: 60)).example by b.example;"
          + " Fri, 20 Nov 2026 23:43:31 +0000")
    }
    header += .test()
    let text = try redactor().text(header)
    #expect(text.utf8.count <= 16_000)
    #expect(text.contains("\r\nFrom: <"))
  }

  // MARK: - Properties

  /// Addresses in every place where senders put them, their local parts in capitals and digits
  /// that occur nowhere else.
  @Test func noLocalPartAppearsInTheOutput() throws {
    var random = SeededGenerator(seed: 20_261_120)
    let forms: [(String) -> String] = [
      { "\($0)@example.com" }, { "<\($0)@example.com>" }, { "\"\($0)\" <\($0)@example.com>" },
      { "(\($0)) \($0)@example.com" }, { "\"\($0) x\"@example.com" },
      { "from \($0) (\($0)@h [192.0.2.1]) by b.example for <\($0)@b.example>; \($0)" },
      { "from x.example (\($0)) by b.example id \($0)@y; Fri, 20 Nov 2026 23:43:31 +0000" },
      { "v=1; d=example.com; i=\($0)@example.com; z=From:\($0)@example.com" },
      { "mx; spf=pass smtp.mailfrom=\($0)@example.com" }, { "<mailto:\($0)@example.com>" },
      { "see \($0)@example.com!" }, { "\($0)@example.com \($0)@\($0)@x" },
      { "=?utf-8?q?\($0)=40example.com?=" }, { "<\($0)@[192.0.2.1]>" },
      { "g: \($0)@a.example, \($0)@b.example;" }, { "<@route.example:\($0)@example.com>" },
      { "\($0)@\u{FC}.example" }, { "\($0)@" }, { "<\($0)" }, { "\\\"\($0)@example.com" },
    ]
    let names = [
      "From", "To", "Cc", "Reply-To", "Sender", "Return-Path", "Received", "Message-ID",
      "In-Reply-To", "References", "DKIM-Signature", "ARC-Seal", "Authentication-Results",
      "Received-SPF", "Subject", "List-Id", "List-Post", "List-Unsubscribe", "Date", "X-Mailer",
      "X-Original-To", "Delivered-To", "Resent-From", "Content-Type", "MIME-Version", "Precedence",
      "X-Forwarded-For", "Bcc", "Comments", "User-Agent", "Auto-Submitted",
    ]
    for round in 0..<400 {
      let secret = "QZX\(1_000_000 + round)KJW"
      let header = (0..<40).map { _ -> HeaderField in
        let name = names.randomElement(using: &random) ?? "From"
        let form = forms.randomElement(using: &random) ?? forms[0]
        let fold = Bool.random(using: &random) ? "\r\n\t" : " "
        return HeaderField(name, fold + form(secret))
      }
      // A subject that is kept may hold names; those without an "@" are its owner's business.
      let keeps = round % 2 == 0 && !header.contains { $0.isNamed("Subject") }
      let text = try redactor(keepsSubject: keeps).text(header)
      for line in text.split(separator: "\r\n") {
        #expect(!line.uppercased().contains(secret), "\(line)")
        #expect(line.utf8.count <= 998)
      }
      #expect(text.utf8.allSatisfy { $0 < 0x80 })
    }
  }

  @Test func octetsThatAreNoTextBetrayNothingAndBreakNothing() throws {
    var random = SeededGenerator(seed: 7)
    let pieces = Array("@<>()[]\";,:=\\\r\n\t .".utf8) + [0, 0xFF, 0xC3] + Array("aZ9".utf8)
    for name in ["From", "Received", "DKIM-Signature", "Subject", "Message-ID", "List-Id", "Date"] {
      for _ in 0..<300 {
        let value = (0..<Int.random(in: 0...60, using: &random)).map { _ in
          pieces.randomElement(using: &random) ?? 0x20
        }
        let field = HeaderField(name: Array(name.utf8), value: value)
        let text = try redactor(keepsSubject: true).text([field])
        #expect(text.isEmpty || text.hasSuffix("\r\n"))
        // Every line is the field's first or a continuation with something on it.
        for line in text.split(separator: "\r\n", omittingEmptySubsequences: false).dropLast() {
          #expect(line.hasPrefix("\(name): ") || (line.hasPrefix("\t") && line.count > 1))
        }
      }
    }
  }
}

/// SplitMix64: the same numbers in every run.
private struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
