import Testing

@testable import MailAuth

@Suite struct UnboundReplyTests {
  @Test(arguments: [
    (
      "all the configured stub or forward servers failed, at zone . upstream server timeout",
      DNSOutcome.timeout
    ),
    ("all the servers failed, at zone . from 192.0.2.1 got SERVFAIL", .servfail),
    ("all the servers failed, at zone . from 192.0.2.1 got REFUSED", .refused),
    ("from 192.0.2.1 got REFUSED from 192.0.2.2 got SERVFAIL upstream server timeout", .servfail),
    ("from 192.0.2.1 got REFUSED upstream server timeout", .timeout),
    ("exceeded the maximum number of sends", .servfail),
  ])
  func tellsFailuresApartByTheLog(reason: String, outcome: DNSOutcome) {
    let answer = UnboundReply(reason: reason).answer(to: .a)
    #expect(answer.outcome == outcome)
    #expect(answer.detail == reason)
  }

  @Test func tellsAReferralFromNoData() {
    let question: [UInt8] = [1, 0x61, 0, 0, 16, 0, 1]
    func message(authority types: [UInt8]) -> [UInt8] {
      let header: [UInt8] = [0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, UInt8(types.count), 0, 0]
      let records = types.flatMap { type -> [UInt8] in
        [0xC0, 12, 0, type, 0, 1, 0, 0, 0, 9, 0, 2, 0xC0, 12]
      }
      return header + question + records
    }
    #expect(UnboundReply.isReferral(message(authority: [2, 2])))
    #expect(!UnboundReply.isReferral(message(authority: [2, 6])))
    #expect(!UnboundReply.isReferral(message(authority: [47])))
    #expect(!UnboundReply.isReferral(message(authority: [])))
    for length in message(authority: [2]).indices {
      #expect(!UnboundReply.isReferral(Array(message(authority: [2]).prefix(length))))
    }
  }

  @Test func readsLogLines() throws {
    let line =
      "[1795248184] libunbound[20362:0] error: SERVFAIL <a?b.example. TXT IN>: servers failed"
    let parsed = try #require(UnboundLog.parse(line: line))
    #expect(parsed.question == UnboundLog.key("a b.example", .txt))
    #expect(parsed.reason == "servers failed")
    #expect(UnboundLog.parse(line: "[1] libunbound[2:0] notice: init module 0: iterator") == nil)
  }

  @Test(
    arguments: [
      ([192, 0, 2, 1], DNSRecordType.a, "192.0.2.1"), ([192, 0, 2], .a, "malformed"),
      ([192, 0, 2, 1, 0], .a, "malformed"), ([192, 0, 2, 1], .aaaa, "malformed"),
      ([0, 10, 2, 0x4D, 0x78, 0], .mx, "10 mx"), ([0, 0, 0], .mx, "0 "),
      ([0, 10], .mx, "malformed"),
      ([0, 10, 2, 0x4D, 0x78], .mx, "malformed"), ([0, 10, 0xC0, 12], .mx, "malformed"),
      ([0, 10, 1, 0x61, 0, 0], .mx, "malformed"), ([1, 0x61, 1, 0x2E, 0], .ptr, "inexpressible"),
      ([1, 0xE9, 0], .ptr, "inexpressible"), ([1, 0x61, 1, 0x62, 0], .ptr, "a.b"),
      ([], .ptr, "malformed"), ([0], .txt, "0"), ([2, 1, 2, 0, 1, 9], .txt, "2 0 1"),
      ([], .txt, "malformed"), ([2, 1], .txt, "malformed"), ([1, 1, 5], .txt, "malformed"),
    ] as [([UInt8], DNSRecordType, String)])
  func parsesRecordData(data: [UInt8], type: DNSRecordType, expected: String) {
    let text =
      switch RecordData.parse(data, type) {
      case .malformed: "malformed"
      case .inexpressible: "inexpressible"
      case .record(.address(let address)): "\(address)"
      case .record(.mx(let preference, let host)): "\(preference) \(host)"
      case .record(.ptr(let name)): name
      case .record(.txt(let strings)): strings.map { String($0.count) }.joined(separator: " ")
      }
    #expect(text == expected)
  }

  @Test func refusesNamesThatAreTooLong() {
    let label = [UInt8(63)] + [UInt8](repeating: 0x61, count: 63)
    let tooLong = label + label + label + label + [0]
    #expect(RecordData.parse(tooLong, .ptr) == .malformed)
  }

  @Test(arguments: [
    (0, DNSOutcome.nodata), (2, .servfail), (3, .nxdomain), (5, .refused), (1, .servfail),
    (4, .servfail), (-7, .servfail),
  ])
  func mapsResponseCodes(rcode: Int, outcome: DNSOutcome) {
    #expect(UnboundReply(rcode: rcode).answer(to: .txt).outcome == outcome)
    #expect(UnboundReply(rcode: rcode, isBogus: true).answer(to: .txt).outcome == .bogus)
  }

  @Test func passesOverNamesThatNobodyCanUse() {
    let reply = UnboundReply(rcode: 0, data: [[1, 0xE9, 0], [1, 0x61, 0]])
    #expect(reply.answer(to: .ptr).records == [.ptr("a")])
    let alone = UnboundReply(rcode: 0, data: [[1, 0xE9, 0]]).answer(to: .ptr)
    #expect(alone.outcome == .answer && alone.records.isEmpty)
  }

  @Test(arguments: [
    ("a.example", "a.example."), ("_dmarc.x-y", "_dmarc.x-y."), ("a b\\", "a\\032b\\092."),
    ("*%", "\\042\\037."), ("\u{1}é", "\\001\\195\\169."),
  ])
  func escapesNames(name: String, expected: String) {
    #expect(LibUnbound.presentation(of: name) == expected)
  }
}
