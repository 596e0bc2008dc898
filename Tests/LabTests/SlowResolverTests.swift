import MailAuth
import Testing

@testable import Lab

/// The clock that late DNS answers move on, without anybody waiting.
@Suite struct SlowResolverTests {
  private static func resolver(_ delays: [Int64]) throws -> SlowResolver {
    let names = delays.indices.map { "n\($0).example" }
    let zone = try ZoneResolver(
      yaml: names.map { "\($0):\n  - TXT: x\n" }.joined(), source: "zone")
    let resolver = SlowResolver(
      zone, delays: Dictionary(uniqueKeysWithValues: zip(names, delays)))
    resolver.begin(
      ReceiverSettings(
        evaluator: EvaluatorSettings(receivingHost: "mx.example"),
        verdicts: VerdictSettings(authservID: "mx.example"), dnsTimeoutSeconds: 5,
        deadlineSeconds: 10))
    return resolver
  }

  private static func outcomes(_ resolver: SlowResolver, _ numbers: Range<Int>) -> [DNSOutcome] {
    numbers.map { resolver.answer(question($0), deadline: nil).outcome }
  }

  private static func question(_ number: Int) -> DNSQuestion {
    DNSQuestion("n\(number).example", .txt)
  }

  @Test(arguments: [
    ([0, 4, 4], [DNSOutcome.answer, .answer, .answer]), ([4, 4, 4], [.answer, .answer, .timeout]),
    ([5, 0, 0], [.timeout, .answer, .answer]), ([60, 60, 0], [.timeout, .timeout, .timeout]),
  ])
  func waitsForOneAfterTheOther(_ delays: [Int64], _ outcomes: [DNSOutcome]) throws {
    #expect(Self.outcomes(try Self.resolver(delays), 0..<3) == outcomes)
  }

  @Test func waitsOnceForWhatIsAskedTogether() throws {
    let resolver = try Self.resolver([4, 4, 4])
    resolver.prefetch((0..<3).map(Self.question))
    #expect(Self.outcomes(resolver, 0..<3) == [.answer, .answer, .answer])
  }

  @Test func givesEachCheckTheWholeTime() throws {
    let resolver = try Self.resolver([4, 4, 4])
    #expect(Self.outcomes(resolver, 0..<2) == [.answer, .answer])
    resolver.restart()
    #expect(Self.outcomes(resolver, 2..<3) == [.answer])
  }

  @Test func asksAgainOnlyForTheNextMessage() throws {
    let resolver = try Self.resolver([4, 4, 4])
    #expect(Self.outcomes(resolver, 0..<1) + Self.outcomes(resolver, 0..<1) == [.answer, .answer])
    #expect(Self.outcomes(resolver, 1..<2) == [.answer])
    resolver.begin(
      ReceiverSettings(
        evaluator: EvaluatorSettings(receivingHost: "mx.example"),
        verdicts: VerdictSettings(authservID: "mx.example"), dnsTimeoutSeconds: 3))
    #expect(Self.outcomes(resolver, 0..<1) == [.timeout])
  }
}
