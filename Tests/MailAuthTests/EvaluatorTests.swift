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
}
