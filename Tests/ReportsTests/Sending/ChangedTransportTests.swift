import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// A run that was killed in the middle of a hand-over, and a configuration that names another
/// transport at the next one.
@Suite struct ChangedTransportTests {
  private let scene: SendingScene
  private let earlier = FakeServer()
  private let token: String

  /// Leaves a delivery in state `sending`.
  init() throws {
    scene = try SendingScene(domains: ["a.example"])
    try scene.plan()
    var delivery = try scene.onlyDelivery()
    token = delivery.token
    delivery.state = .sending
    delivery.attempts = 1
    #expect(try scene.store.change(delivery, from: .planned))
  }

  private func run() throws -> SendingRun.Summary {
    let transport = ChangedTransport(scene.server, after: earlier)
    return try SendingRun(
      sender: try scene.sender(scene.store, transport), store: scene.store, now: { scene.now }
    ).run()
  }

  @Test func whatTheEarlierOneHandedOverIsNotSentAgain() throws {
    earlier.keep(TransportAnswer(.accepted, "queued as 7"), of: token)
    #expect(try run().counts == [.sent: 1])
    #expect(scene.server.mails.isEmpty)
    #expect(try scene.onlyDelivery().answer == "queued as 7")
    // It is forgotten when it is recorded.
    #expect(try earlier.earlierAnswer(token: token) == nil)
  }

  @Test func whatTheEarlierOneIsStillHandingOverWaits() throws {
    earlier.keep(TransportAnswer(.inProgress, "still at it"), of: token)
    #expect(try run().left == 1)
    #expect(scene.server.mails.isEmpty)
    #expect(try scene.onlyDelivery().state == .sending)
  }

  @Test func whatTheEarlierOneDoesNotKnowGoesOut() throws {
    #expect(try run().counts == [.sent: 1])
    #expect(scene.server.mails.count == 1)
    #expect(earlier.mails.isEmpty)
  }
}
