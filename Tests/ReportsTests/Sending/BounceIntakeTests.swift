import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

@Suite struct BounceIntakeTests {
  private let scene: SendingScene
  private let address: BounceAddress

  init() throws {
    scene = try SendingScene(domains: ["a.example"])
    address = BounceAddress(try #require(MailAddress("dmarc-bounce@receiver.example")))
    try scene.plan()
    try scene.run()
  }

  private func intake(bounces: Int = 3, isDryRun: Bool = false) -> BounceIntake {
    var settings = BounceIntake.Settings()
    settings.bouncesBeforeSuppression = bounces
    return BounceIntake(
      store: scene.store, bounceAddress: address, settings: settings, isDryRun: isDryRun)
  }

  /// A bounce of the only delivery, to its own address unless `to` says otherwise.
  private func bounce(
    to recipient: String? = nil, action: String = "failed", status: String = "5.1.1",
    of original: String = "dmarc@a.example", subject: String? = nil
  ) throws -> [UInt8] {
    let delivery = try #require(try scene.deliveries().first { $0.token.utf8.count == 26 })
    let to = recipient ?? "dmarc-bounce+\(delivery.token)@receiver.example"
    let subject =
      subject ?? "Report Domain: a.example Submitter: mx Report-ID: <\(delivery.reportID)>"
    return Array(
      """
      From: MAILER-DAEMON@mx.a.example
      To: \(to)
      Subject: Undelivered Mail Returned to Sender
      MIME-Version: 1.0
      Content-Type: multipart/report; report-type=delivery-status; boundary="b"

      --b
      Content-Type: text/plain

      Sorry.
      --b
      Content-Type: message/delivery-status

      Reporting-MTA: dns; mx.a.example

      Final-Recipient: rfc822; \(original)
      Action: \(action)
      Status: \(status)
      Diagnostic-Code: smtp; 550 no such user

      --b
      Content-Type: text/rfc822-headers

      From: noreply-dmarc@receiver.example
      Subject: \(subject)

      --b--

      """.replacing("\n", with: "\r\n").utf8)
  }

  @Test func marksTheDeliveryThatItsAddressNames() throws {
    let mail = try bounce(subject: "x")
    let result = try intake().take(mail, recipient: nil, now: scene.now)
    #expect(result.delivery?.state == .bounced)
    #expect(result.suppression == nil)
    #expect(try scene.onlyDelivery().state == .bounced)
    #expect(try scene.onlyDelivery().reason == "5.1.1 550 no such user")
  }

  @Test func takesTheRecipientThatTheMailServerNames() throws {
    let token = try scene.onlyDelivery().token
    let mail = try bounce(to: "somebody@receiver.example", subject: "x")
    let result = try intake().take(
      mail, recipient: "dmarc-bounce+\(token)@receiver.example", now: scene.now)
    #expect(result.delivery?.state == .bounced)
  }

  @Test func findsTheDeliveryByTheReportIDAndTheAddress() throws {
    let to = "postmaster@receiver.example"
    let other = try intake().take(
      bounce(to: to, of: "else@a.example"), recipient: nil, now: scene.now)
    #expect(other.delivery == nil)
    let result = try intake().take(bounce(to: to), recipient: nil, now: scene.now)
    #expect(result.delivery?.state == .bounced)
  }

  @Test(arguments: [("delayed", "4.4.1"), ("delivered", "2.0.0"), ("relayed", "2.0.0")])
  func changesNothingForOtherNotifications(action: String, status: String) throws {
    let mail = try bounce(action: action, status: status)
    #expect(try intake().take(mail, recipient: nil, now: scene.now).delivery == nil)
    #expect(try scene.onlyDelivery().state == .sent)
  }

  @Test func changesNothingForMailThatIsNoBounceOfOurs() throws {
    for mail in [
      Array("Subject: out of office\r\n\r\nI am away.\r\n".utf8), [],
      try bounce(to: "dmarc-bounce+nobody@receiver.example", subject: "x"),
    ] {
      let result = try intake().take(mail, recipient: nil, now: scene.now)
      #expect(result.delivery == nil)
      #expect(result.text.hasPrefix("nothing done: "))
    }
    #expect(try scene.onlyDelivery().state == .sent)
  }

  @Test func hasABounceComeAgainThatIsFasterThanTheRecord() throws {
    var delivery = try scene.onlyDelivery()
    delivery.state = .sending
    #expect(try scene.store.change(delivery, from: .sent))
    let mail = try bounce()
    #expect(throws: BounceTooEarly.self) {
      try intake().take(mail, recipient: nil, now: scene.now)
    }
  }

  @Test func stopsWritingAfterSoManyBounces() throws {
    // Reports of other days to the same address, one of them too long ago.
    for (number, age) in [(1, Int64(1)), (2, 29), (3, 31)] {
      var report = try #require(try scene.store.reports(ReportFilter()).first)
      var delivery = try #require(try scene.store.deliveries(ofReport: report.reportID).first)
      report.reportID = "other\(number)"
      delivery.reportID = report.reportID
      delivery.state = .bounced
      delivery.token = "token\(number)"
      delivery.changedAt = scene.now - age * 86_400
      #expect(try scene.store.keep(report, [delivery]))
    }
    let token = try #require(try scene.deliveries().first { $0.state == .sent }).token
    let mail = try bounce(
      to: "dmarc-bounce+\(token)@receiver.example", subject: "x")
    #expect(
      try intake(bounces: 4, isDryRun: true).take(mail, recipient: nil, now: scene.now)
        .suppression == nil)
    let result = try intake().take(mail, recipient: nil, now: scene.now)
    #expect(result.suppression != nil)
    let entry = try #require(try scene.store.suppressions().first)
    #expect(entry.subject == .address("dmarc@a.example"))
    #expect(entry.origin == .bounces)
    #expect(entry.reason == "3 reports came back")
    #expect(entry.expiresAt == scene.now + 90 * 86_400)
  }

  @Test func suppressesWhenItWasEndedAfterMarking() throws {
    _ = try intake(bounces: 2).take(bounce(), recipient: nil, now: scene.now)
    #expect(try scene.store.suppressions().isEmpty)
    let again = try intake(bounces: 1).take(bounce(), recipient: nil, now: scene.now)
    #expect(again.suppression != nil)
  }

  @Test func leavesTheAdministratorsEntryAlone() throws {
    let entry = Suppression(
      subject: .address("dmarc@a.example"), reason: "by hand", origin: .manual, createdAt: 0,
      expiresAt: nil)
    try scene.store.suppress(entry)
    _ = try intake(bounces: 1).take(bounce(), recipient: nil, now: scene.now)
    #expect(try scene.store.suppressions() == [entry])
  }

  @Test func aDryRunChangesNothing() throws {
    let result = try intake(bounces: 1, isDryRun: true)
      .take(bounce(), recipient: nil, now: scene.now)
    #expect(result.delivery?.state == .bounced)
    #expect(result.suppression != nil)
    #expect(try scene.onlyDelivery().state == .sent)
    #expect(try scene.store.suppressions().isEmpty)
  }
}
