import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// A host that forwards and seals, and a host behind it that trusts its seals: two real Postfix.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct SealingPostfixTests {
  private static let forwarder = "127.0.0.30"
  private static let listProgram = "127.0.0.40"

  private let scene: SealingScene
  private let receiver: MailHost
  private let sealer: MailHost

  init() throws {
    let zone = try SealingScene.record()
    receiver = try MailHost(
      policy: """
        [policy]
        enforce = "reject"
        [arc]
        trusted_sealers = ["forwarder.example"]
        """, zone: zone)
    scene = try SealingScene()
    sealer = try MailHost(
      settings: [
        "myhostname = mx.forwarder.example", "mydestination = forwarder.example",
        "virtual_mailbox_domains =", "virtual_alias_domains = alumni.example",
        "virtual_alias_maps = inline:{{ann@alumni.example = reader@receiver.example}}",
        "alias_maps = inline:{{ann = reader@receiver.example}}", "local_recipient_maps =",
        "transport_maps = inline:{{receiver.example = smtp:[127.0.0.1]:\(receiver.postfix.port)}}",
        "smtp_bind_address = \(Self.forwarder)", "always_add_missing_headers = yes",
      ],
      services: ["smtp unix - - n - - smtp", "local unix - n n - - local"],
      policy: scene.settings("reseal_networks = [\"\(Self.listProgram)\"]"),
      zone: zone, authservID: "mx.forwarder.example")
  }

  private static let header = """
    From: Alice <alice@example.com>
    To: ann@alumni.example
    Date: Fri, 20 Nov 2026 23:43:31 +0000
    Message-ID: <1@example.com>

    """

  private static let messages = [
    header + "Subject: Lunch\n\nAt noon?\n",
    // Postfix adds the others.
    "From: Alice <alice@example.com>\n\nNothing else.\n",
    header + "Subject: no body\n\n",
    header + "Subject: blanks\n\n  \n.\n..\n a \t b  \n\n\n\n",
    header + "Subject: a\n folded\n\t one\nReferences: <1@a.example>\n   <2@a.example>\nCC:\n\nx\n",
    header + "Subject: Grüße\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n"
      + "Content-Type: text/plain; charset=utf-8\n\nGrüße\n",
    header + "Authentication-Results: mx.forwarder.example; dmarc=pass\n"
      + "Authentication-Results: mx.receiver.example; dmarc=pass\n"
      + "Received-SPF: pass\nReturn-Path: <x@example.com>\nBcc: b@example.com\n\nforged\n",
    header + "Cc:" + String(repeating: " <abcdefgh@example.com>,\n", count: 1500)
      + " <last@example.com>\n\nlong\n",
  ]

  private func send(_ message: [UInt8], from client: String, to recipient: String) throws {
    let reply = try sealer.postfix.client(from: client)
      .deliver(message, hello: "mail.example.com", from: "alice@example.com", to: recipient)
    guard reply.isPositive else { throw FixtureError("\(reply)\n\(sealer.postfix.mailLog)") }
  }

  private func waitForMail(_ count: Int) throws {
    do {
      try waitUntil("\(count) messages in the mailbox") {
        try receiver.postfix.mailbox().count >= count
      }
    } catch {
      throw FixtureError("\(error)\n\(sealer.postfix.mailLog)\n\(receiver.postfix.mailLog)")
    }
  }

  private func octets(_ text: String) -> [UInt8] {
    Array(text.replacing("\n", with: "\r\n").utf8)
  }

  /// Through virtual(5) in one queue file, and through aliases(5), where local(8) makes another.
  @Test(arguments: ["ann@alumni.example", "ann@forwarder.example"])
  func forwardedMailIsRescuedByTheSeal(_ recipient: String) throws {
    for message in Self.messages {
      try send(octets(message), from: "127.0.0.10", to: recipient)
    }
    try waitForMail(Self.messages.count)

    let sealed = try sealer.ledger()
    #expect(sealed.allSatisfy { $0.evaluation.dmarc.result == .pass })
    #expect(sealed.allSatisfy { $0.addedARCSet?.instance == 1 })
    let found = try receiver.ledger()
    #expect(found.count == Self.messages.count)
    for record in found {
      #expect(record.evaluation.arc.result == .pass, "\(record.evaluation.arc.explanation)")
      #expect(record.envelope.clientAddress == IPAddress(Self.forwarder))
      #expect(record.evaluation.dmarc.result == .fail)
      #expect(record.verdict.disposition == .none)
      #expect(
        record.verdict.overrideReasons == [
          OverrideReason(
            .localPolicy,
            comment: "arc=pass as[1].d=forwarder.example as[1].s=arc remote-ip[1]=127.0.0.10")
        ])
    }
    for delivered in try receiver.postfix.mailbox() {
      let names = delivered.fields.map { $0.name.lowercased() }.filter {
        $0.hasPrefix("arc-") || $0.hasSuffix("-results")
      }
      #expect(
        names == [
          "authentication-results", "arc-seal", "arc-message-signature",
          "arc-authentication-results", "authentication-results",
        ])
      #expect(delivered["Authentication-Results"][1].hasPrefix("mx.forwarder.example;"))
    }
  }

  @Test func mailOfAListIsSealedAnew() throws {
    try send(octets(Self.messages[0]), from: "127.0.0.10", to: "ann@forwarder.example")
    try waitForMail(1)
    let arrived = try #require(try receiver.postfix.mailboxFiles().first)
    // A list drops this field, by which Postfix knows mail that goes in circles.
    var text = String(decoding: arrived, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.hasPrefix("Delivered-To:") }.joined(separator: "\n")
    text = text.replacing("Subject: Lunch", with: "Subject: [users] Lunch") + "-- \nusers\n"
    try send(octets(text), from: Self.listProgram, to: "ann@forwarder.example")
    // The change alone, from elsewhere, ends the chain, and the message is refused behind us.
    try send(octets(text), from: "127.0.0.41", to: "ann@forwarder.example")
    try waitForMail(2)
    try waitUntil("three messages at the receiver") { try receiver.ledger().count == 3 }

    #expect(
      try sealer.ledger().map(\.addedARCSet?.chainValidation) == [ChainValidation.none, .fail])
    let found = try receiver.ledger().dropFirst()
    #expect(
      found.map(\.evaluation.arc.result).sorted { $0.rawValue > $1.rawValue } == [.pass, .fail])
    let passed = try #require(found.first { $0.evaluation.arc.result == .pass })
    #expect(passed.evaluation.arc.sets.count == 1)
    #expect(passed.verdict.disposition == .none)
    let failed = try #require(found.first { $0.evaluation.arc.result == .fail })
    #expect(failed.verdict.disposition == .reject)
  }
}
