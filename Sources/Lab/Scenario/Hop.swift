public import MailAuth

// The words of `hops`. Where one thing is enough, it can stand alone behind the word.
//
//     - send: {to: list}                     # from: whoever has it; helo: says another name;
//                                            # trace: false if the receiver writes no Received field
//     - resend: {from: replayer, to: receiver, mail_from: x@y.example, rcpt: carol@z.example}
//     - sign: {domain: example.com, selector: s1, key: author, canonicalization: relaxed/simple,
//              headers: [From, Subject], oversign: [From], body_length: 100, expires: 7d}
//     - forward: bob@receiver.example        # or {to: ..., delivered_to: bob@alumni.example}
//     - srs: {domain: alumni.example, to: bob@receiver.example}
//     - list: {id: users.lists.example.net, address: users@lists.example.net, to: bob@z.example,
//              subject_tag: "[users]", footer: "-- the list", from: munge,   # keep, invalid
//              envelope_from: users-bounces@lists.example.net}
//     - gateway: {rewrite_links: "https://safe.example/?u=", disclaimer: From outside.,
//                 quoted_printable: true}
//     - arc_seal: {domain: lists.example.net, selector: l1, key: list, times: 1,
//                  broken: ams,              # or as, missing_instance, cv_fail
//                  claims: dmarc=pass header.from=example.com,          # a lie
//                  config: {dmarc.discovery: psl}}     # how it evaluates what it seals
//     - strip: [DKIM-Signature, Received]
//     - add: {X-Forwarded-To: bob@receiver.example}    # on top, even if there is one already
//     - replace: {Subject: Plans}            # the first of this name; the end if there is none
//     - delay: 2h                            # seconds, or 30s, 5m, 2h, 3d
//     - receive: {as: border, config: {policy.enforce: reject}}   # or receive: NAME, or nothing
//
// All but send, resend, delay, add and replace can say who does it with `at: NAME`. With `headers`
// given nothing is oversigned unless `oversign` says so. Each host that gets the message puts a
// Received field on top; one that receives it also takes off and adds what the milter would.

/// One thing that happens to a message on its way.
///
/// Whoever has the message does it: the first sender at the beginning, then whoever it was sent to
/// last. In the file `at` can name that actor again; a wrong one is an error.
public struct Hop: Sendable {
  /// Its line in the file.
  public var line: Int
  /// The key of the actor that does it.
  public var actor: String
  /// What is done.
  public var action: Action

  /// What can happen.
  public enum Action: Sendable {
    /// `send`: hands the message to another actor by SMTP.
    case send(Send)
    /// `resend`: another host sends the message again, as it is, with an envelope of its own.
    case resend(Resend)
    /// `sign`: adds a DKIM signature.
    case sign(Sign)
    /// `forward`: an alias or a .forward file; new recipients, the reverse-path is kept.
    case forward(Forward)
    /// `srs`: forwards with a reverse-path of the forwarder's own.
    case srs(SRS)
    /// `list`: distributes as mailing lists do.
    case list(List)
    /// `gateway`: changes the body as security gateways and old relays do.
    case gateway(Gateway)
    /// `arc_seal`: adds an ARC set, unless the chain does not allow another one.
    case seal(Seal)
    /// `strip`: removes header fields.
    case strip(fields: [String])
    /// `add`: puts header fields on top.
    case add([Field])
    /// `replace`: gives header fields other values.
    case replace([Field])
    /// `delay`: lets time pass, in seconds.
    case delay(seconds: Int64)
    /// `receive`: evaluates the message here, acts on it, and writes the results on it.
    case receive(Receive)

    /// The words of the file for them, in this order.
    public static let words = [
      "send", "resend", "sign", "forward", "srs", "list", "gateway", "arc_seal", "strip", "add",
      "replace", "delay", "receive",
    ]

    /// The word of the file for this one.
    public var word: String {
      switch self {
      case .send: "send"
      case .resend: "resend"
      case .sign: "sign"
      case .forward: "forward"
      case .srs: "srs"
      case .list: "list"
      case .gateway: "gateway"
      case .seal: "arc_seal"
      case .strip: "strip"
      case .add: "add"
      case .replace: "replace"
      case .delay: "delay"
      case .receive: "receive"
      }
    }
  }

  /// A header field, its value without the leading blank.
  public struct Field: Sendable, Equatable {
    /// The name.
    public var name: String
    /// The value on one line.
    public var value: String
  }

  /// `send: {from, to, helo, trace}`.
  public struct Send: Sendable {
    /// `to`: the key of the actor that gets the message.
    public var to: String
    /// `helo`: what the sender says in EHLO; its name unless given.
    public var helo: String?
    /// `trace`: whether the receiver puts a Received field on the message.
    public var leavesTrace = true
  }

  /// `resend: {from, to, mail_from, rcpt, helo}`.
  public struct Resend: Sendable {
    /// `from`: the key of the actor that sends the message again.
    public var from: String
    /// `to`: the key of the actor that gets it.
    public var to: String
    /// `helo`: what the sender says in EHLO; its name unless given.
    public var helo: String?
    /// `mail_from`: the new reverse-path; the old one unless given.
    public var mailFrom: String?
    /// `rcpt`: the new recipients; empty for the old ones.
    public var recipients: [String]
  }

  /// `sign: {domain, selector, key, canonicalization, headers, oversign, body_length, expires}`.
  public struct Sign: Sendable {
    /// `domain`: `d=`.
    public var domain: DomainName
    /// `selector`: `s=`.
    public var selector: DomainName
    /// `key`: the name of the key.
    public var key: String
    /// `canonicalization`: `c=`, header and body; relaxed/relaxed unless given.
    public var headerCanonicalization: Canonicalization
    /// See ``headerCanonicalization``.
    public var bodyCanonicalization: Canonicalization
    /// `headers`: the fields to sign; nil for those that DKIM advises.
    public var headers: [String]?
    /// `oversign`: fields of which nobody may add another one; nil for the usual ones.
    public var oversigned: [String]?
    /// `body_length`: `l=`; nil for none.
    public var bodyLength: Int?
    /// `expires`: for how many seconds the signature holds (`x=`); nil for ever.
    public var expires: Int64?
  }

  /// `forward: {to, delivered_to}`.
  public struct Forward: Sendable {
    /// `to`: the new recipients.
    public var to: [String]
    /// `delivered_to`: the address for a Delivered-To field, as mailboxes that forward write it.
    public var deliveredTo: String?
  }

  /// `srs: {domain, to}`.
  public struct SRS: Sendable {
    /// `domain`: the domain of the new reverse-path.
    public var domain: String
    /// `to`: the new recipients; empty for the old ones.
    public var to: [String]
  }

  /// `list: {id, address, to, subject_tag, footer, envelope_from, from}`.
  public struct List: Sendable {
    /// What a list does with From.
    public enum From: String, Sendable, CaseIterable {
      /// `keep`: nothing.
      case keep
      /// `munge`: puts the list's address in its place, and the author's into Reply-To.
      case munge
      /// `invalid`: appends `.invalid` to the author's domain.
      case invalid
    }

    /// `id`: the identifier in List-Id.
    public var identifier: String
    /// `address`: where people post; the first recipient of the message unless given.
    public var address: String?
    /// `to`: the subscribers; empty for the old recipients.
    public var to: [String]
    /// `subject_tag`: put in front of the subject.
    public var subjectTag: String?
    /// `footer`: put behind the body.
    public var footer: String?
    /// `envelope_from`: the new reverse-path, in Sender too; made of the address unless given.
    public var envelopeFrom: String?
    /// `from`: what becomes of From.
    public var from: From
  }

  /// `gateway: {rewrite_links, disclaimer, quoted_printable}`.
  public struct Gateway: Sendable {
    /// `rewrite_links`: put in front of each link in the text, with the link escaped behind it.
    public var linkPrefix: String?
    /// `disclaimer`: put behind the body.
    public var disclaimer: String?
    /// `quoted_printable`: whether 8-bit text is encoded.
    public var encodes: Bool
  }

  /// `arc_seal: {domain, selector, key, config, claims, broken, times}`.
  public struct Seal: Sendable {
    /// What can be wrong with a set.
    public enum Fault: String, Sendable, CaseIterable {
      /// `ams`: the message signature is of another body.
      case messageSignature = "ams"
      /// `as`: the seal's signature is damaged.
      case seal = "as"
      /// `missing_instance`: the set leaves out a number.
      case missingInstance = "missing_instance"
      /// `cv_fail`: the sealer calls the chain broken.
      case chainFailed = "cv_fail"
    }

    /// `domain`: `d=`.
    public var domain: DomainName
    /// `selector`: `s=`.
    public var selector: DomainName
    /// `key`: the name of the key.
    public var key: String
    /// `config`: how the sealer evaluates what it seals.
    public var configuration: [ConfigurationEntry]
    /// `claims`: results to seal in the place of those found, such as `dmarc=pass`; a lie.
    public var claims: String?
    /// `broken`: what is wrong with the set; nil for a good one.
    public var fault: Fault?
    /// `times`: how many sets are added, as by so many hosts in a row; 1 unless given.
    public var times: Int
  }

  /// `receive: {as, config}`.
  public struct Receive: Sendable {
    /// `as`: the name in `expect`; the actor's key unless given.
    public var name: String
    /// `config`: the configuration by its keys.
    public var configuration: [ConfigurationEntry]
  }
}
