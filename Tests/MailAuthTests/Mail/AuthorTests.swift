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
    // obs-local-part, quoted strings and quoted pairs.
    ("\"ann\".\"b c\".d@example.com", "example.com"),
    ("\"ann\" . b (x) . \"c\" @ example.com", "example.com"),
    ("\"\"@example.com", "example.com"),
    ("\"a\\@evil.example\\\\\"@example.com", "example.com"),
    ("\"a\r\n b\" <ann@example.com>", "example.com"),
    ("\"\\\"<ann@evil.example>\\\"\" <ann@example.com>", "example.com"),
    // Dots where the grammar has none: the domain is as clear as ever.
    ("ann.@example.com", "example.com"),
    (".ann@example.com", "example.com"),
    ("a..b@example.com", "example.com"),
    ("ann@example.com.", "example.com"),
    ("Team: Ann <ann@example.com . (x)>, bob@example.com.;", "example.com"),
    // obs-domain: comments and folds around the dots.
    ("ann@example(a).(b(c))com", "example.com"),
    ("ann@\r\n\texample\r\n .com", "example.com"),
    ("(a)ann(b)@(c)example(d).(e)com(f)", "example.com"),
    // Comments: nested, with quoted pairs, with what elsewhere would be addresses.
    ("(((ann@evil.example)))<ann@example.com>", "example.com"),
    ("(\\(ann@evil.example,) ann@example.com", "example.com"),
    ("ann@example.com (bob@evil.example)", "example.com"),
    ("Ann (a) (b)\r\n (c) <(d) ann (e) @ (f) example.com (g)> (h)", "example.com"),
    ("(\") <ann@example.com> (\")", "example.com"),
    // Encoded words name nobody, and split nothing.
    ("=?utf-8?b?YW5uQGV2aWwuZXhhbXBsZSwg?= <ann@example.com>", "example.com"),
    (
      "=?utf-8?q?=22ann=40evil.example=22_=3Cann=40evil.example=3E?= <ann@example.com>",
      "example.com"
    ),
    ("=?utf-8?q?ann=40evil.example?=@example.com", "example.com"),
    // 8-bit, in names and in the local part.
    ("\u{3010}Ann\u{3011} <ann@example.com>", "example.com"),
    ("\u{FF20}evil.example <ann@example.com>", "example.com"),
    ("\"\u{202E}moc.elpmaxe@nna\" <ann@example.com>", "example.com"),
    // What IDNA maps is mapped: dots, width, case, and what cannot be seen.
    ("ann@example\u{3002}com", "example.com"),
    ("ann@\u{FF45}xample.com", "example.com"),
    ("ann@ex\u{AD}ample.com", "example.com"),
    ("ann@B\u{DC}CHER.example", "xn--bcher-kva.example"),
    ("ann@fa\u{DF}.example", "xn--fa-hia.example"),
    // Groups and lists.
    ("Team:;, ann@example.com", "example.com"),
    ("\"A: b\": ann@example.com,, Bob <bob@example.com>,;", "example.com"),
    ("A: ann@example.com;, B: bob@example.com;,", "example.com"),
    ("(x) Team (y) : (z) ann@example.com (z) ; (z)", "example.com"),
    // Routes.
    ("<@a.example , , @b.example : ann@example.com>", "example.com"),
    ("Ann <@[192.0.2.1]:ann@example.com>", "example.com"),
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
    "ann@example.com;", "[ann@example.com]", "<ann@example.com..>",
    "ann@example.com.@b.example", "ann@.",
    "a b@example.com", "\"a\"b@example.com", "a\"b\"@example.com", ".@example.com",
    "ann@.example.com", "ann@\"example.com\"", "ann@example.com\\", "ann\\@b@example.com",
    "\"ann@example.com\"", "\"ann\\\"@example.com", "(ann@example.com\\)",
    "((a)ann@example.com", "ann@example.com)", "ann@=?utf-8?q?example.com?=",
    "=?utf-8?q?ann=40example.com?=", "ann\u{FF20}example.com", "ann@exa\u{2044}mple.com",
    "Team: ann@example.com, Other: bob@example.com;;", "Team: A: ann@example.com;;",
    "Team: ann@example.com; bob@example.com", "Team ann@example.com;", ": ann@example.com;",
    "<@a.example ann@example.com>", "<@a.example:>", "<<ann@example.com>>",
    "<ann@example.com", "ann@example.com>", "<ann@example.com>, <bob@evil.example",
    "ann@example.com bob@evil.example", "<ann@example.com> <bob@evil.example>",
    "ann@example.com <", "Ann <ann@example.com> x", "ann@[IPv6:2001:db8::1]", "ann@[",
    "\u{1}ann@example.com", "\"\u{0}\" <ann@example.com>", "(\u{0}) ann@example.com",
    "ann@\(String(repeating: "a", count: 64)).example",
    "ann@\(String(repeating: "a.", count: 127))example",
    "ann@\(String(repeating: "\u{E4}", count: 600)).example",
  ])
  func refusesWhatIsNoAddress(_ value: String) {
    guard case .missing(.invalidFrom, let sentence) = Author(fromValue: Array(value.utf8)) else {
      Issue.record("\(value) gave \(Author(fromValue: Array(value.utf8)))")
      return
    }
    #expect(sentence.hasSuffix("."))
  }

  @Test(arguments: [
    ("a@one.example, b@two.example", ["one.example", "two.example"]),
    ("A: a@one.example; , b@two.example", ["one.example", "two.example"]),
    ("a@one.example <b@two.example>, c@one.example", ["two.example", "one.example"]),
    (
      "\"b@three.example,\" <a@one.example>,(c@four.example,) two@two.example",
      ["one.example", "two.example"]
    ),
  ])
  func findsEachOfSeveralDomains(_ value: String, _ domains: [String]) throws {
    #expect(
      Author(fromValue: Array(value.utf8))
        == .domains(try domains.map { try #require(DomainName($0)) }, unusable: nil))
  }

  @Test func anAddressWithoutADomainDoesNotHideOthers() throws {
    let example = try #require(DomainName("example.com"))
    let author = Author(fromValue: Array("a@[192.0.2.1], ann@example.com".utf8))
    guard case .domains([example], let sentence?) = author else {
      Issue.record("gave \(author)")
      return
    }
    #expect(sentence == "A From address has no domain name: \"[192.0.2.1]\".")
  }

  /// Shapes that cost the square of their length, or worse, where a parser looks back or ahead too
  /// often: at full length they take far less than the limit here, or far more.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      "a@b.c,", "a ", "a.", "\"", "\"a\"", "\"a\" ", "\\", "(", "()", "((x)", ")", "<", "<>",
      "<a@b.c>",
      ",", ";", ":", "a:", "a:;", "a:;,", "@", "a@", "@a,", "<@", "[", "[]", "\r\n ", "=?x?q?y?=",
      "\u{E4}", "a@\u{E4}.c,", "a@xn--a,", "a <", "a \"b\" <c@d.e>,",
    ])
  func longFieldsTakeTimeInProportion(_ piece: String) {
    let octets = Array(piece.utf8)
    let tail = Array("ann@example.com".utf8)
    let count = (Author.mostOctets - tail.count) / octets.count
    let value = Array(repeatElement(octets, count: count).joined()) + tail
    // Whatever the end, it comes soon; only what is no list of addresses may be refused.
    switch Author(fromValue: value) {
    case .missing(let cause, let sentence):
      #expect(cause == .invalidFrom)
      #expect(sentence.utf8.count < 300)
    case .domain(let domain): #expect(domain.text == "example.com")
    case .domains(let domains, _): #expect(domains.last?.text == "example.com")
    }
  }

  @Test func aFieldBeyondReasonIsNotRead() {
    let value = Array(repeatElement(UInt8(ascii: ","), count: Author.mostOctets))
    let address = Array("a@example.com".utf8)
    guard case .missing(.messageTooLarge, let sentence) = Author(fromValue: value + address) else {
      Issue.record("read it")
      return
    }
    #expect(sentence.contains("65536 octets"))
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
    #expect(Author(fromValue: Array(value.utf8)) == .domains([one, two], unusable: nil))
  }

  @Test func manyDomainsAreEachKeptOnce() throws {
    let value = (0..<4000).map { "a@x\($0).example" }.joined(separator: ",")
    guard case .domains(let domains, nil) = Author(fromValue: Array(value.utf8)) else {
      Issue.record("not read")
      return
    }
    #expect(domains.count == 4000)
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
    let value = String(repeating: "(", count: 65_000) + "a@example.com"
    guard case .missing(.invalidFrom, _) = Author(fromValue: Array(value.utf8)) else {
      Issue.record("accepted")
      return
    }
  }
}
