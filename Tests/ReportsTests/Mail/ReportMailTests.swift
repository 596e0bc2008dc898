import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// The mail around an aggregate report.
@Suite struct ReportMailTests {
  static let fileName =
    "receiver.example!example.com!1795132800!1795219199!abc123.xml.gz"
  static let attachment = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31) }

  private func mail(
    domain: String = "example.com", fileName: String = fileName,
    attachment: [UInt8] = attachment, token: String = "tok1"
  ) throws -> ReportMail {
    ReportMail(
      reportID: "abc123", policyDomain: try #require(DomainName(domain)),
      period: 1_795_132_800..<1_795_219_200, messages: 7, fileName: fileName,
      attachment: attachment, recipient: try #require(MailAddress("dmarc@example.com")),
      token: token)
  }

  private func settings(
    name: String? = "Receiver Example", receiver: String = "receiver.example",
    sender: ReportMailSettings.EnvelopeSender = .null
  ) throws -> ReportMailSettings {
    ReportMailSettings(
      from: try #require(MailAddress("dmarc-reports@receiver.example")), displayName: name,
      receiver: try #require(DomainName(receiver)),
      contacts: ["postmaster@receiver.example", "https://receiver.example/dmarc"],
      envelopeSender: sender)
  }

  private func compose(
    _ mail: ReportMail, _ settings: ReportMailSettings, signer: DKIMSigner? = nil
  ) throws -> OutgoingMail {
    let composed = try mail.compose(settings, signer: signer, now: testTime)
    try expectLegal(composed.octets)
    return composed
  }

  /// RFC 5322 section 2.1.1 and 2.3: ASCII, CRLF only, no line over 998 octets.
  private func expectLegal(_ octets: [UInt8]) throws {
    let text = try #require(String(bytes: octets, encoding: .ascii))
    let lines = text.components(separatedBy: "\r\n")
    #expect(lines.allSatisfy { $0.utf8.count <= 998 && !$0.utf8.contains { $0 == 13 || $0 == 10 } })
    #expect(lines.last == "")
  }

  @Test func isWhatTheStandardAsksFor() throws {
    let outgoing = try compose(mail(), settings())
    #expect(outgoing.envelopeSender == nil)
    #expect("\(outgoing.recipient)" == "dmarc@example.com")

    let message = try MIMEEntity(parsing: outgoing.octets)
    let fields = message.fields.map { String(decoding: $0.name, as: UTF8.self) }
    #expect(
      fields == [
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
        "Content-Type",
      ])
    #expect(message.text(of: "From") == "Receiver Example <dmarc-reports@receiver.example>")
    #expect(message.text(of: "To") == "dmarc@example.com")
    #expect(message.text(of: "Date") == "Fri, 20 Nov 2026 23:43:31 +0000")
    #expect(message.text(of: "Message-ID") == "<abc123.tok1@receiver.example>")
    #expect(message.text(of: "Auto-Submitted") == "auto-generated")
    #expect(message.mediaType == "multipart/mixed")
    #expect(message.children.map(\.mediaType) == ["text/plain", "application/gzip"])
    let report = try #require(message.children.last)
    #expect(report.parameters["name"] == Self.fileName)
    #expect(report.contentDisposition?.value == "attachment")
    #expect(report.contentDisposition?.parameters["filename"] == Self.fileName)
    #expect(report.text(of: "Content-Transfer-Encoding") == "base64")
    let base64 = report.encodedBody.split(separator: 0x0A)
    #expect(base64.dropLast().allSatisfy { $0.count == 77 })
    #expect(try report.decodedBody() == Self.attachment)
    let text = String(decoding: try message.children[0].decodedBody(), as: UTF8.self)
    for words in [
      "about example.com", "7 messages", "from 2026-11-20 00:00:00 to 2026-11-20 23:59:59 UTC",
      "Contact: postmaster@receiver.example", "Contact: https://receiver.example/dmarc",
    ] {
      #expect(text.contains(words), "\(text)")
    }
  }

  @Test func aPlainReportIsTextXML() throws {
    let name = String(Self.fileName.dropLast(3))
    let outgoing = try compose(mail(fileName: name, attachment: Array("<a/>".utf8)), settings())
    let part = try #require(try MIMEEntity(parsing: outgoing.octets).children.last)
    #expect(part.mediaType == "text/xml")
    #expect(try part.decodedBody() == Array("<a/>".utf8))
  }

  @Test(arguments: ["example.com", longest("a"), "xn--espaa-rta.example"])
  func theSubjectFoldsBetweenWordsOnly(domain: String) throws {
    let receiver = domain.utf8.count > 100 ? Self.longest("b") : "receiver.example"
    let outgoing = try compose(mail(domain: domain), settings(receiver: receiver))
    let message = try MIMEEntity(parsing: outgoing.octets)
    let words = try #require(message.text(of: "Subject"))
      .split(whereSeparator: { $0 == " " || $0 == "\t" })
    #expect(
      words == [
        "Report", "Domain:", Substring(domain), "Submitter:", Substring(receiver), "Report-ID:",
        "<abc123>",
      ])
    #expect(
      DeliveryStatusNotification.reportID(inSubject: words.joined(separator: " ")) == "abc123")
  }

  static func longest(_ letter: String) -> String {
    let label = String(repeating: letter, count: 62)
    return [label, label, label, label, "x"].joined(separator: ".")
  }

  @Test(arguments: [
    ("Plain Name", "Plain Name"), ("Ñandú & Söhne", "Ñandú & Söhne"),
    ("A, B; \"C\\", "A, B; \"C\\"),
    ("evil\r\nBcc: x@example.net\r\n\r\nbody", "evil Bcc: x@example.net body"),
    ("a\u{0}b\u{7F}c\u{85}d", "a b c d"), ("=?utf-8?q?x?=", "=?utf-8?q?x?="),
    (String(repeating: "ñ字😀 ", count: 60), String(repeating: "ñ字😀 ", count: 60)),
  ])
  func aNameIsOneNameAndNothingElse(name: String, seen: String) throws {
    let outgoing = try compose(mail(), settings(name: name))
    let message = try MIMEEntity(parsing: outgoing.octets)
    #expect(message.fields.count == 8)
    let from = try #require(message.text(of: "From"))
    #expect(from.hasSuffix("<dmarc-reports@receiver.example>"))
    // Another reader, so that our own encoding and decoding cannot agree on a mistake.
    let read = try Self.readByPython(outgoing.octets)
    #expect(read.name == seen.trimmingCharacters(in: .whitespaces))
    #expect(read.address == "dmarc-reports@receiver.example")
    #expect(read.fileName == Self.fileName)
    #expect(read.defects == 0)
    #expect(read.attachmentOctets == Self.attachment.count)
  }

  @Test func theSameDeliveryIsTheSameMail() throws {
    let first = try compose(mail(), settings())
    #expect(try compose(mail(), settings()) == first)
    #expect(try compose(mail(token: "tok2"), settings()).octets != first.octets)
  }

  @Test func theEnvelopeSenderMayNameTheDelivery() throws {
    let address = try #require(MailAddress("report-bounce@receiver.example"))
    let outgoing = try compose(
      mail(), settings(sender: .perDelivery(BounceAddress(address))))
    #expect(outgoing.envelopeSender?.description == "report-bounce+tok1@receiver.example")
    #expect(try compose(mail(), settings(sender: .fixed(address))).envelopeSender == address)
  }

  @Test(arguments: [TestKeys.ed25519, TestKeys.rsa2048])
  func aSignedMailPassesDMARC(key: String) throws {
    let signer = DKIMSigner(
      domain: try #require(DomainName("receiver.example")),
      selector: try #require(DomainName("r1")),
      key: try DKIMPrivateKey(pem: Array(key.utf8), source: "test"))
    let outgoing = try compose(mail(), settings(name: "Ñandú"), signer: signer)
    let zone = """
      r1._domainkey.receiver.example:
      - TXT: "\(signer.key.publicKeyRecord)"
      _dmarc.receiver.example:
      - TXT: "v=DMARC1; p=reject; adkim=s"

      """
    let evaluation = try Evaluator.test(zone: zone).evaluate(file: outgoing.octets)
    #expect(evaluation.dkim.map(\.result) == [.pass])
    #expect(evaluation.dmarc.result == .pass)
    // Postfix hands it on with the line ends of the other form.
    let unixLines = outgoing.octets.filter { $0 != 0x0D }
    #expect(try Evaluator.test(zone: zone).evaluate(file: unixLines).dmarc.result == .pass)
  }

  @Test func refusesWhatFitsIntoNoMail() throws {
    #expect(throws: ReportMailError.token("a b")) { try compose(mail(token: "a b"), settings()) }
    let large = [UInt8](repeating: 0, count: ReportMail.largestAttachment + 1)
    #expect(throws: ReportMailError.tooLarge(large.count)) {
      try compose(mail(attachment: large), settings())
    }
    var other = try mail()
    other.reportID = "a!b"
    #expect(throws: ReportMailError.reportID("a!b")) { try compose(other, settings()) }
  }

  struct PythonView: Decodable {
    var name: String
    var address: String
    var fileName: String
    var defects: Int
    var attachmentOctets: Int
  }

  private static func readByPython(_ octets: [UInt8]) throws -> PythonView {
    let script = """
      import email, email.policy, json, sys
      from email.header import decode_header, make_header
      from email.utils import parseaddr
      octets = sys.stdin.buffer.read()
      m = email.message_from_bytes(octets, policy=email.policy.default)
      a = list(m.iter_attachments())[0]
      # The newer interface keeps blanks between encoded words, against RFC 2047 section 6.2.
      name, address = parseaddr(email.message_from_bytes(octets)["From"])
      defects = len(m.defects) + sum(len(p.defects) for p in m.walk())
      print(json.dumps({"name": str(make_header(decode_header(name))),
        "address": address,
        "fileName": a.get_filename(), "defects": defects,
        "attachmentOctets": len(a.get_content())}))
      """
    let result = try Program.run("/usr/bin/python3", ["-c", script], input: Data(octets))
    guard result.status == 0 else { throw FixtureError("python3: \(result.errors)") }
    return try JSONDecoder().decode(PythonView.self, from: Data(result.output.utf8))
  }
}
