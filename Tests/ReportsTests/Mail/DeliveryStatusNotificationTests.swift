import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Bounces of many kinds.
///
/// A real one of Postfix is in ``PostfixTransportTests``.
@Suite struct DeliveryStatusNotificationTests {
  private static func notification(
    header: String = "To: <report-bounce+tok1@example.org>\n", status: String, returned: String,
    returnedType: String = "message/rfc822", encoding: String = "7bit"
  ) -> String {
    """
    From: MAILER-DAEMON@mx.example.net
    \(header)Subject: Undelivered
    MIME-Version: 1.0
    Content-Type: multipart/report; report-type=delivery-status; boundary="b"

    --b

    Sorry.
    --b
    Content-Type: message/delivery-status
    Content-Transfer-Encoding: \(encoding)

    \(status)
    --b
    Content-Type: \(returnedType)

    \(returned)
    --b--

    """
  }

  private static let failed = """
    Reporting-MTA: dns; mx.example.net
    Arrival-Date: Fri, 20 Nov 2026 23:43:31 +0000

    Original-Recipient: rfc822;dmarc@example.com
    Final-Recipient: rfc822; DMARC@inner.example.com
    Action: failed
    Status: 5.1.1 (bad destination)
    Diagnostic-Code: smtp; 550 5.1.1 no such
      user
    """
  private static let returned = """
    From: reports@example.org
    Message-ID: <abc123.tok1@example.org>
    Subject: Report Domain: example.com Submitter: receiver.example
     Report-ID: <abc123>

    body
    """

  private func read(_ text: String, envelopeRecipient: String? = nil) throws
    -> DeliveryStatusNotification
  {
    let addresses = BounceAddress(try #require(MailAddress("report-bounce@example.org")))
    let octets = Array(text.utf8)
    let read = try DeliveryStatusNotification(
      parsing: octets, bounceAddress: addresses, envelopeRecipient: envelopeRecipient)
    let withCRLF = Array(text.replacing("\n", with: "\r\n").utf8)
    #expect(
      try DeliveryStatusNotification(
        parsing: withCRLF, bounceAddress: addresses, envelopeRecipient: envelopeRecipient) == read)
    return read
  }

  @Test func tellsWhatBecameOfWhichReport() throws {
    let read = try read(Self.notification(status: Self.failed, returned: Self.returned))
    #expect(
      read.recipients == [
        .init(
          finalRecipient: "DMARC@inner.example.com", originalRecipient: "dmarc@example.com",
          action: .failed, status: "5.1.1", diagnostic: "550 5.1.1 no such user")
      ])
    #expect(read.outcome == .failure)
    #expect(read.reportingServer == "mx.example.net")
    #expect(read.messageID == "<abc123.tok1@example.org>")
    #expect(read.reportID == "abc123")
    #expect(read.token == "tok1")
  }

  @Test(arguments: [
    (["delayed"], DeliveryStatusNotification.Outcome.delay), (["delivered"], .success),
    (["relayed", "expanded"], .success), (["delivered", "delayed"], .delay),
    (["delayed", "FAILED", "delivered"], .failure),
  ])
  func oneFailureIsAFailure(
    actions: [String], outcome: DeliveryStatusNotification.Outcome
  ) throws {
    let groups = actions.map { "Final-Recipient: rfc822; a@b.example\nAction: \($0)\n" }
    let status = (["Reporting-MTA: dns; x\n"] + groups).joined(separator: "\n")
    let read = try read(Self.notification(status: status, returned: Self.returned))
    #expect(read.recipients.count == actions.count)
    #expect(read.outcome == outcome)
  }

  @Test(arguments: [
    ("5.0.0", DeliveryStatusNotification.Outcome.failure), ("4.4.1", .delay), ("2.0.0", .success),
  ])
  func theStatusStandsInForAMissingAction(
    status: String, outcome: DeliveryStatusNotification.Outcome
  ) throws {
    let text = "Final-Recipient: a@b.example\nStatus: \(status)"
    #expect(try read(Self.notification(status: text, returned: "")).outcome == outcome)
  }

  @Test func anEncodedStatusIsRead() throws {
    let status = """
      RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAYi5leGFtcGxlCkFjdGlvbjogZmFpbGVkCg==
      """
    let read = try read(Self.notification(status: status, returned: "", encoding: "base64"))
    #expect(read.recipients.map(\.finalRecipient) == ["a@b.example"])
    #expect(read.messageID == nil && read.reportID == nil)
  }

  @Test(arguments: [
    "Report-ID: <abc123>", "report domain: x submitter: y report-id: abc123", "Report-ID:abc123",
    "Fwd: Report Domain: x Report-ID: <abc123> etc", "Report-ID: abc123;",
  ])
  func findsTheReportIDInASubject(subject: String) throws {
    let header = "Subject: \(subject)\nMessage-Id: <x@y>"
    let read = try read(
      Self.notification(
        status: Self.failed, returned: header, returnedType: "text/rfc822-headers"))
    #expect(read.reportID == "abc123")
    #expect(read.messageID == "<x@y>")
  }

  @Test(arguments: [
    ("X-Original-To: report-bounce+one@example.org\nTo: report-bounce+two@example.org\n", "one"),
    ("To: <report-bounce+two@example.org>\nDelivered-To: report-bounce+one@example.org\n", "one"),
    ("To: \"A, B\" <x@example.net>,\n <report-bounce+one@example.org>\n", "one"),
    ("To: x@example.net\n", nil), ("", nil), ("To: report-bounce+one@example.net\n", nil),
  ])
  func findsTheTokenInTheHeader(header: String, token: String?) throws {
    let text = Self.notification(header: header, status: Self.failed, returned: "")
    #expect(try read(text).token == token)
    // What the mail server says counts alone.
    let given = try read(text, envelopeRecipient: "report-bounce+given@example.org")
    #expect(given.token == "given")
    #expect(try read(text, envelopeRecipient: "somebody@example.org").token == nil)
  }

  @Test func wordsOfOthersArePrintableAndShort() throws {
    let status = """
      Final-Recipient: rfc822; a\u{7}b@b.example
      Action: failed
      Diagnostic-Code: smtp; 550 ü \(String(repeating: "x", count: 5000))
      """
    let recipient = try #require(
      try read(Self.notification(status: status, returned: "")).recipients.first)
    #expect(recipient.finalRecipient == "a\\x07b@b.example")
    #expect(try #require(recipient.diagnostic).utf8.count < 520)
    #expect(recipient.diagnostic?.utf8.allSatisfy { (0x20...0x7E).contains($0) } == true)
  }

  // MARK: - Refusals

  @Test func aTextForPeopleIsNoNotification() throws {
    let qmail = """
      From: MAILER-DAEMON@mx.example.net
      To: report-bounce+tok1@example.org
      Subject: failure notice

      Hi. This is the qmail-send program at mx.example.net.
      I'm afraid I wasn't able to deliver your message to the following addresses.

      <dmarc@example.com>:
      Sorry, no mailbox here by that name. (#5.1.1)

      """
    let error = #expect(throws: DeliveryStatusError.self) { try read(qmail) }
    #expect(error == .noStatus(mediaType: "text/plain", subject: "failure notice"))
    #expect(error?.description.contains("RFC 3464") == true)
  }

  @Test(arguments: ["", "Reporting-MTA: dns; x", "Final-Recipient: rfc822; a@b.example"])
  func aStatusWithoutAnOutcomeIsNone(status: String) throws {
    let text = Self.notification(status: status, returned: Self.returned)
    #expect(throws: DeliveryStatusError.noRecipient) { try read(text) }
  }

  @Test func aForwardedNotificationIsNotOurs() throws {
    let inner = Self.notification(status: Self.failed, returned: "")
    let text = "Content-Type: message/rfc822\nTo: x@example.org\n\n\(inner)"
    #expect(throws: DeliveryStatusError.noStatus(mediaType: "message/rfc822", subject: "")) {
      try read(text)
    }
  }

  @Test func aBrokenMailIsSaidToBeBroken() throws {
    #expect(throws: DeliveryStatusError.unreadable(.noBoundary)) {
      try read("Content-Type: multipart/report\n\nx\n")
    }
  }
}
