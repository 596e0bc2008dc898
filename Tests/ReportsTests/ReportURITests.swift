import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

@Suite struct ReportURITests {
  @Test(
    "takes what a mail address is",
    arguments: [
      ("mailto:a@example.com", "a@example.com"),
      ("  mailto:a@example.com\t", "a@example.com"),
      ("MAILTO:A.b@Example.COM", "A.b@example.com"),
      ("mailto:a@example.com.", "a@example.com"),
      ("mailto:a%2Bb@example.com", "a+b@example.com"),
      ("mailto:a+b@example.com", "a+b@example.com"),
      ("mailto:a%40example.com", "a@example.com"),
      ("mailto:a%21b%2cc@example.com", ""),
      ("mailto:a%21b@example.com", "a!b@example.com"),
      ("mailto:a%2540b@example.com", "a%40b@example.com"),
      ("mailto:a@example.com?subject=x&to=b@example.net", "a@example.com"),
      ("mailto:a@example.com#part", "a@example.com"),
      ("mailto:a@example.com!10m", "a@example.com"),
      ("mailto:a@m%C3%BCnchen.example", "a@xn--mnchen-3ya.example"),
      ("mailto:a@XN--mnchen-3ya.example", "a@xn--mnchen-3ya.example"),
      ("mailto:a@_x.example.com", "a@_x.example.com"),
    ])
  func address(_ member: String, _ address: String) {
    #expect(((try? ReportURI(member))?.address ?? "") == address)
  }

  @Test(
    "refuses everything else with its reason",
    arguments: [
      ("", ReportURIProblem.empty), (" \t", .empty),
      ("a@example.com", .noURI), (":a@example.com", .noURI), ("mailto:", .noURI),
      ("1mailto:a@example.com", .noURI), ("mail to:a@example.com", .noURI),
      ("mailto:a b@example.com", .noURI), ("mailto:a@example.com\r\nBcc:b@example.net", .noURI),
      ("mailto:\"a\"@example.com", .noURI), ("mailto:<a@example.com>", .noURI),
      ("mailto:a!b@example.com", .noURI), ("mailto:a@example.com!10x", .noURI),
      ("mailto:a@example.com!", .noURI), ("mailto:ä@example.com", .noURI),
      ("mailto:a@example.com\0", .noURI),
      ("https://example.com/report", .unsupportedScheme("https")),
      ("HTTPS://example.com/report", .unsupportedScheme("HTTPS")),
      ("mailto2:a@example.com", .unsupportedScheme("mailto2")),
      ("mailto:a%zz@example.com", .badEscape), ("mailto:a@example.com%2", .badEscape),
      ("mailto:a%", .badEscape),
      ("mailto:example.com", .noAddress), ("mailto:@example.com", .noAddress),
      ("mailto:?to=a@example.com", .noAddress), ("mailto://a@example.com", .noAddress),
      ("mailto:a@example.com%2Cb@example.net", .severalAddresses),
      ("mailto:a@b@example.com", .severalAddresses),
      ("mailto:%22a@b%22@example.com", .severalAddresses),
      ("mailto:a%0d%0aBcc:b@example.com", .controlCharacter),
      ("mailto:a%0A@example.com", .controlCharacter),
      ("mailto:a%00@example.com", .controlCharacter),
      ("mailto:a%7f@example.com", .controlCharacter),
      ("mailto:a@example.com%0d%0aRCPT%20TO:b", .controlCharacter),
      ("mailto:a@exa%00mple.com", .controlCharacter),
      ("mailto:m%C3%BCller@example.com", .internationalLocalPart),
      ("mailto:a%FF@example.com", .internationalLocalPart),
      ("mailto:%22a%20b%22@example.com", .unusualLocalPart),
      ("mailto:a%20b@example.com", .unusualLocalPart),
      ("mailto:a(comment)@example.com", .unusualLocalPart),
      ("mailto:a%3Cb%3E@example.com", .unusualLocalPart),
      ("mailto:a..b@example.com", .unusualLocalPart),
      ("mailto:.a@example.com", .unusualLocalPart),
      ("mailto:-oQ/tmp@example.com", .unusualLocalPart),
      ("mailto:%5c@example.com", .unusualLocalPart),
      ("mailto:a@", .noHost), ("mailto:a@localhost", .noHost), ("mailto:a@[192.0.2.1]", .noHost),
      ("mailto:a@192.0.2.1", .noHost), ("mailto:a@example..com", .noHost),
      ("mailto:a@exa%20mple.com", .noHost), ("mailto:a@%FF.example", .noHost),
      ("mailto:a@example.com(x)", .noHost),
    ])
  func refusal(_ member: String, _ problem: ReportURIProblem) {
    #expect(throws: problem) { try ReportURI(member) }
  }

  @Test("holds local parts of 64 and addresses of 254 octets, and not one more")
  func lengths() throws {
    let host = String(repeating: "a234567890.", count: 17) + "ab"
    #expect(host.utf8.count == 189)
    let local = String(repeating: "x", count: 64)
    #expect(try ReportURI("mailto:\(local)@\(host)").address.utf8.count == 254)
    #expect(throws: ReportURIProblem.tooLong) { try ReportURI("mailto:\(local)x@example.com") }
    #expect(throws: ReportURIProblem.tooLong) { try ReportURI("mailto:\(local)@\(host)c") }
    let label = String(repeating: "a", count: 64)
    #expect(throws: ReportURIProblem.noHost) { try ReportURI("mailto:x@\(label).example") }
  }

  @Test(
    "reads the size limits of old records",
    arguments: [
      ("mailto:a@example.com", nil), ("mailto:a@example.com!0", 0),
      ("mailto:a@example.com!50", 50), ("mailto:a@example.com!1k", 1_024),
      ("mailto:a@example.com!10m", 10_485_760), ("mailto:a@example.com!2G", 2_147_483_648),
      ("mailto:a@example.com!1t", 1_099_511_627_776),
      ("mailto:a@example.com!99999999999999999999999t", Int64.max),
      ("mailto:a@example.com!9223372036854775807k", Int64.max),
    ] as [(String, Int64?)])
  func sizeLimit(_ member: String, _ limit: Int64?) throws {
    let uri = try ReportURI(member)
    #expect(uri.sizeLimitBytes == limit)
    #expect(uri.address == "a@example.com")
  }

  @Test("prints what it parses")
  func roundTrip() throws {
    let alphabet = Array("ab.%+!?#&=/;:@,-~_'{}|^`$*[]() \"<>\\\u{7F}\r\nZ9".utf8)
    var state: UInt64 = 7
    var parsed = 0
    for _ in 0..<20_000 {
      var local: [UInt8] = []
      for _ in 0...(state >> 60) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        local.append(alphabet[Int(state >> 33) % alphabet.count])
      }
      let escaped = local.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      let limit = state & 1 == 0 ? "!\(state % 1_000)k" : ""
      guard let uri = try? ReportURI("mailto:\(escaped)@example.com\(limit)") else { continue }
      parsed += 1
      #expect(try ReportURI(uri.description) == uri)
      // What goes into a field and a command needs neither quotes nor care.
      #expect(uri.address.utf8.allSatisfy { (0x21...0x7E).contains($0) })
      #expect(!uri.address.utf8.contains { "\"<>()[]\\,;: ".utf8.contains($0) })
    }
    #expect(parsed > 100)
  }
}

@Suite struct ReportURIListTests {
  @Test("takes the good members in order and says what is wrong with the others")
  func list() {
    let list = ReportURIList(
      "mailto:b@example.com!10m , https://example.com/x,,a@example.com,mailto:a@example.net")
    #expect(
      list.uris.map(\.description) == ["mailto:b@example.com!10485760", "mailto:a@example.net"])
    #expect(list.skipped.map(\.text) == ["https://example.com/x", "", "a@example.com"])
    #expect(list.skipped.map(\.problem) == [.unsupportedScheme("https"), .empty, .noURI])
    #expect(ReportURIList(list.text).uris == list.uris)
  }

  @Test("names each address once, with the weaker limit")
  func duplicates() {
    func limits(_ text: String) -> [Int64?] { ReportURIList(text).uris.map(\.sizeLimitBytes) }
    #expect(limits("mailto:a@example.com!1k,MAILTO:%61@EXAMPLE.com.!2k") == [2_048])
    #expect(limits("mailto:a@example.com!1k,mailto:a@example.com") == [nil])
    #expect(limits("mailto:a@example.com,mailto:a@example.com!1k") == [nil])
    #expect(limits("mailto:a@example.com,mailto:A@example.com") == [nil, nil])
  }

  @Test("is not led astray by what follows a comma")
  func combiningMark() {
    // U+0301 makes one character of itself and the comma.
    let list = ReportURIList("mailto:a@example.com,\u{301}mailto:b@example.com")
    #expect(list.uris.map(\.address) == ["a@example.com"])
    #expect(list.skipped.count == 1)
  }

  @Test("keeps the limits and the bad members of the published text")
  func policyText() throws {
    let policy = try policy(
      "v=DMARC1; p=none; rua=mailto:a@example.com!1k,x, ftp:y; ruf=mailto:f@x.example")
    let list = ReportURIList(.rua, of: policy)
    #expect(list.uris.map(\.sizeLimitBytes) == [1_024])
    #expect(list.skipped.map(\.problem) == [.noURI, .unsupportedScheme("ftp")])
    #expect(ReportURIList(.ruf, of: policy).uris.map(\.address) == ["f@x.example"])
  }

  @Test("takes the interpreted record where the text was not kept, or is cut")
  func noText() throws {
    var policy = try policy("v=DMARC1; p=none; rua=mailto:other@example.com")
    policy.record.aggregateReportURIs = ["mailto:a@example.com"]
    for text in [nil, String(repeating: "x", count: 4_096)] {
      policy.text = text
      #expect(ReportURIList(.rua, of: policy).uris.map(\.address) == ["a@example.com"])
    }
  }

  @Test("does not use ruf of a public suffix, but rua")
  func publicSuffix() throws {
    var policy = try policy(
      "v=DMARC1; p=none; psd=y; rua=mailto:a@x.example; ruf=mailto:f@x.example")
    policy.record.isPublicSuffix = true
    let list = ReportURIList(.ruf, of: policy)
    #expect(list.uris.isEmpty)
    #expect(list.skipped.map(\.text) == ["f@x.example"])
    #expect(list.skipped.map(\.problem) == [.publicSuffix])
    #expect(ReportURIList(.rua, of: policy).uris.count == 1)
  }

  private func policy(_ text: String) throws -> StoredPolicy {
    StoredPolicy(
      id: 1, policyDomain: domain("example.com"), discovery: .treewalk,
      record: DMARCPolicyRecord(), text: text, messages: 1, lastSeenAt: 1)
  }
}
