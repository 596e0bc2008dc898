import MailAuth
import Testing

private let label63 = String(repeating: "a", count: 63)

/// A name of 253 octets, the most that a name can have.
private let longest = [label63, label63, label63, String(repeating: "b", count: 61)]
  .joined(separator: ".")

/// Domain names: what is one, and how names lie above each other.
@Suite struct DomainNameTests {
  @Test(arguments: [
    ("example.com", "example.com"), ("Example.COM.", "example.com"), ("com", "com"),
    ("_dmarc.a-b.example", "_dmarc.a-b.example"), ("7.example", "7.example"),
    ("\(label63).example", "\(label63).example"), (longest, longest), ("\(longest).", longest),
    ("b\u{fc}cher.example", "xn--bcher-kva.example"),
  ])
  func takesNames(_ text: String, _ name: String) {
    #expect(DomainName(text)?.text == name)
  }

  @Test(arguments: [
    "", ".", "..", ".example", "a..example", "example..", "a b.example", "a@b.example",
    "[192.0.2.1]",
    "a\0.example", "a/b.example", "a\(label63)", "a.\(longest)", "\(longest)b",
  ])
  func refusesWhatIsNoName(_ text: String) {
    #expect(DomainName(text) == nil)
  }

  @Test(arguments: [
    (1, "d"), (0, "d"), (2, "c.d"), (3, "b.c.d"), (4, "a.b.c.d"), (9, "a.b.c.d"),
  ])
  func isCutFromTheRight(_ count: Int, _ suffix: String) throws {
    let name = try #require(DomainName("a.b.c.d"))
    #expect(name.suffix(labels: count).text == suffix)
    #expect(name.labels == ["a", "b", "c", "d"])
  }

  @Test func losesItsLabelsFromTheLeft() {
    #expect(DomainName("a.b.c")?.parent?.text == "b.c")
    #expect(DomainName("c")?.parent == nil)
  }

  @Test(arguments: [
    ("example.com", "example.com", true), ("a.example.com", "example.com", true),
    ("b.a.example.com", "example.com", true), ("example.com", "a.example.com", false),
    ("anexample.com", "example.com", false), ("a.example.com", "ample.com", false),
    ("a.example.org", "example.com", false), ("com", "example.com", false), ("a.com", "com", true),
    ("xcom", "com", false),
  ])
  func liesBelowOtherNames(_ name: String, _ other: String, _ isBelow: Bool) throws {
    let other = try #require(DomainName(other))
    #expect(try #require(DomainName(name)).isEqualOrBelow(other) == isBelow)
  }
}

/// Names that the DNS can be asked for; they need not be host names.
@Suite struct DNSQuestionTests {
  @Test(arguments: [
    ("example.com", true), ("Example.COM.", true), ("com", true), ("a b@c.example", true),
    ("\(label63).example", true), (longest, true), ("", false), (".", false), ("..", false),
    (".example", false), ("a..example", false), ("example..", false),
    ("a\(label63).example", false), ("example.a\(label63)", false), ("\(longest)b", false),
    ("a.\(longest)", false),
  ])
  func haveLabelsOfOneTo63Octets(_ name: String, _ isValid: Bool) {
    let question = DNSQuestion(name, .txt)
    #expect(question.isValidName == isValid)
    #expect(!question.name.utf8.contains { (0x41...0x5A).contains($0) })
  }
}
