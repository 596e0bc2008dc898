import Dispatch
import Foundation
import MailAuth
import Synchronization
import TestSupport
import Testing

/// Every test has its own server and resolver.
///
/// They run one at a time: libunbound has one log for the process, which starting and ending a
/// context disturbs.
@Suite(.serialized) struct LiveResolverTests {
  private static let zone: [String: [DNSServerRecord]] = [
    "a.live.example": [.address("192.0.2.1", ttl: 77), .address("2001:db8::1")],
    "mx.live.example": [.mx(10, "Mail.live.example"), .mx(20, "")],
    "txt.live.example": [.txt("v=spf1 -all"), .txt(String(repeating: "x", count: 300))],
    "1.2.0.192.in-addr.arpa": [.ptr("host.live.example")],
    "alias.live.example": [.cname("second.live.example")],
    "second.live.example": [.cname("a.live.example")],
    "to-nothing.live.example": [.cname("nothing.live.example")],
    "to-empty.live.example": [.cname("mx.live.example")],
  ]

  private static func resolver(
    _ server: DNSServer, timeout: Duration = .seconds(20), trustAnchorFile: String? = nil
  ) throws -> LiveResolver {
    try LiveResolver(
      LiveResolverSettings(
        servers: [server.address], timeout: timeout, trustAnchorFile: trustAnchorFile,
        cacheMegabytes: 4))
  }

  @Test(arguments: [
    (DNSQuestion("a.live.example", .a), "A 192.0.2.1"),
    (DNSQuestion("a.live.example", .aaaa), "A 2001:db8::1"),
    (DNSQuestion("mx.live.example", .mx), "MX 10 mail.live.example, MX 20 "),
    (DNSQuestion("1.2.0.192.in-addr.arpa", .ptr), "PTR host.live.example"),
    (DNSQuestion("txt.live.example", .txt), "TXT 11, TXT 255+45"),
    (DNSQuestion("alias.live.example", .a), "A 192.0.2.1"),
    (DNSQuestion("to-nothing.live.example", .a), "nxdomain"),
    (DNSQuestion("to-empty.live.example", .a), "nodata"),
    (DNSQuestion("nothing.live.example", .txt), "nxdomain"),
    (DNSQuestion("a.live.example", .mx), "nodata"),
    (DNSQuestion("a..live.example", .a), "invalidName"),
    (DNSQuestion(String(repeating: "a", count: 64) + ".example", .a), "invalidName"),
  ])
  func answersFromAZone(question: DNSQuestion, expected: String) throws {
    let server = try DNSServer(zone: Self.zone)
    let answer = try Self.resolver(server).answer(question, deadline: nil)
    #expect(answer.summary == expected)
    #expect(!answer.isSecure && !answer.isCached)
  }

  @Test func countsDownTheTimeOfCachedAnswers() throws {
    let server = try DNSServer(zone: Self.zone)
    let resolver = try Self.resolver(server)
    let first = resolver.answer(DNSQuestion("a.live.example", .a), deadline: nil)
    let second = resolver.answer(DNSQuestion("A.live.example.", .a), deadline: nil)
    #expect(first.ttlSeconds == 77 && !first.isCached)
    #expect((70...77).contains(second.ttlSeconds) && second.isCached)
    #expect(second.records == first.records)
    #expect(server.count(of: "a.live.example") == 1)
    #expect(resolver.answer(DNSQuestion("a.live.example", .mx), deadline: nil).ttlSeconds == 300)
  }

  @Test func doesNotCallAnAnswerCachedThatMayNotBeKept() throws {
    let server = try DNSServer { _ in .records([.address("192.0.2.9", ttl: 0)]) }
    let resolver = try Self.resolver(server)
    for _ in 0..<3 {
      let answer = resolver.answer(DNSQuestion("brief.example", .a), deadline: nil)
      #expect(answer.summary == "A 192.0.2.9" && !answer.isCached)
    }
    #expect(server.count(of: "brief.example") == 3)
  }

  @Test(arguments: [
    ("servfail.example", DNSOutcome.servfail, "got SERVFAIL"),
    ("refused.example", .refused, "got REFUSED"),
  ])
  func tellsServfailFromRefused(name: String, outcome: DNSOutcome, detail: String) throws {
    let server = try DNSServer { $0.name.hasPrefix("servfail") ? .servfail : .refused }
    let resolver = try Self.resolver(server)
    for isRepeated in [false, true] {
      let answer = resolver.answer(DNSQuestion(name, .txt), deadline: nil)
      #expect(answer.outcome == outcome)
      #expect(answer.detail?.contains(detail) == true, "\(answer.detail ?? "-")")
      #expect(answer.isCached == isRepeated)
      #expect(answer.records.isEmpty)
    }
  }

  @Test func callsSilenceATimeoutAfterItsOwnTime() throws {
    let server = try DNSServer { _ in .silence }
    let resolver = try Self.resolver(server, timeout: .milliseconds(400))
    let started = ContinuousClock.now
    let answer = resolver.answer(DNSQuestion("silent.example", .txt), deadline: nil)
    let elapsed = ContinuousClock.now - started
    #expect(answer.outcome == .timeout)
    #expect(answer.detail == "no answer within 0.4 seconds")
    #expect((.milliseconds(399)...Duration.seconds(2)).contains(elapsed))
    #expect(server.count(of: "silent.example") >= 1)
  }

  @Test func keepsTheDeadlineOfTheMessage() throws {
    let server = try DNSServer { _ in .silence }
    let resolver = try Self.resolver(server)
    let started = ContinuousClock.now
    let answer = resolver.answer(
      DNSQuestion("late.example", .a), deadline: started + .milliseconds(150))
    #expect(answer.outcome == .timeout)
    #expect(answer.detail == "the time for this message is up")
    #expect(ContinuousClock.now - started < .seconds(2))
    let past = resolver.answer(DNSQuestion("past.example", .a), deadline: started)
    #expect(past.outcome == .timeout)
    #expect(server.count(of: "past.example") == 0)
  }

  @Test func silentNamesDoNotHarmOthers() throws {
    let server = try DNSServer { query in
      query.name.hasPrefix("silent") ? .silence : .records([.address("192.0.2.7")])
    }
    let resolver = try Self.resolver(server, timeout: .milliseconds(300))
    #expect(resolver.answer(DNSQuestion("good-0.example", .a), deadline: nil).outcome == .answer)
    resolver.prefetch((1...20).map { DNSQuestion("silent-\($0).example", .a) })
    for number in 1...3 {
      let silent = resolver.answer(DNSQuestion("silent-\(number).example", .a), deadline: nil)
      #expect(silent.outcome == .timeout, "\(silent)")
      let good = resolver.answer(DNSQuestion("good-\(number).example", .a), deadline: nil)
      #expect(good.outcome == .answer, "\(good)")
    }
  }

  @Test func malformedRecordsAreAFailureAndNeverAbsence() throws {
    let server = try DNSServer { query in
      switch query.name {
      case "short.example": .records([DNSServerRecord(type: 1, data: [192, 0, 2])])
      case "mixed.example":
        .records([DNSServerRecord(type: 1, data: [1, 2, 3, 4, 5]), .address("192.0.2.3")])
      default: .malformed([0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0, 63, 1])
      }
    }
    let resolver = try Self.resolver(server, timeout: .milliseconds(500))
    let short = resolver.answer(DNSQuestion("short.example", .a), deadline: nil)
    #expect(short.outcome.isTemporaryFailure, "\(short)")
    let mixed = resolver.answer(DNSQuestion("mixed.example", .a), deadline: nil)
    #expect(mixed.summary == "A 192.0.2.3")
    let broken = resolver.answer(DNSQuestion("broken.example", .a), deadline: nil)
    #expect(broken.outcome.isTemporaryFailure, "\(broken)")
  }

  @Test func asksTheSameQuestionOnceForManyCallers() throws {
    let server = try DNSServer { _ in
      .delayed(milliseconds: 500, .records([.address("192.0.2.5", ttl: 0)]))
    }
    let resolver = try Self.resolver(server)
    let answers = Mutex<[String]>([])
    let finished = onThreads(20) { _ in
      let answer = resolver.answer(DNSQuestion("same.example", .a), deadline: nil)
      answers.withLock { $0.append(answer.summary) }
    }
    #expect(finished)
    #expect(answers.withLock { $0 } == [String](repeating: "A 192.0.2.5", count: 20))
    #expect(server.count(of: "same.example") == 1)
  }

  @Test func prefetchStartsWhatAnswerThenFinds() throws {
    let server = try DNSServer { _ in
      .delayed(milliseconds: 200, .records([.txt("v=DMARC1; p=none")]))
    }
    let resolver = try Self.resolver(server)
    let questions = (0..<10).map { DNSQuestion("prefetched-\($0).example", .txt) }
    let started = ContinuousClock.now
    resolver.prefetch(questions + [DNSQuestion("bad..name", .a)])
    #expect(ContinuousClock.now - started < .milliseconds(150))
    for question in questions {
      #expect(resolver.answer(question, deadline: nil).outcome == .answer)
      #expect(server.count(of: question.name) == 1)
    }
    // One after the other would take two seconds.
    #expect(ContinuousClock.now - started < .milliseconds(1500))
  }

  @Test func servesSixtyFourThreadsAtOnce() throws {
    let server = try DNSServer { query in
      .delayed(milliseconds: 5, .records([.txt(query.name)]))
    }
    let resolver = try Self.resolver(server)
    let wrong = Mutex<[String]>([])
    let finished = onThreads(64) { thread in
      for round in 0..<30 {
        let question = DNSQuestion("n\((thread * 7 + round) % 50).threads.example", .txt)
        let answer = resolver.answer(question, deadline: nil)
        if answer.joinedTexts != [Array(question.name.utf8)] {
          wrong.withLock { $0.append("\(question.name): \(answer)") }
        }
      }
    }
    #expect(finished)
    #expect(wrong.withLock { $0 } == [])
    #expect(server.queries.count == 50)
  }

  @Test(arguments: [
    "a b.odd.example", "a\\b.odd.example", "*.odd.example", "50%.odd.example", "\"q\".odd.example",
    "a;b(c)@$.odd.example", "_dmarc.odd.example", "\\046.odd.example", "a=b.odd.example",
    String(repeating: " ", count: 63) + "." + String(repeating: "\\", count: 63) + ".odd.example",
    "\u{1}\u{7f}.odd.example",
  ])
  func asksForOddNamesAsTheyAre(name: String) throws {
    let server = try DNSServer { query in .records([.txt(query.name)]) }
    let answer = try Self.resolver(server).answer(DNSQuestion(name, .txt), deadline: nil)
    #expect(answer.joinedTexts == [Array(name.utf8)])
  }

  @Test(arguments: [
    "test", "a.test", "localhost", "a.localhost", "a.invalid", "a.onion", "a.local", "x.home.arpa",
    "1.0.0.10.in-addr.arpa", "1.0.0.127.in-addr.arpa", "1.1.168.192.in-addr.arpa",
    "1.2.0.192.in-addr.arpa", "1.0.64.100.in-addr.arpa", "1.1.254.169.in-addr.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "1.0.d.f.ip6.arpa", "1.8.e.f.ip6.arpa", "1.8.b.d.0.1.0.0.2.ip6.arpa",
  ])
  func asksForNamesThatAreUsuallyAnsweredLocally(name: String) throws {
    let server = try DNSServer { _ in .records([.ptr("asked.example")]) }
    let answer = try Self.resolver(server).answer(DNSQuestion(name, .ptr), deadline: nil)
    #expect(answer.summary == "PTR asked.example")
    #expect(server.count(of: name) == 1)
  }

  @Test(arguments: [2000, 60_000])
  func takesBigTextsOverTCP(size: Int) throws {
    let text = String(repeating: "p=MIIB", count: size / 6)
    let server = try DNSServer { _ in .records([.txt(text)]) }
    let answer = try Self.resolver(server).answer(DNSQuestion("big.example", .txt), deadline: nil)
    #expect(answer.joinedTexts == [Array(text.utf8)])
    #expect(server.queries.map(\.isTCP) == [false, true])
  }

  @Test func followsATruncatedAnswerOverTCP() throws {
    let server = try DNSServer { _ in .truncated(.records([.address("192.0.2.8")])) }
    let answer = try Self.resolver(server).answer(DNSQuestion("cut.example", .a), deadline: nil)
    #expect(answer.summary == "A 192.0.2.8")
  }

  @Test func usesTheServerThatAnswers() throws {
    let silent = try DNSServer { _ in .silence }
    let good = try DNSServer { _ in .records([.address("192.0.2.6")]) }
    let resolver = try LiveResolver(
      LiveResolverSettings(servers: [silent.address, good.address], timeout: .seconds(25)))
    for number in 0..<5 {
      let answer = resolver.answer(DNSQuestion("either-\(number).example", .a), deadline: nil)
      #expect(answer.outcome == .answer, "\(answer)")
    }
  }

  @Test func canGoAwayWhileQuestionsAreOut() throws {
    let server = try DNSServer { _ in .silence }
    for round in 0..<5 {
      let resolver = try Self.resolver(server)
      resolver.prefetch((0..<20).map { DNSQuestion("gone-\(round)-\($0).example", .a) })
    }
    let resolver = try Self.resolver(server, timeout: .milliseconds(50))
    #expect(resolver.answer(DNSQuestion("left.example", .a), deadline: nil).outcome == .timeout)
  }
}

extension DNSAnswer {
  /// The records in a few words, or the outcome.
  fileprivate var summary: String {
    guard outcome == .answer else { return outcome.rawValue }
    let texts = records.map { record in
      switch record {
      case .address(let address): "A \(address)"
      case .mx(let preference, let host): "MX \(preference) \(host)"
      case .ptr(let name): "PTR \(name)"
      case .txt(let strings): "TXT " + strings.map { String($0.count) }.joined(separator: "+")
      }
    }
    return texts.sorted().joined(separator: ", ")
  }
}

/// Runs the work on so many threads at once, which the shared pool is too small for; whether all
/// ended within a minute.
private func onThreads(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) -> Bool {
  let group = DispatchGroup()
  for number in 0..<count {
    group.enter()
    Thread.detachNewThread {
      work(number)
      group.leave()
    }
  }
  return group.wait(timeout: .now() + 60) == .success
}
