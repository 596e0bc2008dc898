import Testing

@testable import MailAuth

@Suite struct SPFRecordParserTests {
  @Test(arguments: [
    "v=spf1",
    "v=spf1 -all",
    "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 ip6:::ffff:192.0.2.1 ?all",
    "v=spf1 a mx/24 a//64 mx/24//64 a:example.org/0//0 ptr ptr:example.org exists:%{i}.example",
    "v=spf1 A MX:Example.ORG IP4:192.0.2.1 iNcLuDe:_spf.example.org ~ALL",
    "v=spf1 a:foo:bar/baz.example.com a:%{d}/24 a:%{d2r.-+,/_=} include:%{ir}.%{v}.a.example.",
    "v=spf1 a:a%%b%_c%-.example.com exists:%% include:a.xn--zckzah include:a.1-2",
    "v=spf1 mx redirect=_spf.example.org exp=exp.%{d}",
  ])
  func printsWhatItParsed(_ text: String) throws {
    let record = try SPFRecordParser.parse(Array(text.utf8))
    #expect(record.description == text)
    #expect(try SPFRecordParser.parse(Array(record.description.utf8)) == record)
  }

  @Test func leavesOutUnknownModifiersAndSpaces() throws {
    let text = "V=SPF1  moo.cow-far_out=man:dog/%{c}%%  a   default=+ x=  -all "
    #expect(try SPFRecordParser.parse(Array(text.utf8)).description == "v=spf1 a -all")
  }

  @Test func readsPrefixLengths() throws {
    let record = try SPFRecordParser.parse(Array("v=spf1 a/8//9 mx//0 a:b.example/32".utf8))
    let target = SPFMacro(Array("b.example".utf8), in: .domainSpec)
    #expect(
      record.directives.map(\.mechanism) == [
        .address(nil, SPFPrefixes(ipv4: 8, ipv6: 9)),
        .mailExchanger(nil, SPFPrefixes(ipv4: 32, ipv6: 0)),
        .address(target, SPFPrefixes(ipv4: 32, ipv6: 128)),
      ])
  }

  @Test(arguments: [
    ("moo", "neither a mechanism"),
    ("all:x", "takes no argument"), ("all/8", "takes no argument"), ("-all.", "neither"),
    ("--all", "neither"), ("+", "neither"), ("=all", "neither"), ("1up=x", "neither"),
    ("-redirect=a.example", "neither"), ("redirect:a.example", "is a modifier"),
    ("a/33", "prefix length over 32"), ("mx//129", "prefix length over 128"),
    ("a/4294967295", "not a plain number"), ("a/24/64", "over 32"),
    ("a/032", "not a plain number"), ("a//00", "not a plain number"), ("a/", "after \":\""),
    ("a//", "after \":\""), ("a///64", "after \":\""),
    ("a:example.com//64//64", "over 32"), ("a/24/8", "after \":\""),
    ("a:example.com/24/", "two labels"),
    ("ip4:192.0.2.1/33", "over 32"), ("ip4:192.0.2.1/4294967295", "not a plain number"),
    ("ip4:192.0.2.1/", "not a plain number"), ("ip4:192.0.2.1/+8", "not a plain number"),
    ("ip4:192.0.2", "complete IPv4"), ("ip4:192.0.02.1", "complete IPv4"),
    ("ip4:2001:db8::1", "complete IPv4"), ("ip4:192.0.2.1:25", "complete IPv4"),
    ("ip4", "needs an address"), ("ip6:192.0.2.1", "complete IPv6"),
    ("ip6::cafe::babe", "complete IPv6"), ("ip6:fe80::1%eth0", "complete IPv6"),
    ("ip6:2001:db8::1//64", "not a plain number"),
    ("include", "after \":\""), ("include:", "names no domain"), ("exists", "after \":\""),
    ("a:192.0.2.1", "ip4: and ip6: take addresses"), ("mx:museum", "two labels"),
    ("a:museum.", "two labels"), ("a:example.-com", "two labels"), ("a:example.com-", "two labels"),
    ("a:example.123", "two labels"), ("a:%{d}com", "two labels"), ("a:%{d}.", "two labels"),
    ("a:%{a}.example", "two labels"), ("a:%{d0}", "two labels"), ("a:%{dx}", "two labels"),
    ("a:%{d", "two labels"), ("a:%{}", "two labels"), ("a:%", "two labels"), ("a:%z.b", "two"),
    ("exists:%{c}.example", "two labels"), ("exp=%{r}.example", "two labels"),
    ("exp=", "names no domain"), ("redirect=", "names no domain"), ("redirect=-all", "two labels"),
    ("exp=a.example exp=a.example", "second exp"),
    ("redirect=%{d} redirect=%{d}", "second redirect"),
    ("x=%abc", "otherwise than in a macro"), ("x=%", "otherwise than in a macro"),
    ("a:b\u{0}.example", "not printable"), ("a\tmx", "not printable"), ("a:\u{e9}.example", "not"),
  ])
  func refusesWhatTheGrammarDoesNotAllow(_ term: String, _ problem: String) {
    let error = #expect(throws: SPFSyntaxError.self) {
      try SPFRecordParser.parse(Array("v=spf1 ip4:192.0.2.1 \(term) -all".utf8))
    }
    #expect(error?.problem.contains(problem) == true, "\(error?.problem ?? "")")
    let published = term.utf8.split(separator: 0x20).last ?? term.utf8[...]
    #expect(error?.term == Array(published).printable())
  }

  @Test(arguments: [
    ("v=spf1", true), ("V=sPf1 a", true), ("v=spf1 ", true), ("v=spf10", false),
    ("v=spf1\ta", false), ("v=spf", false), (" v=spf1", false), ("", false),
  ])
  func selectsByVersion(_ text: String, _ isRecord: Bool) {
    #expect(SPFRecord.select(from: [Array(text.utf8)]).count == (isRecord ? 1 : 0))
  }

  /// Octets drawn from the grammar's alphabet: whatever comes out, it prints and parses again.
  @Test func survivesRandomRecords() throws {
    let pieces = [
      "a", "mx", "ptr", "all", "ip4:", "ip6:", "include:", "exists:", "redirect=", "exp=", ":", "/",
      "//", "%{", "}", "%%", "%_", "d", "l1r-", "0", "24", "999", ".", "example.com", " ", "-", "~",
      "192.0.2.1", "::1", "\u{0}", "\u{ff}", "=",
    ]
    var generator = SplitMix(state: 7)
    var accepted = 0
    for _ in 0..<20_000 {
      let count = Int.random(in: 0..<8, using: &generator)
      let tail = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
      guard let record = try? SPFRecordParser.parse(Array("v=spf1 \(tail)".utf8)) else { continue }
      accepted += 1
      #expect(try SPFRecordParser.parse(Array(record.description.utf8)) == record)
    }
    #expect(accepted > 100)
  }
}

/// A generator that gives the same numbers in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
