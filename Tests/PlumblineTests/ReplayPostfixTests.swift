import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// A message that came through a real Postfix, captured, played again, and replayed after its
/// domain has mended its DNS.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct ReplayPostfixTests {
  private static let signer = TestSigner(domain: "late.example", selector: "new")
  private static let zone = """
    late.example: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.late.example: [{TXT: "v=DMARC1; p=reject"}]
    """

  private func send(to host: MailHost) throws -> String {
    let body = "Hello, \u{E9}verybody.\r\n\r\n-- \r\nAnn\r\n"
    let header = Self.signer.signed(
      .test(from: "Ann <ann@late.example>"), body: body,
      tags: ["c": "relaxed/relaxed", "h": "From:Subject:To:Date:Message-ID:Received"])
    var octets: [UInt8] = []
    for field in header { octets += field.name + [0x3A] + field.value + [0x0D, 0x0A] }
    let reply = try host.postfix.client(from: "127.0.0.66").deliver(
      octets + Array("\r\n\(body)".utf8), hello: "mail.late.example", from: "ann@late.example",
      to: "reader@receiver.example")
    _ = try host.delivered(reply)
    return try #require(reply.queueID)
  }

  @Test func aKeyPublishedTooLateShows() throws {
    for content in ["message", "header"] {
      let host = try MailHost(ledger: "capture = \"\(content)\"", zone: Self.zone)
      let queueID = try send(to: host)
      #expect(try host.ledger().map(\.evaluation.dmarc.result) == [.fail])

      let file = host.directory.path("captured.yml")
      let captured = try host.plumbline(["lab", "capture", queueID, "--out", file])
      #expect(captured.status == 0, "\(captured.errors)")
      let played = try Program.run(Program.plumblinePath, ["lab", "run", file])
      #expect(played.status == 0, "\(played.output)\(played.errors)")
      let same = try host.plumbline(["replay", queueID])
      #expect(same.status == 0, "\(same.output)\(same.errors)")

      let demo = try String(contentsOfFile: DemoMessage.zonePath, encoding: .utf8)
      let key = "\(Self.signer.keyName): [{TXT: \"\(TestSigner.keyRecord)\"}]"
      try host.directory.write("\(demo)\n\(Self.zone)\n\(key)\n", to: "zone.yml")
      let live = try host.plumbline(["replay", queueID, "--dns", "live"])
      #expect(live.status == 1, "\(live.errors)")
      #expect(live.output.contains("DNS: \(Self.signer.keyName) TXT: then nxdomain; now v=DKIM1"))
      #expect(live.output.contains("pass late.example/new, aligned"))
      let row = live.output.split(separator: "\n").first { $0.hasPrefix("DMARC") }
      #expect(row?.contains("pass (") == true && row?.hasSuffix("<--") == true, "\(live.output)")
    }
  }
}
