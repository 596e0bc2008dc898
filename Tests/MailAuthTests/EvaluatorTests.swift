import Foundation
import MailAuth
import Synchronization
import TestSupport
import Testing

/// Deadlines and lifetimes of one message's evaluation.
@Suite struct EvaluatorTests {
  /// Answers nothing in no time and remembers what was asked, and until when.
  private final class Silent: Resolver {
    let asked = Mutex<[(name: String, deadline: ContinuousClock.Instant?)]>([])

    func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
      asked.withLock { $0.append((question.name, deadline)) }
      return DNSAnswer(outcome: .timeout)
    }
  }

  private func begin(_ resolver: Silent) throws -> MessageEvaluation {
    let evaluator = try Evaluator(
      settings: EvaluatorSettings(receivingHost: "mx.receiver.example"), resolver: resolver)
    return evaluator.begin(
      .test(), now: testTime, deadline: { .now.advanced(by: .seconds(20)) })
  }

  @Test func whatIsLeftAtTheEndSharesOneDeadline() throws {
    let resolver = Silent()
    let evaluation = try begin(resolver)
    let header = TestSigner(domain: "example.com").signed(.test(), body: "Hello.\r\n")
    evaluation.take(header.map { .field($0) } + [.endOfHeaders])
    _ = evaluation.finish()
    let asked = resolver.asked.withLock { $0 }
    // The policy first, and everything until the same moment.
    #expect(
      asked.map(\.name) == [
        "_dmarc.example.com", "s1._domainkey.example.com", "example.com", "mail.example.com",
      ])
    #expect(Set(asked.map(\.deadline)).count == 1)
  }

  @Test func keysOfTheAuthorsOrganizationComeFirst() throws {
    let zone = """
      _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
      s1._domainkey.mail.example.com: [{TXT: "\(TestSigner.keyRecord)"}]
      """
    let signatures = ["stranger.example", "mail.example.com"].map {
      TestSigner(domain: $0).sign(.test(), body: "Hello.\r\n")
    }
    let evaluation = try Evaluator.test(zone: zone).evaluate(header: signatures + .test())
    #expect(evaluation.dkim.map(\.cause) == [.noKey, .verified])
    #expect(
      evaluation.dns.map(\.name).filter { $0.contains("_domainkey") } == [
        "s1._domainkey.mail.example.com", "s1._domainkey.stranger.example",
      ])
  }

  @Test func earlyChecksOfAnAbandonedMessageDoNothing() throws {
    let resolver = Silent()
    var evaluation: MessageEvaluation? = try begin(resolver)
    let checks = try #require(evaluation?.earlyChecks)
    evaluation = nil
    for check in checks { check() }
    #expect(resolver.asked.withLock { $0.isEmpty })
  }

  @Test func earlyChecksMayRunOnManyThreadsAtOnce() throws {
    for _ in 0..<50 {
      let resolver = Silent()
      let evaluation = try begin(resolver)
      let checks = evaluation.earlyChecks
      evaluation.take([MessageReader.Piece.endOfHeaders])
      let group = DispatchGroup()
      for _ in 0..<4 {
        for check in checks { DispatchQueue.global().async(group: group) { check() } }
      }
      let result = evaluation.finish()
      group.wait()
      #expect(result.mailFromSPF.result == .temperror)
      // Each check was carried out once, by whoever came first.
      #expect(resolver.asked.withLock { $0.count } == 2)
    }
  }

  /// Knows the zone's answers about some names; for all others it has to be asked.
  private final class PartlyKnown: Resolver {
    let zone: ZoneResolver
    let known: Set<String>
    let asked = Mutex<[String]>([])

    init(_ zone: ZoneResolver, known: Set<String>) {
      self.zone = zone
      self.known = known
    }

    func knownAnswer(_ question: DNSQuestion) -> DNSAnswer? {
      known.contains(question.name) ? zone.knownAnswer(question) : nil
    }

    func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
      asked.withLock { $0.append(question.name) }
      return zone.answer(question, deadline: deadline)
    }
  }

  @Test(arguments: [
    (known: ["example.com", "inc.example", "mail.example.com"], left: 0, asked: []),
    (known: ["example.com", "mail.example.com"], left: 1, asked: ["example.com", "inc.example"]),
    (known: ["inc.example", "mail.example.com"], left: 1, asked: ["example.com", "inc.example"]),
    (known: ["example.com", "inc.example"], left: 1, asked: ["mail.example.com"]),
  ])
  func checksWhoseAnswersAreKnownRunAtOnce(
    known: [String], left: Int, asked: [String]
  ) throws {
    let zone = try ZoneResolver(
      yaml: """
        example.com: [{TXT: "v=spf1 include:inc.example -all"}]
        inc.example: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
        mail.example.com: [{A: 192.0.2.1}]
        """, source: "test")
    let resolver = PartlyKnown(zone, known: Set(known))
    let settings = EvaluatorSettings(receivingHost: "mx.receiver.example")
    func begin(_ resolver: any Resolver) throws -> MessageEvaluation {
      try Evaluator(settings: settings, resolver: resolver).begin(.test(), now: testTime)
    }

    let evaluation = try begin(resolver)
    let checks = evaluation.runKnownChecks()
    #expect(checks.count == left)
    #expect(resolver.asked.withLock { $0.isEmpty })
    for check in checks { check() }
    #expect(resolver.asked.withLock { $0 } == asked)
    evaluation.take([MessageReader.Piece.endOfHeaders])
    let whole = try begin(zone)
    whole.take([MessageReader.Piece.endOfHeaders])
    #expect(evaluation.finish() == whole.finish())
  }

  @Test func knownChecksAreCarriedOutOnceAlsoWhenTheyAreNeverOffered() throws {
    let resolver = Silent()
    let evaluation = try begin(resolver)
    #expect(evaluation.runKnownChecks().count == 2)
    evaluation.take([MessageReader.Piece.endOfHeaders])
    #expect(evaluation.finish().mailFromSPF.result == .temperror)
    #expect(resolver.asked.withLock { $0.count } == 2)
  }
}
