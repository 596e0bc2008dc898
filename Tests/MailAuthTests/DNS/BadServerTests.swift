import Foundation
import MailAuth
import Synchronization
import TestSupport
import Testing

extension LiveResolverTests {
  /// Servers that are broken, lame or gone: never a crash, never "there is no record", and mail
  /// flows.
  @Suite struct BadServers {
    private static func resolver(_ server: DNSServer, timeout: Duration) throws -> LiveResolver {
      try LiveResolver(LiveResolverSettings(servers: [server.address], timeout: timeout))
    }

    private static func evaluator(_ resolver: LiveResolver) throws -> Evaluator {
      try Evaluator(
        settings: EvaluatorSettings(receivingHost: "mx.receiver.example"), resolver: resolver)
    }

    private static let signer = TestSigner(domain: "example.com")
    private static let zone: [String: [DNSServerRecord]] = [
      "example.com": [.txt("v=spf1 ip4:192.0.2.1 -all")],
      "mail.example.com": [.txt("v=spf1 a -all"), .address("192.0.2.1")],
      "_dmarc.example.com": [.txt("v=DMARC1; p=reject")],
      signer.keyName: [.txt(TestSigner.keyRecord)],
    ]

    // MARK: Answers

    struct BadAnswer: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var answer: @Sendable (DNSServer.Query) -> DNSServer.Response
    }

    @Test(arguments: [
      BadAnswer(testDescription: "a CNAME to itself") { .records([.cname($0.name)]) },
      BadAnswer(testDescription: "a CNAME loop over two names") {
        .records([.cname($0.name == "a.example" ? "b.example" : "a.example")])
      },
      BadAnswer(testDescription: "a whole CNAME loop in one answer") { _ in
        .records([
          .cname("b.example").owned(by: "a.example"), .cname("a.example").owned(by: "b.example"),
        ])
      },
      BadAnswer(testDescription: "an endless CNAME chain") { .records([.cname("x.\($0.name)")]) },
      BadAnswer(testDescription: "an answer that is always truncated") { _ in
        .alwaysTruncated(.records([.txt("v=spf1 -all")]))
      },
      BadAnswer(testDescription: "more than a DNS message can hold") { _ in
        .records((0..<20).map { .txt("\($0)" + String(repeating: "x", count: 4000)) })
      },
      BadAnswer(testDescription: "a record longer than a record can be") { _ in
        .records([.txt(String(repeating: "x", count: 70_000))])
      },
      BadAnswer(testDescription: "a referral instead of an answer") { _ in .referral("example") },
      BadAnswer(testDescription: "NOTIMP") { _ in .rcode(4) },
      BadAnswer(testDescription: "FORMERR") { _ in .rcode(1) },
      BadAnswer(testDescription: "NOTAUTH") { _ in .rcode(9) },
    ])
    func areFailuresAndEnd(_ bad: BadAnswer) throws {
      let server = try DNSServer(respond: bad.answer)
      let resolver = try Self.resolver(server, timeout: .seconds(3))
      let answer = resolver.answer(DNSQuestion("a.example", .txt), deadline: nil)
      #expect(answer.outcome.isTemporaryFailure, "\(answer)")
      #expect(answer.records.isEmpty)
      #expect(server.queries.count < 100)
    }

    @Test func recordsOfOtherNamesAreNotTaken() throws {
      let server = try DNSServer { _ in
        .records([DNSServerRecord.txt("v=spf1 +all").owned(by: "other.example")])
      }
      let answer = try Self.resolver(server, timeout: .seconds(3))
        .answer(DNSQuestion("a.example", .txt), deadline: nil)
      #expect(answer.outcome != .answer && answer.records.isEmpty)
    }

    @Test func aTextOfAlmostAWholeMessageArrives() throws {
      // With header, question and lengths of the strings just below 65,535 octets.
      let text = String(repeating: "y", count: 65_200)
      let server = try DNSServer { _ in .records([.txt(text)]) }
      let answer = try Self.resolver(server, timeout: .seconds(20))
        .answer(DNSQuestion("a.example", .txt), deadline: nil)
      #expect(answer.joinedTexts.map(\.count) == [65_200])
    }

    // MARK: Time

    @Test func questionsStartedTogetherTimeOutTogether() throws {
      let server = try DNSServer { _ in .silence }
      let resolver = try Self.resolver(server, timeout: .milliseconds(600))
      let questions = (0..<20).map { DNSQuestion("silent-\($0).example", .txt) }
      let started = ContinuousClock.now
      resolver.prefetch(questions)
      for question in questions {
        let answer = resolver.answer(question, deadline: nil)
        #expect(answer.outcome == .timeout)
        #expect(answer.detail == "no answer within 0.6 seconds")
      }
      // One after the other would take twelve seconds.
      #expect(ContinuousClock.now - started < .seconds(6))
    }

    @Test func aMessageEndsAtItsDeadline() throws {
      let server = try DNSServer { _ in .silence }
      // A timeout beyond the deadline, and no thread for the early checks: the worst case.
      let evaluator = try Self.evaluator(Self.resolver(server, timeout: .seconds(30)))
      let message = evaluator.begin(
        .test(), now: testTime, deadline: { .now.advanced(by: .milliseconds(500)) })
      message.take(Self.signer.signed(.test(), body: "Hello.\r\n"))
      let started = ContinuousClock.now
      let result = message.finish()
      #expect(ContinuousClock.now - started < .seconds(5))
      #expect(result.isTemporaryErrorThroughout)
      #expect(result.dns.allSatisfy { $0.outcome == .timeout })
    }

    @Test func slowServersOfTheSenderLeaveTimeForThePolicy() throws {
      // The return path and a second signature lead to servers that say nothing.
      let zone = Self.zone
      let server = try DNSServer { query in
        query.name.hasSuffix("stranger.example") ? .silence : DNSServer.lookUp(query, in: zone)
      }
      let evaluator = try Self.evaluator(Self.resolver(server, timeout: .seconds(30)))
      let message = evaluator.begin(
        .test(client: "198.51.100.9", mailFrom: "a@stranger.example"), now: testTime,
        deadline: { .now.advanced(by: .seconds(3)) })
      let stranger = TestSigner(domain: "stranger.example")
      message.take(stranger.signed(.test(), body: "Hello.\r\n"))
      let result = message.finish()
      #expect(result.mailFromSPF.result == .temperror)
      #expect(result.dkim.map(\.result) == [.temperror])
      #expect(result.dmarc.result == .fail, "\(result.dmarc.explanation)")
      #expect(result.dmarc.appliedPolicy == .reject)
    }

    // MARK: A resolver that dies

    @Test func aResolverThatDiesMidMessageGivesTemperrors() throws {
      var server: DNSServer? = try DNSServer(zone: Self.zone)
      let evaluator = try Self.evaluator(
        Self.resolver(try #require(server), timeout: .milliseconds(700)))
      let message = evaluator.begin(.test(), now: testTime)
      message.earlyChecks.forEach { $0() }
      #expect(server?.count(of: "example.com") == 1)
      server = nil
      message.take(Self.signer.signed(.test(), body: "Hello.\r\n"))
      let result = message.finish()
      // What was known stays known; the rest is temperror, never "no key" or "no policy".
      #expect(result.mailFromSPF.result == .pass)
      #expect(result.dkim.map(\.result) == [.temperror])
      #expect(result.dmarc.result == .temperror)
      #expect(result.dmarc.appliedPolicy == nil)
    }

    @Test func mailFlowsAgainWhenTheResolverIsBack() throws {
      let isUp = Mutex(false)
      let zone = Self.zone
      let server = try DNSServer { query in
        isUp.withLock { $0 } ? DNSServer.lookUp(query, in: zone) : .silence
      }
      let evaluator = try Self.evaluator(Self.resolver(server, timeout: .seconds(5)))
      let header = Self.signer.signed(.test(), body: "Hello.\r\n")
      let down = evaluator.begin(
        .test(), now: testTime, deadline: { .now.advanced(by: .milliseconds(300)) })
      down.take(header)
      #expect(down.finish().isTemporaryErrorThroughout)
      isUp.withLock { $0 = true }
      // The queries of the first message are still out; their answers serve the second.
      let up = evaluator.begin(.test(), now: testTime)
      up.take(header)
      let result = up.finish()
      #expect(result.dmarc.result == .pass, "\(result.dmarc.explanation) \(result.dns)")
      #expect(result.mailFromSPF.result == .pass)
      #expect(result.dkim.map(\.result) == [.pass])
    }
  }
}

extension Evaluation {
  /// Whether nothing was decided, and nothing taken for absent.
  fileprivate var isTemporaryErrorThroughout: Bool {
    mailFromSPF.result == .temperror && heloSPF.result == .temperror
      && dkim.allSatisfy { $0.result == .temperror } && dmarc.result == .temperror
  }
}

extension MessageEvaluation {
  /// Takes a whole message with the body "Hello".
  fileprivate func take(_ header: [HeaderField]) {
    take(header.map { .field($0) } + [.endOfHeaders, .body(Array("Hello.\r\n".utf8))])
  }
}
