import Foundation
import MailAuth
import TestSupport
import Testing

/// Messages that a milter captures in tests, each with what is to become of it.
struct CapturedMail: Sendable, CustomTestStringConvertible {
  var name: String
  var header: [HeaderField]
  var body: String
  var helo = "mail.example.com"
  var mailFrom = "ann@example.com"
  /// The result of DMARC.
  var dmarc: String
  /// The causes of the signatures.
  var dkim: [String]

  var testDescription: String { name }

  private static let signer = TestSigner(domain: "example.com")
  private static let sealer = TestSealer("lists.example.net")

  /// The zone that they need.
  static let zone = """
    example.com: [{TXT: "v=spf1 include:_spf.example.com a:mail.example.com -all"}]
    _spf.example.com: [{TXT: "v=spf1 ip4:192.0.2.77 ~all"}]
    mail.example.com: [{A: 192.0.2.9}, {MX: [10, mail.example.com]}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    \(signer.keyName): [{TXT: "\(TestSigner.keyRecord)"}]
    slow._domainkey.example.com: [TIMEOUT]
    broken._domainkey.example.com: [SERVFAIL]
    bogus.example: [BOGUS]
    _dmarc.bogus.example: [BOGUS]
    \(TestSealer.zone([sealer]))
    """

  private static func signed(
    _ body: String = "Hello.\r\n", by signer: TestSigner = signer,
    _ tags: KeyValuePairs<String, String?> = [:]
  ) -> [HeaderField] { signer.signed(.test(), body: body, tags: tags) }

  /// The table.
  static let all = [
    CapturedMail(
      name: "pass", header: signed(), body: "Hello.\r\n", dmarc: "pass", dkim: ["verified"]),
    CapturedMail(
      name: "pass, relaxed, with l=",
      header: signed("Hello.\r\n", ["c": "relaxed/relaxed", "l": "8"]), body: "Hello. \r\n\r\n",
      dmarc: "pass", dkim: ["verified"]),
    CapturedMail(
      name: "part of the body unsigned", header: signed("Hello.\r\n", ["l": "8"]),
      body: "Hello.\r\n-- \r\nthe list\r\n", dmarc: "fail", dkim: ["bodyLengthLimit"]),
    CapturedMail(
      name: "more signed than there is", header: signed("Hello.\r\n", ["l": "80"]),
      body: "Hello.\r\n", dmarc: "fail", dkim: ["bodyLengthLimit"]),
    CapturedMail(
      name: "broken by a list",
      header: [HeaderField("List-Id", " <users.lists.example.net>")] + signed(),
      body: "Hello.\r\n-- \r\nthe list\r\n", mailFrom: "users-bounces@lists.example.net",
      dmarc: "fail", dkim: ["bodyHashMismatch"]),
    CapturedMail(
      name: "a field changed",
      header: signed().map { $0.isNamed("Subject") ? HeaderField("Subject", " [x] Lunch") : $0 },
      body: "Hello.\r\n", dmarc: "fail", dkim: ["signatureMismatch"]),
    CapturedMail(
      name: "expired", header: signed("Hello.\r\n", ["t": "1700000000", "x": "1700000100"]),
      body: "Hello.\r\n", dmarc: "fail", dkim: ["expired"]),
    CapturedMail(
      name: "key timed out",
      header: signed(by: TestSigner(domain: "example.com", selector: "slow")), body: "Hello.\r\n",
      dmarc: "temperror", dkim: ["dnsTimeout"]),
    CapturedMail(
      name: "no key, and one that failed",
      header: TestSigner(domain: "example.com", selector: "gone").signed(
        signed(by: TestSigner(domain: "example.com", selector: "broken")), body: "Hello.\r\n"),
      body: "Hello.\r\n", dmarc: "temperror", dkim: ["noKey", "dnsServfail"]),
    CapturedMail(
      name: "sealed", header: sealer.seal(signed()), body: "Hello.\r\n", dmarc: "pass",
      dkim: ["verified"]),
    CapturedMail(
      name: "sealed and then changed", header: sealer.seal(signed()), body: "Hello!\r\n",
      dmarc: "fail", dkim: ["bodyHashMismatch"]),
    CapturedMail(
      name: "unsigned, null sender, no UTF-8",
      header: .test() + [HeaderField(name: Array("X-Odd".utf8), value: [0x20, 0xE9, 0x09, 0x2E])],
      body: "Hello\t\r\n\r\n\r\nno line end", mailFrom: "", dmarc: "fail", dkim: []),
    CapturedMail(
      name: "DNSSEC failed", header: .test(from: "x@bogus.example"), body: "", helo: "[192.0.2.1]",
      mailFrom: "x@bogus.example", dmarc: "temperror", dkim: []),
  ]

  /// The message as Postfix would tell a milter about it.
  func milterMessage(queueID: String) -> MilterMessage {
    MilterMessage(
      mailFrom: mailFrom, recipients: ["bob@receiver.example"],
      header: header.map { field in
        .init(
          String(decoding: field.name, as: UTF8.self), "",
          octets: field.value.filter { $0 != 0x0D })
      }, body: Array(body.utf8), queueID: queueID)
  }
}
