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
    let evaluation = evaluator.begin(
      Envelope(
        clientAddress: try #require(IPAddress(message.client)), helo: Array(message.helo.utf8),
        mailFrom: Array(message.mailFrom.utf8), recipients: [Array(message.recipient.utf8)]),
      now: 1_760_000_000)
    var reader = MessageReader()
    for piece in reader.read(try message.bytes()) + reader.finish() {
      switch piece {
      case .field(let field): evaluation.addHeader(field)
      case .endOfHeaders: evaluation.endHeaders()
      case .body(let octets): unsafe octets.withUnsafeBytes { unsafe evaluation.addBody($0) }
      }
    }
    let result = evaluation.finish()

    #expect(result.authorDomain?.text == expected.authorDomain)
    #expect(result.mailFromSPF.result == expected.spf)
    #expect(result.mailFromSPF.cause == expected.spfCause)
    #expect(result.dkim.map { "\($0.result) \($0.cause)" } == expected.dkim)
    #expect(result.dmarc.result == expected.dmarc)
    #expect(result.dmarc.cause == expected.dmarcCause)
  }
}
