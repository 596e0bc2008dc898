import Ledger
import MailAuth
import TestSupport
import Testing

/// Mail that fails DMARC under p=reject and comes with an ARC chain, through a real Postfix.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct ARCPostfixTests {
  private static let list = TestSealer("lists.example")
  private static let hop = TestSealer("hop.example", selector: "s2")
  private static let body = "Your account is locked.\r\n"

  private func host(trusted: String) throws -> MailHost {
    try MailHost(
      policy: "[policy]\nenforce = \"reject\"\n[arc]\ntrusted_sealers = [\(trusted)]",
      zone: TestSealer.zone([Self.list, Self.hop]))
  }

  /// A message of the bank that a list took from the bank's host and somebody handed on.
  private static let sealed: [HeaderField] = {
    let header = [
      HeaderField("From", " Bank <security@bank.example>"),
      HeaderField("To", " reader@receiver.example"), HeaderField("Subject", " [cooking] Hello"),
      HeaderField("Message-ID", " <1@bank.example>"),
    ]
    let first = list.seal(
      header, body: body,
      results: "lists.example; arc=none smtp.remote-ip=127.0.0.12;"
        + " dmarc=pass header.from=bank.example")
    return hop.seal(
      first, body: body, results: "hop.example; arc=pass; dmarc=fail header.from=bank.example")
  }()

  private func send(
    _ header: [HeaderField], body: String = body, to host: MailHost
  ) throws -> SMTPClient.Reply {
    var octets: [UInt8] = []
    for field in header { octets += field.name + [0x3A] + field.value + [0x0D, 0x0A] }
    return try host.postfix.client(from: "127.0.0.66").deliver(
      octets + Array("\r\n\(body)".utf8), hello: "mx.hop.example", from: "cooking@hop.example",
      to: "reader@receiver.example")
  }

  @Test func takesWhatTrustedSealersVouchFor() throws {
    let host = try host(trusted: "\"hop.example\", \"lists.example\"")
    let delivered = try host.delivered(send(Self.sealed, to: host))
    let results = try #require(delivered["Authentication-Results"].first)
    #expect(results.contains("; arc=pass smtp.remote-ip=127.0.0.66 header.oldest-pass=0;"))
    #expect(results.contains("; dmarc=fail "))
    #expect(results.contains("(p=reject dis=none) header.from=bank.example"))
    #expect(delivered["X-Plumbline-Disposition"].isEmpty)

    let record = try #require(try host.ledger().first)
    #expect(record.evaluation.arc.result == .pass)
    #expect(record.verdict.disposition == .none)
    #expect(
      record.verdict.overrideReasons == [
        OverrideReason(
          .localPolicy,
          comment: "arc=pass as[2].d=hop.example as[2].s=s2 as[1].d=lists.example as[1].s=arc "
            + "remote-ip[1]=127.0.0.12")
      ])
  }

  @Test(arguments: ["", "\"lists.example\"", "\"hop.example\"", "\"bank.example\""])
  func refusesItWithoutTrustInEverySealer(_ trusted: String) throws {
    let host = try host(trusted: trusted)
    let reply = try send(Self.sealed, to: host)
    #expect(reply.description == "550 5.7.26 Rejected by the DMARC policy of bank.example")
    let record = try #require(try host.ledger().first)
    #expect(record.evaluation.arc.result == .pass)
    #expect(record.verdict.disposition == .reject)
    #expect(record.verdict.overrideReasons.isEmpty)
  }

  @Test func refusesBrokenChains() throws {
    let host = try host(trusted: "\"hop.example\", \"lists.example\"")
    let refusal = "550 5.7.26 Rejected by the DMARC policy of bank.example"
    let changedBody = try send(Self.sealed, body: "Click here.\r\n", to: host)
    #expect(changedBody.description == refusal)
    let changedField = Self.sealed.map { field in
      field.isNamed("Subject") ? HeaderField("Subject", " [cooking] Click") : field
    }
    #expect(try send(changedField, to: host).description == refusal)
    let withoutFirstSet = Self.sealed.filter { field in
      !String(decoding: field.value, as: UTF8.self).hasPrefix(" i=1;")
    }
    #expect(try send(withoutFirstSet, to: host).description == refusal)

    let records = try host.ledger()
    #expect(records.map(\.evaluation.arc.result) == [.fail, .fail, .fail])
    #expect(
      records.prefix(2).map(\.evaluation.arc.cause)
        == [.bodyHashMismatch, .messageSignatureMismatch])
    #expect(records.allSatisfy { $0.verdict.overrideReasons.isEmpty })
    #expect(
      records.allSatisfy { $0.verdict.authenticationResults.contains("; arc=fail reason=") })
  }
}
