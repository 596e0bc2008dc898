import MailAuth
import TestSupport
import Testing

/// The messages of `conf/demo` show what their list says, whoever changed them or the zone last.
@Suite struct DemoMessagesTests {
  @Test func eachMessageHasItsExpectation() throws {
    #expect(try DemoMessage.all().map(\.file) == DemoExpectation.all.map(\.file))
  }

  @Test(arguments: DemoExpectation.all)
  func showsWhatItShould(_ expected: DemoExpectation) throws {
    let message = try expected.message()
    let evaluator = try Evaluator(
      settings: EvaluatorSettings(receivingHost: "mx.receiver.example"),
      resolver: try ZoneResolver(contentsOf: DemoMessage.zonePath))
    let result = evaluator.evaluate(
      file: try message.bytes(),
      envelope: .test(
        client: message.client, helo: message.helo, mailFrom: message.mailFrom,
        recipients: [message.recipient]),
      now: 1_760_000_000)

    #expect(result.authorDomain?.text == expected.authorDomain)
    #expect(result.mailFromSPF.result == expected.spf)
    #expect(result.mailFromSPF.cause == expected.spfCause)
    #expect(result.dkim.map { "\($0.result) \($0.cause)" } == expected.dkim)
    #expect(result.dmarc.result == expected.dmarc)
    #expect(result.dmarc.cause == expected.dmarcCause)
  }
}
