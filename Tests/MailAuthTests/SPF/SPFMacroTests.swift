import Testing

@testable import MailAuth

@Suite struct SPFMacroTests {
  static func session(_ client: String, localPart: String = "strong-bad") throws -> SPFSession {
    SPFSession(
      client: try #require(IPAddress(client)), helo: Array("helo.example.net".utf8),
      localPart: Array(localPart.utf8), senderDomain: "email.example.com",
      receivingHost: "", now: 1_700_000_000)
  }

  static func expand(_ text: String, _ session: SPFSession) throws -> String {
    let macro = try #require(SPFMacro(Array(text.utf8), in: .explanation))
    let context = SPFMacroContext(session: session, domain: "email.example.com") {
      "mx.example.org"
    }
    return String(decoding: macro.expanded(context, keepingFirst: 4096), as: UTF8.self)
  }

  // The values of RFC 7208 section 7.4 and those around them.
  @Test(arguments: [
    ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"),
    ("%{d}", "email.example.com"), ("%{d4}", "email.example.com"), ("%{d3}", "email.example.com"),
    ("%{d2}", "example.com"), ("%{d1}", "com"), ("%{dr}", "com.example.email"),
    ("%{d2r}", "example.email"), ("%{D2R}", "example.email"), ("%{l}", "strong-bad"),
    ("%{l-}", "strong.bad"), ("%{lr}", "strong-bad"), ("%{lr-}", "bad.strong"),
    ("%{l1r-}", "strong"), ("%{d127}", "email.example.com"),
    ("%{d99999999999999999999}", "email.example.com"), ("%{d001}", "com"),
    ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
    ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
    ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
    ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
    ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
    ("%{S}", "strong-bad%40email.example.com"), ("%{h}", "helo.example.net"),
    ("%{p}", "mx.example.org"), ("%{c} %{t} %{r}", "192.0.2.3 1700000000 unknown"),
    ("100%% a%_b%-c", "100% a b%20c"), ("%{s-@}", "%{s-@}"), ("", ""),
  ])
  func expandsForIPv4(_ text: String, _ expected: String) throws {
    guard text != expected || text.isEmpty else {
      #expect(SPFMacro(Array(text.utf8), in: .explanation) == nil)
      return
    }
    #expect(try Self.expand(text, Self.session("192.0.2.3")) == expected)
  }

  @Test func expandsForIPv6() throws {
    let nibbles = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    let text = try Self.expand("%{ir}.%{v}._spf.%{d2}|%{c}", Self.session("2001:db8::cb01"))
    #expect(text.asciiLowercased() == nibbles + ".ip6._spf.example.com|2001:db8::cb01")
  }

  @Test func escapesEverythingButUnreservedOctets() throws {
    let session = try Self.session("192.0.2.3", localPart: "~a&b=c_d e\u{e9}\u{1}\"%")
    #expect(try Self.expand("%{L}", session) == "~a%26b%3Dc_d%20e%C3%A9%01%22%25")
  }

  @Test func keepsEmptyParts() throws {
    let session = try Self.session("192.0.2.3", localPart: "a..b-")
    #expect(try Self.expand("%{l}|%{lr-}|%{l2}", session) == "a..b-|.a..b|.b-")
  }

  static func name(_ text: String, localPart: String = "user") throws -> String? {
    let resolver = CheckResolver(
      ClosureResolver { _ in DNSAnswer(outcome: .nxdomain) }, deadline: nil)
    let expansion = SPFExpansion(
      resolver: resolver, session: try session("192.0.2.3", localPart: localPart))
    let macro = try #require(SPFMacro(Array(text.utf8), in: .domainSpec))
    return expansion.name(from: macro, in: "email.example.com")
  }

  @Test(arguments: [
    ("user", "user.example.com"), ("us er", "us er.example.com"),
    ("\"us\\er\"", "\"us\\er\".example.com"),
  ])
  func makesNamesOfPrintableOctets(_ localPart: String, _ expected: String) throws {
    #expect(try Self.name("%{l}.example.com", localPart: localPart) == expected)
  }

  @Test(arguments: ["a\u{0}b", "a\nb", "\u{7f}", "", "a..b", String(repeating: "a", count: 64)])
  func makesNoNameOfOtherOctets(_ localPart: String) throws {
    #expect(try Self.name("%{l}.example.com", localPart: localPart) == nil)
  }

  @Test func shortensLongNamesFromTheLeft() throws {
    let long = (1...40).map { "label\($0)" }.joined(separator: ".")
    let name = try #require(try Self.name("%{l}.example.com", localPart: long))
    #expect(name.utf8.count <= 253)
    #expect(name.utf8.count > 253 - 8)
    #expect((long + ".example.com").hasSuffix("." + name))
  }

  @Test func boundsTheTextWhileItGrows() throws {
    let macro = String(repeating: "%{l}.", count: 10_000) + "example.com"
    let long = String(repeating: "abcdefg.", count: 1000) + "z"
    let name = try #require(try Self.name(macro, localPart: long))
    #expect(name.hasSuffix("abcdefg.z.example.com"))
    #expect(try Self.name(macro, localPart: String(repeating: "a", count: 8000)) == "example.com")
  }
}
