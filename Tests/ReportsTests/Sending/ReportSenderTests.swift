import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

@Suite struct ReportSenderTests {
  private let scene: SendingScene

  init() throws {
    scene = try SendingScene(domains: ["a.example"])
    try scene.plan()
  }

  private func texts() throws -> [String] {
    try scene.store.events(ofDelivery: scene.onlyDelivery().id).map {
      "\($0.state) \($0.text ?? "-")"
    }
  }

  @Test func recordsEachStep() throws {
    let summary = try scene.run()
    #expect(summary.counts == [.sent: 1])
    #expect(summary.left == 0)
    let delivery = try scene.onlyDelivery()
    #expect(delivery.state == .sent)
    #expect(delivery.answer == "queued as 1")
    #expect(delivery.attempts == 1)
    #expect(delivery.nextAttemptAt == nil)
    #expect(try texts().dropFirst() == ["sending -", "sent queued as 1"])
    #expect(try scene.run().counts == [:])
    #expect(scene.server.mails.count == 1)
  }

  @Test func triesAgainLaterAndLater() throws {
    scene.server.say((1...40).map { TransportAnswer(.temporaryFailure, "451 busy \($0)") })
    var pauses: [Int64] = []
    while true {
      try scene.run()
      let delivery = try scene.onlyDelivery()
      guard let next = delivery.nextAttemptAt else { break }
      #expect(delivery.state == .deferred)
      pauses.append(next - scene.now)
      #expect(try scene.run().counts == [:], "not due yet")
      scene.pass(seconds: next - scene.now)
    }
    #expect(pauses.prefix(6) == [900, 1_800, 3_600, 7_200, 14_400, 14_400])
    #expect(pauses.reduce(0, +) == 172_800)
    let delivery = try scene.onlyDelivery()
    #expect(delivery.state == .failed)
    #expect(
      delivery.reason == "given up after \(delivery.attempts) attempts: \(delivery.answer ?? "")")
    #expect(Set(scene.server.mails.map(\.token)).count == 1)
  }

  @Test func triesTheSameMailAgain() throws {
    scene.server.say([TransportAnswer(.temporaryFailure, "451 busy")])
    try scene.run()
    scene.pass(seconds: 900)
    try scene.run()
    #expect(try scene.onlyDelivery().state == .sent)
    let kept = ["Message-ID", "Subject", "To", "From"]
    let headers = scene.server.mails.map { mail in
      let message = DeliveredMessage(mail.octets.filter { $0 != 0x0D })
      return kept.map { message[$0] }
    }
    #expect(headers.count == 2)
    #expect(headers.first == headers.last)
    #expect(headers.first?.first?.count == 1)
  }

  @Test func givesUpWhatIsRefusedForGood() throws {
    scene.server.say([TransportAnswer(.permanentFailure, "550 no such user")])
    #expect(try scene.run().counts == [.failed: 1])
    #expect(try scene.onlyDelivery().reason == "550 no such user")
    #expect(try scene.onlyDelivery().nextAttemptAt == nil)
  }

  @Test func looksAtTheSuppressionListRightBeforeSending() throws {
    try scene.store.suppress(
      Suppression(
        subject: .domain("a.example"), reason: "asked to stop", origin: .manual,
        createdAt: 0, expiresAt: nil))
    #expect(try scene.run().counts == [.suppressed: 1])
    #expect(try scene.onlyDelivery().reason?.contains("asked to stop") == true)
    #expect(scene.server.mails.isEmpty)
  }

  @Test func sendsWhatIsSuppressedWhenItIsAskedTo() throws {
    try scene.store.suppress(
      Suppression(
        subject: .domain("a.example"), reason: "x", origin: .manual, createdAt: 0, expiresAt: nil))
    let sender = try scene.sender(scene.store, scene.server)
    #expect(try sender.send(scene.onlyDelivery(), ignoresSuppression: true).state == .sent)
  }

  @Test func leavesAloneWhatIsStillBeingHandedOver() throws {
    scene.server.say([TransportAnswer(.inProgress, "slow")])
    let summary = try scene.run()
    #expect(summary[.sending] == 1)
    #expect(summary.left == 1)
    #expect(try scene.run().left == 1)
    #expect(scene.server.mails.count == 1)

    let token = try scene.onlyDelivery().token
    scene.server.keep(TransportAnswer(.accepted, "at last"), of: token)
    #expect(try scene.run().counts == [.sent: 1])
    #expect(try scene.onlyDelivery().answer == "at last")
    #expect(scene.server.mails.count == 1)
  }

  /// As after SMTP, where nobody can know.
  @Test func sendsAgainWhatMayHaveBeenAccepted() throws {
    var delivery = try scene.onlyDelivery()
    delivery.state = .sending
    delivery.attempts = 1
    #expect(try scene.store.change(delivery, from: .planned))
    scene.server.keep(TransportAnswer(.unknown, "nobody knows"), of: delivery.token)
    #expect(try scene.run().counts == [.sent: 1])
    #expect(scene.server.mails.count == 1)
    #expect(try texts().contains("planned nobody knows"))
  }

  @Test func buildsAFileAgainThatIsGoneOrDamaged() throws {
    let path = try scene.path(of: scene.onlyDelivery())
    let octets = try Data(contentsOf: URL(filePath: path))
    for damage in [nil, Data("broken".utf8), octets.prefix(octets.count / 2)] {
      try FileManager.default.removeItem(atPath: path)
      if let damage { try damage.write(to: URL(filePath: path)) }
      var again = try scene.onlyDelivery()
      let state = again.state
      again.state = .planned
      again.nextAttemptAt = 0
      #expect(try scene.store.change(again, from: state))
      #expect(try scene.run().counts == [.sent: 1])
      #expect(try Data(contentsOf: URL(filePath: path)) == octets)
    }
    #expect(scene.server.mails.count == 3)
  }

  @Test func endsTheRunWhenNothingCanBeHandedOver() throws {
    struct Broken: ReportTransport {
      func handOver(_ mail: OutgoingMail) throws(ReportTransportError) -> TransportAnswer {
        throw ReportTransportError("the spool is full")
      }
      func earlierAnswer(token: String) throws(ReportTransportError) -> TransportAnswer? { nil }
      func finish(token: String) throws(ReportTransportError) {}
    }
    let sender = try scene.sender(scene.store, Broken())
    let summary = try SendingRun(sender: sender, store: scene.store, now: { scene.now }).run()
    #expect(summary.obstacle == "the spool is full")
    #expect(summary.counts == [.deferred: 1])
    #expect(summary.left == 1)
    let delivery = try scene.onlyDelivery()
    #expect(delivery.state == .deferred)
    #expect(delivery.reason == "the spool is full")
  }

  @Test func plansNothingToSendWhenSwitchedOff() throws {
    let scene = try SendingScene(domains: ["a.example"])
    scene.planSettings.isEnabled = false
    try scene.plan()
    #expect(try scene.deliveries().isEmpty)
    let report = try #require(try scene.store.reports(ReportFilter()).first)
    #expect(report.note == "sending of reports is switched off")
    #expect(report.problem == nil)
  }

  @Test func spreadsMailEvenly() throws {
    let scene = try SendingScene(domains: (1...6).map { "d\($0).example" })
    try scene.plan()
    var run = SendingRun(
      sender: try scene.sender(scene.store, scene.server), store: scene.store,
      now: { scene.now })
    run.spreadSeconds = 600
    var times: [Int64] = []
    let begin = scene.now
    run.wait = { seconds in
      scene.pass(seconds: Int64(seconds))
      return true
    }
    run.progress = { done, all in
      times.append(scene.now - begin)
      #expect(all == 6)
    }
    #expect(try run.run().counts == [.sent: 6])
    #expect(times == [0, 0, 100, 200, 300, 400, 500])
  }

  @Test func endsBetweenTwoMailsWhenAskedTo() throws {
    let scene = try SendingScene(domains: ["a.example", "b.example", "c.example"])
    try scene.plan()
    var run = SendingRun(
      sender: try scene.sender(scene.store, scene.server), store: scene.store,
      now: { scene.now })
    run.mayGoOn = { scene.server.mails.count < 2 }
    let summary = try run.run()
    #expect(summary.wasStopped)
    #expect(summary.counts == [.sent: 2])
    #expect(summary.left == 1)
    #expect(try scene.run().counts == [.sent: 1])
  }
}
