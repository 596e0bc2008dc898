import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MailAuth

/// libopendkim with and without keys that are read directly.
@Suite struct DirectKeyVerificationTests {
  private static let header = [HeaderField].test(from: "Ann <ann@example.org>")
  private static let body = Array("Hello.\r\n".utf8)

  /// A signed header and the signer.
  private static func signed(_ pem: String) throws -> (header: [HeaderField], signer: DKIMSigner) {
    let signer = DKIMSigner(
      domain: try #require(DomainName("example.org")), selector: try #require(DomainName("s1")),
      key: try DKIMPrivateKey(pem: Array(pem.utf8), source: "test key"))
    return ([try signer.sign(header: header, body: body, now: testTime)] + header, signer)
  }

  /// What the verifier says of a message, and how many keys were read directly.
  private func verify(
    _ header: [HeaderField], record: String, directly: Bool,
    libraries: DKIMLibraries? = nil
  ) throws -> (outcomes: [DKIMOutcome], keysReadDirectly: Int) {
    var settings = DKIMSettings()
    settings.readsKeysDirectly = directly
    let resolver = try ZoneResolver(
      yaml: "s1._domainkey.example.org: [{TXT: \"\(record)\"}]", source: "test zone")
    let verifier = DKIMVerifier(
      settings: settings, libraries: try libraries ?? DKIMLibraries(), header: header,
      now: testTime)
    unsafe Self.body.withUnsafeBytes { unsafe verifier.body($0) }
    let outcomes = verifier.finish(CheckResolver(resolver, deadline: nil), first: nil)
    return (outcomes, verifier.keysReadDirectly)
  }

  @Test func itIsOnUnlessSwitchedOff() { #expect(DKIMSettings().readsKeysDirectly) }

  @Test(arguments: [
    (TestKeys.rsa1024, 1), (TestKeys.rsa2048, 1), (TestKeys.ed25519, 0),
  ])
  func libopendkimAsksForKeysHere(_ pem: String, _ count: Int) throws {
    let (header, signer) = try Self.signed(pem)
    let record = signer.key.publicKeyRecord
    let direct = try verify(header, record: record, directly: true)
    let other = try verify(header, record: record, directly: false)
    #expect(direct.keysReadDirectly == count)
    #expect(other.keysReadDirectly == 0)
    #expect(direct.outcomes == other.outcomes)
    #expect(direct.outcomes.map(\.result) == [.pass])
    let changed = header + [HeaderField("Subject", " Dinner")]
    let directFailure = try verify(changed, record: record, directly: true)
    #expect(directFailure.keysReadDirectly == count)
    #expect(directFailure.outcomes.map(\.cause) == [.signatureMismatch])
    #expect(
      directFailure.outcomes == (try verify(changed, record: record, directly: false)).outcomes)
  }

  @Test(arguments: KeyForm.all) func outcomesAreTheSameWithEveryKey(_ form: KeyForm) throws {
    let (header, _) = try Self.signed(TestKeys.rsa1024)
    let record = "v=DKIM1; k=rsa; p=\(Data(form.octets).base64EncodedString())"
    let direct = try verify(header, record: record, directly: true)
    let other = try verify(header, record: record, directly: false)
    #expect(direct.outcomes == other.outcomes)
    #expect(direct.outcomes.count == 1)
    #expect(other.keysReadDirectly == 0)
    if form.octets == KeyForm.rsa1024 { #expect(direct.outcomes.first?.result == .pass) }
  }

  /// The same without what the verifier refuses before libopendkim sees it.
  @Test(arguments: KeyForm.all) func libopendkimSaysTheSameOfEveryKey(_ form: KeyForm) throws {
    let (header, _) = try Self.signed(TestKeys.rsa1024)
    let record = "v=DKIM1; k=rsa; p=\(Data(form.octets).base64EncodedString())"
    let libraries = try DKIMLibraries()
    let results = try [true, false].map { directly in
      let verification = try LibOpenDKIMVerification(libraries.library(for: []))
      for field in header { verification.header(field) }
      #expect(try verification.endOfHeaders() == 1)
      try unsafe Self.body.withUnsafeBytes { try unsafe verification.body($0) }
      let result = verification.endOfMessage(keyRecords: [record], readsKeysDirectly: directly)
      let isShort = record.utf8.count < 1024
      #expect(
        verification.keysReadDirectly == (directly && form.isOrdinary && isShort ? 1 : 0))
      return try #require(result.first)
    }
    #expect(results[0].error == results[1].error)
    #expect(results[0].isHeaderVerified == results[1].isHeaderVerified)
    #expect(results[0].isBodyVerified == results[1].isBodyVerified)
  }

  @Test(
    .enabled(if: Suites.arePresent, "the published suites are not beside this checkout"),
    arguments: try Suites.dkim())
  func publishedMessagesEvaluateAlike(_ message: DKIMSuiteMessage) throws {
    let evaluations = try [true, false].map { directly in
      var settings = EvaluatorSettings(receivingHost: "mx.receiver.example")
      settings.dkim.readsKeysDirectly = directly
      return try Evaluator(settings: settings, resolver: message.zone)
        .evaluate(file: try message.octets(), now: message.now)
    }
    #expect(evaluations[0] == evaluations[1])
  }

  /// It is a matter of one thread and one message.
  @Test func threadsDoNotDisturbEachOther() throws {
    let (header, signer) = try Self.signed(TestKeys.rsa1024)
    let record = signer.key.publicKeyRecord
    let libraries = try DKIMLibraries()
    let wrong = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<40 {
        let directly = (thread + round) % 2 == 0
        do {
          let found = try verify(header, record: record, directly: directly, libraries: libraries)
          let form = KeyForm.all[(thread + round * 8) % KeyForm.all.count]
          let readings = KeyReadings(form.octets)
          guard
            found.outcomes.map(\.result) != [.pass]
              || found.keysReadDirectly != (directly ? 1 : 0) || readings.ours != readings.libcrypto
          else { continue }
          wrong.withLock { $0.append("\(thread) \(round): \(found), \(form.name)") }
        } catch {
          wrong.withLock { $0.append("\(thread) \(round): \(error)") }
        }
      }
    }
    #expect(wrong.withLock { $0 } == [])
  }
}
