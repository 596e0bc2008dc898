import Dispatch
import Foundation
import MailAuth
import TestSupport
import Testing

// Inside the suite of the resolver, since resolvers are tested one at a time.
extension LiveResolverTests {
  /// How many answers of the DNS a message waits for one after the other: the time it takes, in
  /// round trips instead of seconds.
  @Suite struct RoundTrips {
    struct Story: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var author = "news@mail.shop.example"
      var returnPath = "bounce@mail.shop.example"
      var signingDomain = "shop.example"
      var zone: [String: [DNSServerRecord]] = [:]
      var dmarc = DMARCResult.pass
      var isAligned = true
      /// The most round trips from MAIL on, when the whole message is there at once.
      var fromMAIL: Int
      /// The most round trips at end of message, when all answers came in while it arrived.
      var afterSlowBody: Int
    }

    private static let stories = [
      Story(testDescription: "one organization", fromMAIL: 2, afterSlowBody: 0),
      Story(
        testDescription: "an ESP's return path with an address behind the include",
        returnPath: "bounce@b.eu.esp.example",
        zone: [
          "b.eu.esp.example": [.txt("v=spf1 include:spf.esp.example -all")],
          "spf.esp.example": [.txt("v=spf1 a:out.esp.example ?all")],
          "out.esp.example": [.address("192.0.2.1")],
        ],
        fromMAIL: 3, afterSlowBody: 0),
      Story(
        testDescription: "an ESP that signs with its own domain too",
        returnPath: "bounce@b.eu.esp.example", signingDomain: "a.b.c.d.e.f.signer.example",
        zone: [
          "b.eu.esp.example": [.txt("v=spf1 include:spf.esp.example -all")],
          "spf.esp.example": [.txt("v=spf1 ip4:192.0.2.0/24 ?all")],
          "_dmarc.esp.example": [.txt("v=DMARC1; p=none")],
        ],
        dmarc: .fail, isAligned: false, fromMAIL: 2, afterSlowBody: 0),
      Story(
        testDescription: "an author of another name than the signer's",
        author: "a@deep.below.news.shop.example", returnPath: "bounce@shop.example",
        zone: ["shop.example": [.txt("v=spf1 include:spf.shop.example -all")]],
        fromMAIL: 2, afterSlowBody: 1),
      Story(
        testDescription: "a null return path",
        returnPath: "", fromMAIL: 2, afterSlowBody: 0),
    ]

    private static let zone: [String: [DNSServerRecord]] = [
      "mail.shop.example": [.txt("v=spf1 include:spf.shop.example -all")],
      "spf.shop.example": [.txt("v=spf1 ip4:192.0.2.0/24 ?all")],
      "_dmarc.shop.example": [.txt("v=DMARC1; p=reject; rua=mailto:d@shop.example")],
    ]

    /// A message whose evaluation has begun as the milter begins it at MAIL.
    private struct Begun {
      var evaluation: MessageEvaluation
      /// Ends with the early checks.
      var checks: DispatchGroup
    }

    private func begin(_ story: Story, _ evaluator: Evaluator) -> Begun {
      let evaluation = evaluator.begin(
        .test(helo: "mail.shop.example", mailFrom: story.returnPath), now: testTime)
      let checks = DispatchGroup()
      for check in evaluation.earlyChecks {
        checks.enter()
        Thread.detachNewThread {
          check()
          checks.leave()
        }
      }
      return Begun(evaluation: evaluation, checks: checks)
    }

    private func takeMessage(_ story: Story, _ evaluation: MessageEvaluation) {
      let header = TestSigner(domain: story.signingDomain)
        .signed(.test(from: story.author), body: "Hello.\r\n")
      evaluation.take(
        header.map { .field($0) } + [.endOfHeaders, .body(Array("Hello.\r\n".utf8))])
    }

    private func server(for story: Story) throws -> DNSServer {
      let signer = TestSigner(domain: story.signingDomain)
      let zone = Self.zone.merging(story.zone) { $1 }
        .merging([signer.keyName: [.txt(TestSigner.keyRecord)]]) { $1 }
      return try DNSServer(zone: zone, inRounds: true)
    }

    private func check(_ result: Evaluation, _ story: Story) {
      #expect(result.mailFromSPF.result == .pass, "\(result.mailFromSPF.explanation)")
      #expect(result.dkim.map(\.result) == [.pass])
      #expect(result.dmarc.result == story.dmarc, "\(result.dmarc.explanation)")
      #expect(result.dmarc.policyDomain?.text == "shop.example")
      #expect(
        (result.mailFromSPF.alignment?.isAligned == true
          || result.dkim[0].alignment?.isAligned == true) == story.isAligned)
    }

    /// The smallest count of some attempts: a machine that is busy with other things can only make
    /// more rounds of what one round trip would do.
    private func fewestRounds(
      atMost limit: Int, _ attempt: () throws -> Int
    ) rethrows -> Int {
      var fewest = Int.max
      for _ in 0..<5 where fewest > limit { fewest = min(fewest, try attempt()) }
      return fewest
    }

    @Test(arguments: stories) func waitFewFromTheEnvelopeOn(_ story: Story) throws {
      let rounds = try fewestRounds(atMost: story.fromMAIL) {
        let server = try server(for: story)
        let evaluator = try Evaluator(
          settings: EvaluatorSettings(receivingHost: "mx.receiver.example"),
          resolver: LiveResolver(LiveResolverSettings(servers: [server.address])))
        let message = begin(story, evaluator)
        takeMessage(story, message.evaluation)
        check(message.evaluation.finish(), story)
        #expect(Set(server.queries).count == server.queries.count)
        return server.rounds
      }
      #expect(rounds == story.fromMAIL)
    }

    @Test(arguments: stories) func waitFewerWhenTheMessageTookItsTime(_ story: Story) throws {
      let rounds = try fewestRounds(atMost: story.afterSlowBody) {
        let server = try server(for: story)
        let resolver = try LiveResolver(LiveResolverSettings(servers: [server.address]))
        let evaluator = try Evaluator(
          settings: EvaluatorSettings(receivingHost: "mx.receiver.example"), resolver: resolver)
        let message = begin(story, evaluator)
        takeMessage(story, message.evaluation)
        message.checks.wait()
        // A question of our own, answered with those that were asked before it.
        _ = resolver.answer(DNSQuestion("body.test", .a), deadline: nil)
        let before = server.rounds
        check(message.evaluation.finish(), story)
        return server.rounds - before
      }
      #expect(rounds <= story.afterSlowBody)
    }
  }
}
