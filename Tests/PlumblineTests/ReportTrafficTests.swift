import MailAuth
import TestSupport
import Testing

@testable import plumbline

/// Which messages count as being about our own reports.
@Suite struct ReportTrafficTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var from = "user@example.com"
    var mailFrom = "user@example.com"
    var recipients = ["reader@receiver.example"]
    var spf = SPFResult.pass
    let isOurs: Bool
  }

  static let cases = [
    Case(testDescription: "ordinary mail", isOurs: false),
    Case(
      testDescription: "a bounce", mailFrom: "",
      recipients: ["dmarc-bounce+TOKEN123@Receiver.Example"], isOurs: true),
    Case(
      testDescription: "an auto-reply to the bounce address",
      recipients: ["dmarc-bounce@receiver.example"], isOurs: true),
    Case(
      testDescription: "an answer to the report's author",
      recipients: ["NoReply-dmarc@receiver.example"], isOurs: true),
    Case(
      testDescription: "our own report, come back",
      from: "\"Receiver\" <noreply-dmarc@receiver.example>", isOurs: true),
    Case(
      testDescription: "our reverse-path", mailFrom: "dmarc-bounce+abc@receiver.example",
      isOurs: true),
    Case(
      testDescription: "our reverse-path, forged", mailFrom: "dmarc-bounce+abc@receiver.example",
      spf: .fail, isOurs: false),
    Case(
      testDescription: "another recipient besides",
      recipients: ["dmarc-bounce@receiver.example", "reader@receiver.example"], isOurs: false),
    Case(
      testDescription: "another author besides",
      from: "noreply-dmarc@receiver.example, ceo@bank.example", isOurs: false),
    Case(
      testDescription: "an address that only begins alike",
      recipients: ["dmarc-bouncer@receiver.example"], isOurs: false),
    Case(
      testDescription: "the same local part elsewhere",
      recipients: ["dmarc-bounce@other.example"], isOurs: false),
  ]

  @Test(arguments: cases)
  func knowsThem(_ sample: Case) throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("report.receiver = 'receiver.example'\n", to: "c.conf")
    let traffic = ReportTraffic(try Configuration.load(path: path).report)
    var envelope = Envelope.test()
    envelope.mailFrom = Array(sample.mailFrom.utf8)
    envelope.recipients = sample.recipients.map { Array($0.utf8) }
    let authors = AuthorAddresses.list(inFrom: Array(sample.from.utf8))
    #expect(traffic.covers(envelope, authors: authors, spf: sample.spf) == sample.isOurs)
    // What the domains rule out already, the addresses would rule out too.
    let domains = authors.compactMap { author in
      author.split(separator: "@").last.flatMap { DomainName(String($0)) }
    }
    let isOurs = traffic.covers(
      envelope, authorDomains: domains, authors: authors, spf: sample.spf)
    #expect(isOurs == sample.isOurs)
  }
}
