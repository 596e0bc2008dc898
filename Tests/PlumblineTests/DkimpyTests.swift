import Foundation
import MailAuth
import TestSupport
import Testing

/// Seals that go back and forth between the milter and dkimpy.
@Suite(.serialized) struct DkimpyTests {
  private struct Found: Decodable {
    struct Set: Decodable {
      let instance: Int
      let cv: String
      let seal: Bool
      let messageSignature: Bool
    }
    let file: String
    let status: String?
    let reason: String
    let sets: [Set]
  }

  private static let script = PackageRoot.url.appending(path: "scripts/check-dkimpy").path
  private static let keyName = "arc._domainkey.forwarder.example"
  private static let stranger = "s._domainkey.stranger.example"

  private let scene: SealingScene

  init() throws {
    scene = try SealingScene()
    let record = try DKIMPrivateKey(pem: Array(TestKeys.rsa2048.utf8), source: "key")
      .publicKeyRecord
    let keys = try JSONEncoder().encode([Self.keyName: record, Self.stranger: record])
    try scene.directory.write(String(decoding: keys, as: UTF8.self), to: "keys.json")
  }

  /// Runs the script; the test is shown as skipped where dkimpy cannot be had, except under
  /// continuous integration.
  private func run(_ arguments: [String]) throws -> String {
    let result = try Program.run(Self.script, arguments, within: .seconds(300))
    let mustRun = ProcessInfo.processInfo.environment["CI"] != nil
    if result.status == 69, !mustRun { try Test.cancel("dkimpy cannot be installed here") }
    guard result.status == 0 else {
      throw FixtureError("check-dkimpy: status \(result.status), \(result.errors)")
    }
    return result.output
  }

  private func write(_ header: [HeaderField], _ body: [UInt8], to name: String) throws -> String {
    let path = scene.directory.path(name)
    try Data(SealingScene.octets(header, body)).write(to: URL(filePath: path))
    return path
  }

  private func verify(_ paths: [String]) throws -> [Found] {
    let output = try run(["verify", scene.directory.path("keys.json")] + paths)
    return try JSONDecoder().decode([Found].self, from: Data(output.utf8))
  }

  private func message(
    _ header: [HeaderField], _ body: String, _ queueID: String
  ) -> MilterMessage {
    MilterMessage(
      mailFrom: "ann@example.com", header: SealingScene.fields(header), body: Array(body.utf8),
      queueID: queueID)
  }

  /// The message as the milter hands it on.
  private func seal(
    _ header: [HeaderField], _ body: String = "Hello.\r\n", by client: MilterClient
  ) throws -> [HeaderField] {
    let message = message(header, body, "6A")
    return try SealingScene.edited(message, client.deliver(message))
  }

  @Test func dkimpyVerifiesWhatWeSeal() throws {
    let milter = try RunningMilter(zone: SealingTests.zone, settings: scene.settings())
    let client = try milter.connect()
    var paths: [String] = []
    for (number, shape) in SealingTests.shapes.enumerated() {
      let header = try seal(shape.fields + .test(), shape.body, by: client)
      paths.append(try write(header, Array(shape.body.utf8), to: "\(number).eml"))
    }
    let found = try verify(paths)
    #expect(found.count == SealingTests.shapes.count)
    for (found, shape) in zip(found, SealingTests.shapes) {
      #expect(found.status == "pass", "\(shape.name): \(found.reason)")
      #expect(found.sets.map(\.instance) == [1])
    }
  }

  /// Sets 1 and 3 are ours, 2 and 4 dkimpy's, which reads our Authentication-Results for them.
  @Test func bothContinueEachOthersChains() throws {
    let zone =
      try SealingTests.zone + "\n" + SealingScene.record() + "\n"
      + SealingScene.record().replacing(Self.keyName, with: Self.stranger)
    let milter = try RunningMilter(zone: zone, settings: scene.settings())
    let plain = try RunningMilter(zone: zone)
    let evaluator = try Evaluator.test(zone: zone)
    let client = try milter.connect()
    var header = [HeaderField].test()
    var paths: [String] = []
    for step in 1...4 {
      if step % 2 == 1 {
        header = try seal(header, by: client)
      } else {
        // Results of the chain as it is now, the only ones in their name.
        header = try seal(header, by: plain.connect())
        let path = try write(header, Array("Hello.\r\n".utf8), to: "unsealed.eml")
        let sealed = try run([
          "seal", scene.directory.path("arc.pem"), "stranger.example", "s",
          RunningMilter.authservID, path,
        ])
        var reader = MessageReader()
        header = (reader.read(sealed.utf8) + reader.finish()).compactMap { piece in
          if case .field(let field) = piece { field } else { nil }
        }
      }
      let outcome = evaluator.evaluate(header: header).arc
      #expect(outcome.result == .pass, "step \(step): \(outcome.explanation)")
      #expect(outcome.sets.count == step)
      #expect(outcome.oldestPass == 0)
      paths.append(try write(header, Array("Hello.\r\n".utf8), to: "step\(step).eml"))
    }
    for (step, found) in try zip(1..., verify(paths)) {
      #expect(found.status == "pass", "step \(step): \(found.reason)")
      #expect(found.sets.count == step)
      #expect(found.sets.allSatisfy { $0.seal && $0.messageSignature })
      #expect(found.sets.map(\.cv) == ["pass", "pass", "pass", "none"].suffix(step))
    }
  }

  @Test func dkimpyTakesOurWordThatAChainIsBroken() throws {
    let milter = try RunningMilter(
      zone: try SealingTests.zone + "\n" + SealingScene.record(), settings: scene.settings())
    let client = try milter.connect()
    let first = try seal(.test(), by: client)
    let second = try seal(first, "Changed.\r\n", by: client)
    #expect(second.values("ARC-Seal").first?.contains(" cv=fail; ") == true)
    let path = try write(second, Array("Changed.\r\n".utf8), to: "failed.eml")
    let found = try #require(verify([path]).first)
    #expect(found.status == nil)
    #expect(found.reason == "ARC-Seal[2] reported failure, the chain is terminated")
    #expect(found.sets.first?.messageSignature == true)
  }
}
