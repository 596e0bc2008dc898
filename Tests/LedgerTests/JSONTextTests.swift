import Foundation
import MailAuth
import Testing

@testable import Ledger

struct JSONTextTests {
  /// What `JSONEncoder` makes of the same.
  private func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// What `JSONText` makes of it.
  private func written(_ write: (inout [UInt8]) -> Void) -> String {
    var octets: [UInt8] = []
    write(&octets)
    return String(decoding: octets, as: UTF8.self)
  }

  private static let texts = [
    "", "a", "mailto:a@example.com!10m", "a\"b\\c/d", "Grüße 🙂 \u{2028}", "\0\u{1}\u{1F}\u{7F}",
    "\u{8}\t\n\u{B}\u{C}\r", "e\u{301}", String(repeating: "x", count: 300),
  ]

  @Test func textsAreWrittenAsTheEncoderWritesThem() throws {
    for count in [0, 1, 2, Self.texts.count] {
      let list = Array(Self.texts.prefix(count))
      #expect(written { JSONText.append(list, to: &$0) } == (try encoded(list)))
    }
    for text in Self.texts {
      #expect(written { JSONText.append([text], to: &$0) } == (try encoded([text])))
    }
  }

  @Test func wordsAreWrittenAsTheEncoderWritesThem() throws {
    let signs = FlowSign.allCases
    #expect(written { JSONText.append(signs, to: &$0) } == (try encoded(signs)))
    #expect(written { JSONText.append([FlowSign](), to: &$0) } == "[]")
  }

  @Test func domainsAreWrittenAsTheEncoderWritesThem() throws {
    let domains = ["example.com", "xn--bcher-kva.example", "_a.b"].compactMap { DomainName($0) }
    #expect(written { JSONText.append(domains, to: &$0) } == (try encoded(domains)))
  }

  @Test func overrideReasonsAreWrittenAsTheEncoderWritesThem() throws {
    let reasons =
      [OverrideReason(.mailingList), OverrideReason(.policyTestMode)]
      + Self.texts.map { OverrideReason(.localPolicy, comment: $0) }
    #expect(written { JSONText.append(reasons, to: &$0) } == (try encoded(reasons)))
  }

  @Test func addedSetsAreWrittenAsTheEncoderWritesThem() throws {
    for (instance, status) in [(1, ChainValidation.none), (12, .pass), (50, .fail)] {
      let set = AddedARCSet(
        instance: instance, chainValidation: status,
        domain: try #require(DomainName("example.com")),
        selector: try #require(DomainName("s2025._x")))
      #expect(written { JSONText.append(set, to: &$0) } == (try encoded(set)))
    }
  }

  private struct Question: Codable {
    var name: String
    var type = DNSRecordType.txt
    var outcome: DNSOutcome
    var milliseconds: Double
    var cached: Bool
    var secure: Bool
    var detail: String?
  }

  @Test(arguments: [0, -0.0, 0.25, 1, 12.0345678901, 5000, 1e-7, 123_456_789.125, 1e22, -1.5])
  func questionsAreWrittenAsTheEncoderWritesThem(milliseconds: Double) throws {
    let questions = Self.texts.map { text in
      Question(
        name: text, outcome: text.isEmpty ? .answer : .servfail, milliseconds: milliseconds,
        cached: text.count > 1, secure: text.count > 3, detail: text.isEmpty ? nil : text)
    }
    let evidence = try JSONDecoder().decode(
      [DNSEvidence].self, from: JSONEncoder().encode(questions))
    let json = written { JSONText.append(evidence, to: &$0) }
    #expect(json == (try encoded(evidence)))
    #expect(try JSONDecoder().decode([DNSEvidence].self, from: Data(json.utf8)) == evidence)
  }
}
