import MailAuth
import TestSupport

/// A domain that people write mail from, with its records.
struct AuthorDomain {
  /// The selectors of its keys.
  static let rsaSelector = "s2026"
  static let ed25519Selector = "e2026"

  let name: String
  let signer: DKIMSigner
  let secondSigner: DKIMSigner

  /// Makes a domain; the keys become its own.
  init(_ name: String, rsa: DKIMPrivateKey, ed25519: DKIMPrivateKey) throws {
    self.name = name
    signer = try Self.signer(name, Self.rsaSelector, rsa)
    secondSigner = try Self.signer(name, Self.ed25519Selector, ed25519)
  }

  /// The reverse-path of its mail.
  var mailFrom: String { "bounces@\(name)" }

  /// Its TXT records: SPF through an include, as is usual with a mailing service, keys and policy.
  var records: [ZoneText.Record] {
    [
      .txt(name, "v=spf1 include:_spf.\(name) ~all"),
      .txt("_spf.\(name)", "v=spf1 ip4:\(SendingHosts.network) -all"),
      .txt("_dmarc.\(name)", "v=DMARC1; p=none; rua=mailto:dmarc@\(name)"),
      .txt(signer.keyName, signer.key.publicKeyRecord),
      .txt(secondSigner.keyName, secondSigner.key.publicKeyRecord),
      .mx(name, "mx.\(name)"), .address("mx.\(name)", "198.51.100.25"),
    ]
  }

  static func signer(
    _ domain: String, _ selector: String, _ key: DKIMPrivateKey
  ) throws -> DKIMSigner {
    guard let domain = DomainName(domain), let selector = DomainName(selector) else {
      throw FixtureError("\(domain) or \(selector) is not a domain name")
    }
    return DKIMSigner(domain: domain, selector: selector, key: key)
  }
}

/// The hosts of the mailing service through which all the domains send.
enum SendingHosts {
  /// The network of their addresses, for SPF records.
  static let network = "198.18.0.0/24"

  static let all = (1...50).map {
    Corpus.Client(name: "out\($0).mailing.example", address: "198.18.0.\($0)")
  }

  static var records: [ZoneText.Record] { all.flatMap(records(of:)) }

  /// Name and address of a host, both ways.
  static func records(of client: Corpus.Client) -> [ZoneText.Record] {
    [.address(client.name, client.address), .reverse(client.address, client.name)]
  }
}
