import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// A run that ends between any two steps, and the run after it: nothing lost, nothing sent twice.
@Suite struct KilledRunTests {
  private static let domains = ["a.example", "b.example", "c.example"]

  /// Lets runs die after ever more steps until one gets through; calls `check` after each.
  private func killEverywhere(
    _ scene: () throws -> SendingScene,
    _ run: (SendingScene, Lifetime) throws -> Void, _ check: (SendingScene, Int) throws -> Void
  ) throws -> Int {
    for steps in 0..<500 {
      let scene = try scene()
      let life = Lifetime(steps: steps)
      do {
        try run(scene, life)
      } catch {
        try #require(life.isOver, "died of something else: \(error)")
      }
      try check(scene, steps)
      if !life.isOver { return steps }
    }
    throw FixtureError("no run got through")
  }

  private func expectEachSentOnce(_ scene: SendingScene, _ steps: Int) throws {
    let mails = scene.server.mails.map { "\($0.recipient)" }.sorted()
    #expect(mails == Self.domains.map { "dmarc@\($0)" }, "killed after \(steps) steps")
    #expect(
      try scene.deliveries().map(\.state) == [.sent, .sent, .sent], "killed after \(steps) steps")
  }

  @Test func sendsEachReportOnceWhereverARunIsKilled() throws {
    let steps = try killEverywhere {
      let scene = try SendingScene(domains: Self.domains)
      try scene.plan()
      return scene
    } _: { scene, life in
      let store = MortalStore(store: scene.store, life: life)
      let sender = try scene.sender(store, MortalTransport(server: scene.server, life: life))
      _ = try SendingRun(sender: sender, store: store, now: { scene.now }).run()
    } _: { scene, steps in
      try scene.run()
      try expectEachSentOnce(scene, steps)
    }
    // Three mails, each: forget, sending, hand over, sent, forget, two steps each.
    #expect(steps == 30)
  }

  @Test(arguments: [
    TransportAnswer.Outcome.accepted, .temporaryFailure, .permanentFailure,
  ])
  func recordsTheAnswerWhereverTheNextRunIsKilledToo(_ outcome: TransportAnswer.Outcome) throws {
    // The first run dies right after the mail server's answer.
    let steps = try killEverywhere {
      let scene = try SendingScene(domains: ["a.example"])
      try scene.plan()
      scene.server.say([TransportAnswer(outcome, "the answer")])
      let life = Lifetime(steps: 5)
      let store = MortalStore(store: scene.store, life: life)
      let sender = try scene.sender(store, MortalTransport(server: scene.server, life: life))
      #expect(throws: (any Error).self) {
        try SendingRun(sender: sender, store: store, now: { scene.now }).run()
      }
      #expect(try scene.onlyDelivery().state == .sending)
      #expect(scene.server.mails.count == 1)
      return scene
    } _: { scene, life in
      let store = MortalStore(store: scene.store, life: life)
      let sender = try scene.sender(store, MortalTransport(server: scene.server, life: life))
      _ = try SendingRun(sender: sender, store: store, now: { scene.now }).run()
    } _: { scene, steps in
      try scene.run()
      let expected: [TransportAnswer.Outcome: DeliveryState] = [
        .accepted: .sent, .temporaryFailure: .deferred, .permanentFailure: .failed,
      ]
      let delivery = try scene.onlyDelivery()
      #expect(delivery.state == expected[outcome], "killed after \(steps) steps")
      #expect(delivery.answer == "the answer")
      #expect(scene.server.mails.count == 1, "killed after \(steps) steps")
      if outcome == .temporaryFailure {
        scene.pass(seconds: 901)
        try scene.run()
        #expect(try scene.onlyDelivery().state == .sent)
        #expect(scene.server.mails.count == 2)
      }
    }
    #expect(steps > 3)
  }

  @Test func plansEachReportOnceWhereverBuildingIsKilled() throws {
    let steps = try killEverywhere {
      try SendingScene(domains: Self.domains)
    } _: { scene, life in
      _ = try scene.production(MortalStore(store: scene.store, life: life)).make(
        day: SendingScene.day)
    } _: { scene, steps in
      if try !scene.store.reportWindows().isEmpty {
        // Late, so that the second run must not count it.
        try scene.store.append(.test(queueID: "late", at: SendingScene.day.begin + 5))
      }
      try scene.plan()
      #expect(try scene.deliveries().count == 3, "killed after \(steps) steps")
      #expect(try scene.store.reportWindows().map { $0.plannedAt != nil } == [true])
      try scene.run()
      try expectEachSentOnce(scene, steps)
    }
    #expect(steps > 8)
  }

  @Test func addsAnotherDestinationOnceWhereverItIsKilled() throws {
    let zone = "a.example._report._dmarc.other.example"
    let record = "\(zone): [{TXT: 'v=DMARC1; rua=mailto:new@other.example'}]\n"
    let steps = try killEverywhere {
      let scene = try SendingScene(
        domains: ["a.example"], rua: ["a.example": "mailto:old@other.example"],
        zone: "\(zone): [TIMEOUT]\n")
      try scene.plan()
      #expect(try scene.onlyDelivery().state == .deferred)
      try scene.resolver.change(zone: "_dmarc.a.example: [{TXT: v=DMARC1; p=none}]\n" + record)
      scene.pass(seconds: 3_600)
      return scene
    } _: { scene, life in
      let store = MortalStore(store: scene.store, life: life)
      let sender = try scene.sender(store, MortalTransport(server: scene.server, life: life))
      _ = try SendingRun(sender: sender, store: store, now: { scene.now }).run()
    } _: { scene, steps in
      try scene.run()
      #expect(
        scene.server.mails.map { "\($0.recipient)" } == ["new@other.example"],
        "killed after \(steps) steps")
      #expect(
        Set(try scene.deliveries().map { "\($0.destination) \($0.state)" }) == [
          "old@other.example suppressed", "new@other.example sent",
        ])
    }
    #expect(steps > 10)
  }
}
