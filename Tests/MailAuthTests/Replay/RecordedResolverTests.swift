import Foundation
import TestSupport
import Testing

@testable import MailAuth

/// Recorded answers of the DNS, and what becomes of questions that were not asked.
@Suite struct RecordedResolverTests {
  private static let answers = [
    RecordedAnswer(
      name: "example.com", type: .txt, outcome: .answer,
      records: [.txt([Array("v=spf1 ".utf8), Array("-all".utf8)]), .txt([[0xFF, 0x00]])]),
    RecordedAnswer(
      name: "mail.example.com", type: .mx, outcome: .answer,
      records: [.mx(preference: 10, host: "mx.example.com"), .mx(preference: 0, host: "")]),
    RecordedAnswer(
      name: "mail.example.com", type: .aaaa, outcome: .answer,
      records: IPAddress("2001:db8::1").map { [.address($0)] } ?? []),
    RecordedAnswer(
      name: "1.2.0.192.in-addr.arpa", type: .ptr, outcome: .answer,
      records: [.ptr("mail.example.com")]),
    RecordedAnswer(name: "slow.example.com", type: .txt, outcome: .timeout, detail: "too late"),
    RecordedAnswer(name: "gone.example.com", type: .txt, outcome: .nxdomain),
    RecordedAnswer(name: "empty.example.com", type: .a, outcome: .nodata),
    RecordedAnswer(name: "forged.example.com", type: .txt, outcome: .bogus),
  ]

  @Test func answersAreKeptAsTheyWere() throws {
    let data = try JSONEncoder().encode(Self.answers)
    #expect(try JSONDecoder().decode([RecordedAnswer].self, from: data) == Self.answers)
  }

  @Test func eachQuestionEndsAsItDid() {
    let resolver = RecordedResolver(Self.answers)
    for recorded in Self.answers {
      let answer = resolver.answer(recorded.question, deadline: nil)
      #expect(answer.outcome == recorded.outcome)
      #expect(answer.records == recorded.records)
    }
    #expect(resolver.unrecordedQuestions.isEmpty)
  }

  @Test func whatWasNotAskedIsAFailureAndNamed() {
    let resolver = RecordedResolver(Self.answers)
    // The name does not exist for TXT, and nobody asked for its address.
    for name in ["gone.example.com", "other.example.com", "gone.example.com"] {
      let answer = resolver.answer(DNSQuestion(name, .a), deadline: nil)
      #expect(answer.outcome == .servfail)
      #expect(answer.detail == "not asked when the message was recorded")
    }
    #expect(
      resolver.unrecordedQuestions == [
        DNSQuestion("gone.example.com", .a), DNSQuestion("other.example.com", .a),
      ])
  }

  @Test func ofSeveralAnswersOneThatIsNoFailureCounts() {
    let question = DNSQuestion("example.com", .txt)
    let answers = [DNSOutcome.timeout, .nodata, .nxdomain].map {
      RecordedAnswer(name: "example.com", type: .txt, outcome: $0)
    }
    #expect(RecordedResolver(answers).answer(question, deadline: nil).outcome == .nodata)
    #expect(RecordedResolver.questionsWithSeveralAnswers(answers) == [question])
    #expect(RecordedResolver.questionsWithSeveralAnswers(Self.answers + Self.answers).isEmpty)
  }

  @Test func anEvaluationTellsItsAnswers() throws {
    let evaluator = try Evaluator.test(
      zone: """
        example.com: [{TXT: "v=spf1 mx -all"}, {MX: [10, mail.example.com]}]
        mail.example.com: [{A: 192.0.2.1}]
        """)
    let evaluation = evaluator.begin(.test(mailFrom: "ann@example.com"), now: testTime)
    evaluation.take([HeaderField].test().map { .field($0) } + [.endOfHeaders])
    let first = evaluation.finish()
    #expect(first.mailFromSPF.result == .pass)
    #expect(evaluation.recordedAnswers.map(\.name) == first.dns.map(\.name))

    let resolver = RecordedResolver(evaluation.recordedAnswers)
    let again = try Evaluator(
      settings: EvaluatorSettings(receivingHost: "mx.receiver.example"), resolver: resolver
    ).evaluate(header: .test(), body: "", envelope: .test(mailFrom: "ann@example.com"))
    #expect(again.mailFromSPF == first.mailFromSPF)
    #expect(again.dmarc == first.dmarc)
    #expect(resolver.unrecordedQuestions.isEmpty)
  }
}
