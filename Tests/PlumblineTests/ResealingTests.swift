import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// `arc.reseal_networks`: mail that a program of ours changed after it was sealed on its arrival.
@Suite(.serialized) struct ResealingTests {
  private static let evaluated = "Authentication-Results"

  private let scene: SealingScene
  private let milter: RunningMilter

  init() throws {
    scene = try SealingScene()
    milter = try RunningMilter(
      zone: SealingTests.zone + "\n" + SealingScene.record(),
      settings: scene.settings("reseal_networks = [\"127.0.0.9\"]"))
  }

  private func pass(
    _ header: [HeaderField], _ body: String, from client: String, _ queueID: String = "7A"
  ) throws -> [HeaderField] {
    let message = MilterMessage(
      mailFrom: "ann@example.com", header: SealingScene.fields(header), body: Array(body.utf8),
      queueID: queueID)
    return try SealingScene.edited(message, milter.connect(address: client).deliver(message))
  }

  private func chain(_ header: [HeaderField], _ body: String) throws -> ARCOutcome {
    try Evaluator.test(zone: SealingTests.zone + "\n" + SealingScene.record())
      .evaluate(header: header, body: body).arc
  }

  /// What a list makes of a message.
  private func listed(_ header: [HeaderField]) -> [HeaderField] {
    [HeaderField("List-Id", " <users.lists.example>")]
      + header.map { field in
        field.isNamed("Subject") ? HeaderField("Subject", " [users] Lunch") : field
      }
  }

  @Test(arguments: [0, 2])
  func makesTheSetAnewWithTheResultsOfTheArrival(_ older: Int) throws {
    let incoming = TestSealer.chain([TestSealer](repeating: SealingTests.list, count: older))
    let arrived = try pass(incoming, "Hello.\r\n", from: "192.0.2.1")
    let changed = listed(arrived)
    #expect(try chain(changed, "Hello.\r\n-- \r\nusers\r\n").result == .fail)

    let sent = try pass(changed, "Hello.\r\n-- \r\nusers\r\n", from: "127.0.0.9")
    let outcome = try chain(sent, "Hello.\r\n-- \r\nusers\r\n")
    #expect(outcome.result == .pass, "\(outcome.explanation)")
    #expect(outcome.sets.count == older + 1)
    #expect(outcome.sets.last?.chainValidation == (older == 0 ? ChainValidation.none : .pass))
    let results = arrived.values("ARC-Authentication-Results").first
    #expect(results?.contains("; dmarc=pass ") == true)
    #expect(sent.values("ARC-Authentication-Results").first == results)
    #expect(sent.count == changed.count)
    #expect(sent.values(Self.evaluated) == arrived.values(Self.evaluated))
    // Recorded once, at its arrival.
    #expect(try milter.ledger().count == 1)
    #expect(milter.program.errors.contains(" sealed anew=\(older + 1)(cv="))
  }

  @Test func keepsAFailureAFailure() throws {
    let broken = SealingTests.list.seal(.test(), body: "Other.\r\n")
    let arrived = try pass(broken, "Hello.\r\n", from: "192.0.2.1")
    let sent = try pass(listed(arrived), "Bye.\r\n", from: "127.0.0.9")
    #expect(sent.values("ARC-Seal").count == 2)
    #expect(sent.values("ARC-Seal").first?.hasPrefix(" i=2; a=rsa-sha256; cv=fail; ") == true)
    #expect(try chain(sent, "Bye.\r\n").cause == .failedBefore)
  }

  /// Nobody without the key can have it say something, and mail that was not sealed stays as it is.
  @Test func leavesAloneWhatItDidNotSealItself() throws {
    let arrived = try pass(.test(), "Hello.\r\n", from: "192.0.2.1")
    let forged = arrived.map { field in
      guard field.isNamed("ARC-Authentication-Results") else { return field }
      let text = String(decoding: field.value, as: UTF8.self)
      return HeaderField(
        "ARC-Authentication-Results", text.replacing("example.com", with: "bank.example"))
    }
    for (name, header) in [
      ("another's set on top", SealingTests.list.seal(arrived)), ("changed results", forged),
      ("no set", .test()),
      ("two sets of one number", arrived.filter { $0.isNamed("ARC-Seal") } + arrived),
      ("a part of a set", arrived.filter { !$0.isNamed("ARC-Message-Signature") }),
    ] {
      let sent = try pass(header, "Bye.\r\n", from: "127.0.0.9", "7B")
      #expect(sent == header, "\(name)")
    }
    // Elsewhere the same message is only evaluated.
    let other = try pass(listed(arrived), "Bye.\r\n", from: "127.0.0.8")
    #expect(other == listed(arrived))
    #expect(milter.program.errors.contains("7B: not sealed anew: The newest set is not ours"))
    #expect(try milter.ledger().count == 1)
  }
}
