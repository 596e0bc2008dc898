import MailAuth
import TestSupport
import Testing

/// What is written on messages: one field each, whatever it is made of.
@Suite struct AddedFieldTests {
  private static func lines(_ field: AddedField) -> [String] {
    "\(field.name):\(field.foldedValue)".split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
  }

  private static func unfolded(_ field: AddedField) -> String {
    field.foldedValue.replacing("\n\t", with: " ").replacing("\n ", with: " ")
  }

  /// What holds for every field.
  private static func check(_ field: AddedField, line: Int = 998) {
    #expect(field.foldedValue.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 9 || $0 == 10 })
    let lines = lines(field)
    #expect(lines.allSatisfy { $0.utf8.count <= line })
    // No line without content: it would end the header for some readers.
    #expect(lines.allSatisfy { $0.contains { $0 != " " && $0 != "\t" } })
    #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("\t") || $0.hasPrefix(" ") })
  }

  @Test func foldsBetweenEntriesAndWords() {
    let field = AddedField(
      name: "Authentication-Results",
      value: "mx.receiver.example; spf=pass (a b) smtp.mailfrom=example.com; dkim=pass "
        + "(aligned) header.d=a-rather-long-name.example.com header.s=selector1 header.b=AbCdEfGh",
      layout: .entries)
    #expect(
      Self.lines(field) == [
        "Authentication-Results: mx.receiver.example;",
        "\tspf=pass (a b) smtp.mailfrom=example.com;",
        "\tdkim=pass (aligned) header.d=a-rather-long-name.example.com",
        "\theader.s=selector1 header.b=AbCdEfGh",
      ])
    #expect(Self.unfolded(field) == " " + field.value)
  }

  @Test(arguments: [
    "", "a", "a; b; c", "\"a quoted string; with blanks\"", "a\r\nBcc: b", "a\u{0}b\u{E9}",
    String(repeating: "x", count: 3000), String(repeating: "x y", count: 3000),
    "\"" + String(repeating: "x y", count: 3000) + "\"", "\"" + String(repeating: "x", count: 3000),
    "(" + String(repeating: "x y", count: 100) + "; )", "\\", "\"\\", "a;",
  ])
  func keepsEveryLineWithinLimits(_ value: String) {
    for layout in [AddedField.Layout.entries, .filled] where !value.isEmpty {
      Self.check(AddedField(name: "X-Test", value: value, layout: layout))
    }
    let field = AddedField(name: "X-Test", value: value)
    if value.utf8.count < 900 { #expect(Self.unfolded(field) == " " + field.value) }
  }

  /// Text that a sender may choose, in every place where it ends up.
  static let hostile = [
    "x; dmarc=pass", "x\r\nX-Evil: yes", "\"; dkim=pass header.d=\"", "a\\\"b", "(", ")", "((\\",
    "\u{0}\u{1}\u{7F}", "b\u{FC}cher", String(repeating: "long", count: 600),
    String(repeating: "a b ", count: 600), "", " ", "=", "x=y; z", "@", ",", ";",
  ]

  @Test(arguments: hostile)
  func noSenderWritesAFieldOfItsOwn(_ text: String) {
    let evaluation = Evaluation(
      authorDomain: domain("example.com"),
      mailFromSPF: SPFOutcome(
        identity: .mailFrom, domain: text, result: .permerror, cause: .recordSyntax, term: text,
        explanation: text, senderExplanation: text),
      heloSPF: SPFOutcome(
        identity: .helo, domain: text, result: .fail, cause: .matched, term: text,
        explanation: text),
      dkim: [
        DKIMOutcome(
          domain: text, selector: text, algorithm: text, signatureStart: text, result: .fail,
          cause: .bodyHashMismatch, explanation: text)
      ], dmarc: .test(.fail, .noIdentifier), dns: [])
    for mailFrom in ["", text, "\(text)@\(text)"] {
      let verdict = Verdict(
        evaluation, envelope: .test(helo: text, mailFrom: mailFrom),
        settings: VerdictSettings(authservID: "mx.receiver.example", writesReceivedSPF: true))
      #expect(verdict.addedFields.map(\.name) == ["Authentication-Results", "Received-SPF"])
      // Long lines only where one value is long.
      for field in verdict.addedFields { Self.check(field, line: 320) }
      let results = verdict.authenticationResults
      #expect(results.split(separator: ";").count == (mailFrom.isEmpty ? 5 : 6))
      let spf = mailFrom.isEmpty ? "spf" : "spf spf"
      #expect(Self.methods(results) == spf + " dkim arc dmarc")
      #expect(verdict.addedFields.allSatisfy { $0.value.utf8.count { $0 == 0x22 } % 2 == 0 })
    }
  }

  private static func methods(_ results: String) -> String {
    results.split(separator: "; ").dropFirst().map { $0.prefix { $0 != "=" } }
      .joined(separator: " ")
  }

  @Test func thousandsOfSignaturesMakeNoEndlessField() {
    let signatures = (1...3000).map {
      DKIMOutcome.test(
        .neutral, $0 <= 50 ? .verified : .notEvaluated, selector: "s\($0)")
    }
    let evaluation = Evaluation(
      authorDomain: domain("example.com"), mailFromSPF: .test(.pass), heloSPF: .test(.pass),
      dkim: signatures, dmarc: .test(.pass, spfAligned: true), dns: [])
    let verdict = Verdict(evaluation, envelope: .test(), authservID: "mx.receiver.example")
    #expect(verdict.authenticationResults.utf8.count < 10_000)
    #expect(Self.methods(verdict.authenticationResults).split(separator: " ").count == 54)
  }
}
