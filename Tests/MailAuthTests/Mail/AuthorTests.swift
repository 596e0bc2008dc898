import TestSupport
import Testing

@testable import MailAuth

/// The Author Domain out of From fields of every kind.
@Suite struct AuthorTests {
  @Test(arguments: [
    ("ann@example.com", "example.com"),
    (" Ann <ann@example.com>", "example.com"),
    ("<ann@EXAMPLE.Com>", "example.com"),
    ("\"Ann, B.\" <ann@example.com>", "example.com"),
    ("\"a@evil.example\" <ann@example.com>", "example.com"),
    ("a@evil.example <ann@example.com>", "example.com"),
    ("Ann (the (nested) boss) <ann(x)@(y)example.com(z)>", "example.com"),
    ("(comment \\) still) ann@example.com", "example.com"),
    ("=?UTF-8?Q?=40evil=2Eexample?= <ann@example.com>", "example.com"),
    ("\"<ann@evil.example>\" <ann@example.com>", "example.com"),
    ("\"a\\\"b@evil.example\"@example.com", "example.com"),
    ("ann . b @ example . com", "example.com"),
    ("Ann\r\n <ann@example.com>", "example.com"),
    ("<@route.example,@r2.example:ann@example.com>", "example.com"),
    ("ann@example.com, bob@Example.com,", "example.com"),
    ("Team: ann@example.com, bob@example.com;", "example.com"),
    ("ann@b\u{fc}cher.example", "xn--bcher-kva.example"),
    ("J\u{f6}rg <j\u{f6}rg@example.com>", "example.com"),
    (",, ann@example.com", "example.com"),
    ("ann_x@sub_domain.example.com", "sub_domain.example.com"),
  ])
  func findsTheDomain(_ value: String, _ domain: String) throws {
    let name = try #require(DomainName(domain))
    #expect(Author(fromValue: Array(value.utf8)) == .domain(name))
  }

  @Test(arguments: [
    "", "   ", "()", "Undisclosed recipients:;", "ann", "ann@", "@example.com", "<>", "<ann>",
    "ann@[192.0.2.1]", "ann@example..com", "ann@-exa mple.com x", "ann@example.com bob",
    "Ann <ann@example.com", "Ann <ann@example.com> <b@c.example>", "\"Ann <ann@example.com>",
    "(ann@example.com", "Team: ann@example.com", "ann@exam\u{0}ple.com", "a@b@c.example",
    "ann@example.com;", "[ann@example.com]", "<ann@example.com.>",
  ])
  func refusesWhatIsNoAddress(_ value: String) {
    guard case .missing(.invalidFrom, let sentence) = Author(fromValue: Array(value.utf8)) else {
      Issue.record("\(value) gave \(Author(fromValue: Array(value.utf8)))")
      return
    }
    #expect(sentence.hasSuffix("."))
  }

  @Test func octetsThatAreNotUTF8AreNoDomain() {
    let value = Array("ann@ex".utf8) + [0xFF, 0xFE] + Array("mple.com".utf8)
    guard case .missing(.invalidFrom, _) = Author(fromValue: value) else {
      Issue.record("accepted")
      return
    }
  }

  @Test func severalDomainsAreKeptOnceEach() throws {
    let value = "a@one.example, b@two.example, c@ONE.example"
    let one = try #require(DomainName("one.example"))
    let two = try #require(DomainName("two.example"))
    #expect(Author(fromValue: Array(value.utf8)) == .domains([one, two]))
  }

  @Test(.timeLimit(.minutes(1))) func manyDomainsTakeNoLongerThanManyAddresses() throws {
    // Every pair compared would be five thousand million comparisons.
    let value = (0..<100_000).map { "a@x\($0).example" }.joined(separator: ",")
    guard case .domains(let domains) = Author(fromValue: Array(value.utf8)) else {
      Issue.record("not read")
      return
    }
    #expect(domains.count == 100_000)
  }

  @Test func countsFromFields() {
    #expect(Author(header: []) == .missing(.noFrom, "The message has no From field."))
    let twice = [HeaderField("From", " a@example.com"), HeaderField("FROM", " a@example.com")]
    guard case .missing(.multipleFromFields, _) = Author(header: twice) else {
      Issue.record("accepted two From fields")
      return
    }
  }

  @Test func deeplyNestedCommentsCostNoStack() {
    let value = String(repeating: "(", count: 100_000) + "a@example.com"
    guard case .missing(.invalidFrom, _) = Author(fromValue: Array(value.utf8)) else {
      Issue.record("accepted")
      return
    }
  }
}
