import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MailAuth

@Suite struct LibSPF2Tests {
  static func match(_ text: String, client: String = "192.0.2.1") throws -> LibSPF2.Match {
    let address = try #require(IPAddress(client))
    let library = try #require(LibSPF2(client: address))
    let resolver = CheckResolver(
      ClosureResolver { _ in DNSAnswer(outcome: .nxdomain) }, deadline: nil)
    return library.match(
      text,
      lookup: SPFTermLookup(.all, target: "example.com", client: address, resolver: resolver))
  }

  @Test(arguments: [
    "a:%{d}", "a:" + String(repeating: "a", count: 300), "a:\u{0}", "a:\"b\"", "a:t.invalid\n",
  ])
  func refusesWhatIsNotMeantForIt(_ text: String) throws {
    guard case .refused(let reason) = try Self.match(text) else {
      Issue.record("libspf2 was given \(text)")
      return
    }
    #expect(reason.hasPrefix("not given to libspf2"))
  }

  @Test func saysWhatLibspf2Refuses() throws {
    guard case .refused(let reason) = try Self.match("ip4:192.0.2.1/33") else {
      Issue.record("accepted")
      return
    }
    #expect(reason.hasPrefix("SPF_record_compile: "))
  }

  /// libspf2 against our own arithmetic: every prefix length, with the last bit inside and the
  /// first one outside flipped.
  @Test(arguments: ["203.0.113.170", "2001:db8:55aa:a5a5:5aa5:0ff0:f00f:3cc3"])
  func comparesPrefixesOfEveryLength(_ text: String) throws {
    let client = try #require(IPAddress(text))
    let library = try #require(LibSPF2(client: client))
    let resolver = CheckResolver(
      ClosureResolver { _ in DNSAnswer(outcome: .nxdomain) }, deadline: nil)
    let bits = client.bytes.count * 8
    for length in 1...bits {
      for flipped in Set([length - 1, min(length, bits - 1)]) {
        var bytes = client.bytes
        bytes[flipped / 8] ^= 0x80 >> UInt8(flipped % 8)
        let address = try #require(IPAddress(bytes: bytes))
        let network = try #require(IPNetwork("\(address)/\(length)"))
        let lookup = SPFTermLookup(
          .network(network), target: "", client: client, resolver: resolver)
        let match = library.match("\(client.isIPv4 ? "ip4" : "ip6"):\(network)", lookup: lookup)
        #expect(match == (network.contains(client) ? .matched : .notMatched), "\(network)")
      }
    }
  }

  @Test(arguments: ["-foo.example", "foo.123", "a_b.c", "xn--a.b-", "1.2.3.4.example"])
  func evaluatesDomainsThatItsParserRefuses(_ domain: String) throws {
    var bed = try SPFTestBed(
      zone: """
        \(domain): [{TXT: 'v=spf1 a mx ptr -all'}, {MX: [1, other.example]}, {A: 198.51.100.1}]
        other.example: [{A: 198.51.100.1}]
        1.2.0.192.in-addr.arpa: [{PTR: h.\(domain)}]
        h.\(domain): [{A: 192.0.2.1}]
        """)
    bed.mailFrom = Array("user@\(domain)".utf8)
    let outcome = try bed.check()
    #expect(outcome.result == .pass)
    #expect(outcome.term == "ptr")
  }

  /// Eight threads share the library's server; each must see what one alone sees.
  @Test(.enabled(if: Suites.arePresent))
  func givesEqualOutcomesOnManyThreads() throws {
    let cases = try SPFSuiteTests.cases()
    let alone = try cases.map { try SPFSuiteTests.outcome(of: $0) }
    let differences = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<5 {
        for offset in cases.indices {
          let index = (offset + thread * 25 + round) % cases.count
          let outcome = try? SPFSuiteTests.outcome(of: cases[index])
          if outcome != alone[index] { differences.withLock { $0.append(cases[index].name) } }
        }
      }
    }
    #expect(differences.withLock { $0 } == [])
  }
}
