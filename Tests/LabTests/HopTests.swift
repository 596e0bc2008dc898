import MailAuth
import Testing

@testable import Lab

/// What hops make of a letter.
@Suite struct HopTests {
  private static func letter(_ body: String = "Hello.\n") -> Letter {
    Letter(
      ScenarioMail(
        from: "ann@example.com", to: ["users@lists.example.net"],
        message: "From: \"Ann\" <ann@example.com>\nSubject: Plans\n\n" + body))
  }

  private static func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

  @Test(arguments: [
    ("ann@example.com", "SRS0="), ("SRS0=AAAA=BB=example.com=ann@first.example", "SRS1="),
    ("SRS1=AAAA=first.example==BBBB=CC=example.com=ann@second.example", "SRS1="),
  ])
  func rewritesSenders(_ path: String, _ prefix: String) {
    let new = SenderRewriting.rewrite(path, domain: "fwd.example", now: Scenario.start)
    #expect(new.hasPrefix(prefix) && new.hasSuffix("@fwd.example"))
    #expect(new.contains("=example.com=ann@"))
    #expect(new.split(separator: "@").count == 2)
  }

  @Test func leavesTheNullReversePathAlone() {
    #expect(SenderRewriting.rewrite("", domain: "fwd.example", now: 0) == "")
  }

  @Test(arguments: [
    (Hop.List.From.keep, "\"Ann\" <ann@example.com>"),
    (.munge, "\"Ann via users\" <users@lists.example.net>"),
    (.invalid, "\"Ann\" <ann@example.com.invalid>"),
  ])
  func listsTreatFrom(_ treatment: Hop.List.From, _ from: String) {
    var letter = Self.letter()
    _ = letter.distribute(
      Hop.List(
        identifier: "users.lists.example.net", address: nil, to: ["bob@receiver.example"],
        subjectTag: "[users]", footer: "-- \nbye", envelopeFrom: nil, from: treatment),
      host: "lists.example.net")
    #expect(letter.value(of: "From") == from)
    #expect(letter.value(of: "Subject") == "[users] Plans")
    #expect(letter.value(of: "List-Id") == "<users.lists.example.net>")
    #expect(letter.mailFrom == "users-bounces@lists.example.net")
    #expect(Self.text(letter.body) == "Hello.\r\n-- \r\nbye\r\n")
  }

  @Test(arguments: [
    ("a=b\r\n", "a=3Db\r\n"), ("gr\u{FC}n \r\n", "gr=C3=BCn=20\r\n"), ("", ""),
    (String(repeating: "x", count: 80), String(repeating: "x", count: 75) + "=\r\nxxxxx"),
  ])
  func encodesQuotedPrintable(_ text: String, _ wanted: String) {
    #expect(Self.text(BodyChanges.quotedPrintable(Array(text.utf8))) == wanted)
  }

  @Test func rewritesLinks() {
    let body = BodyChanges.rewritingLinks(
      in: Array("See <https://a.example/?x=1&y=2>, or http://b.example.".utf8),
      prefix: "https://s/?u=")
    #expect(
      Self.text(body)
        == "See <https://s/?u=https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D2>, or "
        + "https://s/?u=http%3A%2F%2Fb.example.")
  }

  @Test(arguments: [
    (Scenario.start, "Fri, 20 Nov 2026 12:00:00 +0000"), (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
    (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 +0000"),
  ])
  func writesTimes(_ seconds: Int64, _ text: String) {
    #expect(LabClock.text(seconds) == text)
  }

  @Test func hidesSignatures() {
    let header = [
      HeaderField("DKIM-Signature", " v=1; bh=abc; b=Xy\r\n\tz; d=a.example"),
      HeaderField(
        "Authentication-Results",
        " mx; dkim=pass header.d=a header.b=Xyz12345; spf=none header.b=A"),
    ]
    #expect(
      KeyMaterial.text(of: header)
        == "DKIM-Signature: v=1; bh=abc; b=...; d=a.example\n"
        + "Authentication-Results: mx;\n\tdkim=pass header.d=a;\n\tspf=none\n")
  }
}
