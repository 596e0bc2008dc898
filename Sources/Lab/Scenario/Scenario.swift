public import MailAuth

// A scenario is one story about mail on its way, in a YAML file that people write and read:
//
//     title: A mailing list adds a footer
//     why: A changed body breaks the author's signature, and SPF passes for the list only.
//     time: 2026-11-20 12:00:00               # when it begins, in UTC; this one unless given
//     postfix: A reason.                      # only where the story cannot be played through Postfix
//     keys:                                   # pairs of keys by name, made anew for each run
//       author: rsa-2048                      # rsa-2048, rsa-1024 or ed25519
//     dns:                                    # all the DNS there is; anything else does not exist
//       example.com:
//         - TXT: v=spf1 ip4:192.0.2.1 -all
//       s1._domainkey.example.com:
//         - KEY: author                       # the TXT record that publishes this key, or
//                                             # KEY: {key: author, tags: t=y} with more tags
//       slow.example.com: [TIMEOUT]           # or SERVFAIL, REFUSED; DELAY: 2s answers late
//       "*": [SERVFAIL]                       # how all else ends, in the place of "does not exist"
//     actors:                                 # the hosts, from left to right in pictures
//       author: {name: mail.example.com, address: 192.0.2.1}
//       list: {name: lists.example.net, address: 192.0.2.7}
//       receiver: {name: mx.receiver.example, address: 192.0.2.25}
//     mail:
//       from: ann@example.com                 # MAIL FROM; "" is the null reverse-path
//       to: users@lists.example.net           # one recipient or a list of them
//       message: |
//         From: Ann <ann@example.com>
//         Subject: Plans
//
//         Hello everybody.
//     hops:                                   # what happens, in order; see Hop.swift for each word
//       - sign: {domain: example.com, selector: s1, key: author}
//       - send: {to: list}                    # whoever has the message sends it
//       - list: {id: users.lists.example.net, footer: "-- the users list"}
//       - send: {to: receiver}
//       - receive: {config: {policy.enforce: reject}}   # evaluated here, with these settings
//     expect:                                 # what each receiver must find; see Expectation.swift
//       receiver:
//         spf: pass lists.example.net
//         dkim: [fail example.com bodyHashMismatch]
//         dmarc: fail
//         disposition: quarantine
//         report: {dkim: fail, spf: fail, reasons: [mailing_list]}
//
// A message that is no text can stand as `message_base64` in `mail`. Without its body, `body_hashes`
// says what its signatures need of it: {canonicalization: relaxed, length: 120, sha256: BASE64} for
// each form, with `limit` for a signature with l=.
//
// The name of a host counts as verified where `dns` gives it the host's address (A or AAAA).
//
// `dns` has the form of ``ZoneResolver``. Configuration keys are those of the configuration file.
// Every expectation is optional, but a receiver that nothing is expected of is an error, and so is
// each word that is not known.

/// A story about a message on its way, read from a file and checked.
public struct Scenario: Sendable {
  /// The file, as it was named.
  public var path: String
  /// The text of the file.
  public var source = ""
  /// What happens, in a few words.
  public var title: String
  /// What a person learns from it, a sentence.
  public var why: String
  /// When it begins, seconds since the epoch.
  public var time: Int64
  /// Why the story can be played in memory only; nil when it can be played through Postfix too.
  public var memoryOnly: String?
  /// The keys that the story needs, by name, in the order of the file.
  public var keys: [(name: String, kind: KeyKind)]
  /// The DNS.
  public var zone: ScenarioZone
  /// The hosts, in the order of the file.
  public var actors: [Actor]
  /// The message as its author hands it in.
  public var mail: ScenarioMail
  /// What happens to it, in order; at least one ``Hop/Action/receive(_:)``.
  public var hops: [Hop]
  /// What each receiver must find, by the receiver's name.
  public var expectations: [String: Expectation]

  /// The time at which a story begins that does not say when: 2026-11-20 12:00:00 UTC, seconds since the epoch.
  public static let start: Int64 = 1_795_176_000

  /// A host that has the message at some time.
  public struct Actor: Sendable, Equatable {
    /// What the file calls it.
    public var key: String
    /// Its host name, which it says in EHLO and puts into trace fields.
    public var name: String
    /// Its address.
    public var address: IPAddress
  }

  /// The receivers as `expect` calls them, in the order of the hops.
  public var receivers: [String] {
    hops.compactMap { hop in
      if case .receive(let receive) = hop.action { receive.name } else { nil }
    }
  }

  /// The actor of this key; nil when there is none.
  public func actor(_ key: String) -> Actor? { actors.first { $0.key == key } }

  /// The name of the file without its directory and its extension.
  public var name: String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return file.hasSuffix(".yml") ? String(file.dropLast(4)) : file
  }
}

/// The message at the beginning of a story.
public struct ScenarioMail: Sendable, Equatable {
  /// The reverse-path without angle brackets; empty for the null reverse-path.
  public var from: String
  /// The recipients.
  public var to: [String]
  /// Header and body, LF line ends, as far as they are text.
  public var message: String
  /// Header and body as octets, where they were given so; nil where ``message`` is all.
  public var octets: [UInt8]?
  /// What is known of the body when the message is without it; nil when the body is there.
  public var bodyHashes: BodyHashes?
}

/// A kind of key pair.
public enum KeyKind: String, Sendable, CaseIterable {
  /// RSA with 2048 bits.
  case rsa2048 = "rsa-2048"
  /// RSA with 1024 bits.
  case rsa1024 = "rsa-1024"
  /// Ed25519.
  case ed25519
}
