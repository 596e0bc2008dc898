import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Any multipart message, failure reports included.
@Suite struct MIMEMessageTests {
  private func message(_ parts: [MIMEPart], seed: String = "seed") -> MIMEMessage {
    MIMEMessage(
      fields: [AddedField(name: "From", value: "a@b.example")],
      subtype: "report; report-type=feedback-report", parts: parts, boundarySeed: seed)
  }

  private func read(_ message: MIMEMessage) throws -> MIMEEntity {
    try MIMEEntity(parsing: message.composed().octets)
  }

  @Test func aFailureReportHasItsParts() throws {
    let report = "Feedback-Type: auth-failure\r\nVersion: 1\r\n"
    let header = "From: x@example.com\nSubject: y\n"
    let read = try read(
      message([
        .text("Für Menschen.\n"),
        MIMEPart(type: "message/feedback-report", encoding: .text, content: Array(report.utf8)),
        MIMEPart(type: "text/rfc822-headers", encoding: .text, content: Array(header.utf8)),
      ]))
    #expect(read.mediaType == "multipart/report")
    #expect(read.parameters["report-type"] == "feedback-report")
    #expect(
      read.children.map(\.mediaType) == [
        "text/plain", "message/feedback-report", "text/rfc822-headers",
      ])
    #expect(read.children[0].parameters["charset"] == "utf-8")
    #expect(try read.children[0].decodedBody() == Array("Für Menschen.\r\n".utf8))
    #expect(try read.children[1].decodedBody() == Array(report.utf8))
    #expect(read.children[1].text(of: "Content-Transfer-Encoding") == "7bit")
    let lines = header.replacing("\n", with: "\r\n")
    #expect(try read.children[2].decodedBody() == Array(lines.utf8))
  }

  @Test(arguments: [
    "", "\n", "a", "=", "trailing blank \nand tab\t\n", "ü", "\u{0}", "a\rb\n",
    String(repeating: "x", count: 998), String(repeating: "x", count: 999),
    String(repeating: "= ü\t", count: 400), ".\n..\nFrom here\n",
  ])
  func textArrivesAsItWas(text: String) throws {
    let composed = message([
      MIMEPart(type: "text/plain", encoding: .text, content: Array(text.utf8))
    ])
    .composed().octets
    #expect(composed.split(separator: 0x0A).allSatisfy { $0.count <= 999 })
    let body = try #require(try MIMEEntity(parsing: composed).children.first).decodedBody()
    var expected = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
    if expected.last?.isEmpty == true { expected.removeLast() }
    #expect(body == Array(expected.flatMap { $0 + [0x0D, 0x0A] }))
  }

  @Test func noContentCanEndItsPart() throws {
    let trap = "--=_seed_0--\r\n--=_seed_1\r\n\r\nX: y\r\n"
    let read = try read(
      message([
        MIMEPart(type: "text/rfc822-headers", encoding: .text, content: Array(trap.utf8)),
        .text("last"),
      ]))
    #expect(read.parameters["boundary"] == "=_seed_2")
    #expect(read.children.count == 2)
    #expect(try read.children[0].decodedBody() == Array(trap.utf8))
  }

  @Test func noValueCanAddAField() throws {
    var message = message([.text("x")], seed: "a\"\r\nX: y")
    message.fields.append(AddedField(name: "Subject", value: "a\r\nBcc: b@example.net"))
    message.parts[0].fileName = "a\"\r\nX-Evil: 1\r\n\r\n"
    let read = try read(message)
    #expect(
      read.fields.map { String(decoding: $0.name, as: UTF8.self) } == [
        "From", "Subject", "MIME-Version", "Content-Type",
      ])
    #expect(read.children.count == 1)
    #expect(read.children[0].fields.count == 3)
  }
}

/// Addresses that need no quoting, and those made of them.
@Suite struct MailAddressTests {
  @Test(arguments: [
    ("dmarc@example.com", "dmarc@example.com"), ("a.b+c=d@EXAMPLE.com", "a.b+c=d@example.com"),
    ("x@españa.example", "x@xn--espaa-rta.example"), ("-f@example.com", "-f@example.com"),
    ("a@b", "a@b"),
  ])
  func readsAddresses(text: String, printed: String) throws {
    let address = try #require(MailAddress(text))
    #expect("\(address)" == printed)
    #expect(MailAddress(printed) == address)
  }

  @Test(arguments: [
    "", "a", "@b.example", "a@", "a b@c.example", "a@b c.example", "\"a b\"@c.example",
    "a..b@c.example",
    ".a@c.example", "a@b@c.example", "a@[192.0.2.1]", "a\r\n@c.example", "ä@c.example",
    "<a@c.example>", "a@c.example,d@e.example", String(repeating: "a", count: 65) + "@c.example",
  ])
  func refusesEverythingElse(text: String) {
    #expect(MailAddress(text) == nil)
  }

  @Test func aBounceAddressCarriesItsToken() throws {
    let base = try #require(MailAddress("Report-Bounce@example.org"))
    let addresses = BounceAddress(base)
    let address = try #require(addresses.address(for: "a1B2"))
    #expect("\(address)" == "Report-Bounce+a1B2@example.org")
    #expect(addresses.token(in: "\(address)") == "a1B2")
    #expect(addresses.token(in: "<report-bounce+a1B2@EXAMPLE.ORG>") == "a1B2")
  }

  @Test(arguments: [
    "report-bounce@example.org", "report-bounce+@example.org", "report-bounce+a-b@example.org",
    "report-bounce+a@example.net", "other+a@example.org", "", "report-bounce+a",
  ])
  func otherAddressesCarryNone(text: String) throws {
    let addresses = BounceAddress(try #require(MailAddress("report-bounce@example.org")))
    #expect(addresses.token(in: text) == nil)
  }

  @Test(arguments: ["", "a b", "ä", "a+b", String(repeating: "a", count: 51)])
  func someTokensFitIntoNoAddress(token: String) throws {
    let addresses = BounceAddress(try #require(MailAddress("report-bounce@example.org")))
    #expect(addresses.address(for: token) == nil)
  }
}
