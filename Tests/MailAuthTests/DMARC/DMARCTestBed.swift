import MailAuth
import TestSupport

/// A message and a DNS for tests of DMARC, with SPF and signatures that pass or fail at will.
struct DMARCTestBed {
  /// The client that every SPF record of ``zone`` allows.
  static let allowed = "192.0.2.1"
  /// A client that none allows.
  static let stranger = "198.51.100.9"

  /// Zone lines, one each.
  var zone: [String] = []
  /// The From field's value; several for several fields, none for none.
  var from = ["ann@example.com"]
  /// The reverse-path.
  var mailFrom = "bounce@unrelated.invalid"
  /// The HELO name; it has no SPF record unless the zone gives it one.
  var helo = "mail.unrelated.invalid"
  /// Whether the client is the one that SPF records allow.
  var isAllowed = true
  /// The domains that sign, each with a valid signature by selector s1.
  var signers: [String] = []
  var configure: (inout EvaluatorSettings) -> Void = { _ in }

  /// Publishes DMARC records, name without `_dmarc.` to text.
  mutating func publish(_ records: KeyValuePairs<String, String>) {
    zone += records.map { "_dmarc.\($0.key): [{TXT: \"\($0.value)\"}]" }
  }

  /// Lets a domain's SPF record allow ``allowed``.
  mutating func allow(_ domains: String...) {
    zone += domains.map { "\($0): [{TXT: \"v=spf1 ip4:\(Self.allowed) -all\"}]" }
  }

  /// Evaluates the message; domains that sign get their keys published.
  func evaluate() throws -> Evaluation {
    var lines = zone
    for signer in Set(signers) {
      let name = "s1._domainkey.\(signer)"
      if !lines.contains(where: { $0.hasPrefix("\(name):") }) {
        lines.append("\(name): [{TXT: \"\(TestSigner.keyRecord)\"}]")
      }
    }
    if lines.isEmpty { lines = ["unused.invalid: [{A: 192.0.2.1}]"] }
    let evaluator = try Evaluator.test(
      zone: lines.joined(separator: "\n"), configure: configure)
    let rest = [HeaderField].test().filter { !$0.isNamed("From") }
    let header = from.map { HeaderField("From", " \($0)") } + rest
    let signatures = signers.map { TestSigner(domain: $0).sign(header, body: "Hello.\r\n") }
    return evaluator.evaluate(
      header: signatures + header,
      envelope: .test(
        client: isAllowed ? Self.allowed : Self.stranger, helo: helo, mailFrom: mailFrom))
  }
}

/// The public suffix list of the system.
enum SystemSuffixList {
  static let path = "/usr/share/publicsuffix/public_suffix_list.dat"
  /// Nil where the package is not installed.
  static let list = PublicSuffixList(path: path)
}
