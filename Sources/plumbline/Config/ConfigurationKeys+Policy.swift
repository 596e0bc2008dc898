import MailAuth

/// The keys of the tables arc, policy and headers.
extension ConfigurationKey {
  static let arcTrustedSealers = ConfigurationKey(
    "arc.trusted_sealers", .texts(check: ConfigurationChecks.domain), default: .array([]),
    allowed: "domain names (d= of ARC-Seal), as \"lists.example.org\"",
    help: "Sealers whose word counts: a message that fails DMARC is left alone when its ARC chain"
      + " passes and these have sealed it from here back to a host where it passed. Without any,"
      + " ARC is recorded and changes nothing.")

  static let arcSeal = ConfigurationKey(
    "arc.seal", .boolean, default: .boolean(false),
    help: "Put an ARC set with our results on every message that is evaluated and taken. It belongs"
      + " on hosts that pass mail on unchanged; on mail that stays here it does no harm.")
  static let arcSealDomain = ConfigurationKey(
    "arc.seal_domain", .text(check: ConfigurationChecks.domain), defaultText: "none",
    allowed: "a domain name with a dot", example: .string("forwarder.example"),
    help: "The sealing domain (d=), by which others trust the seal; needed with arc.seal.")
  static let arcSealSelector = ConfigurationKey(
    "arc.seal_selector", .text(check: ConfigurationChecks.selector), defaultText: "none",
    allowed: "a DKIM selector, as arc2026", example: .string("arc2026"),
    help: "The selector (s=) under which the public key is published; needed with arc.seal.")
  static let arcSealKey = ConfigurationKey(
    "arc.seal_key", .path, defaultText: "none", example: .string("/etc/plumbline/arc.pem"),
    help: "The private key in PEM, readable for the milter; needed with arc.seal. Choose RSA of"
      + " 2048 bits: many verifiers of ARC know no Ed25519.")
  static let arcSealFields = ConfigurationKey(
    "arc.seal_fields", .texts(check: ConfigurationChecks.sealedField),
    default: .array([]),
    allowed: "names of header fields that hosts on the way do not change",
    help: "The fields that are covered where a message has them, besides From. Empty means those"
      + " that say who wrote what to whom and when, the MIME and List fields, and DKIM-Signature.")

  static let arcResealNetworks = ConfigurationKey(
    "arc.reseal_networks", .texts(check: ConfigurationChecks.network), default: .array([]),
    allowed: "addresses or ADDRESS/LENGTH, as \"127.0.0.1\" or \"2001:db8::/32\"",
    help: "Clients that change mail and send it on, such as a mailing list program on this host."
      + " Their mail is not evaluated; the set that a message got here on its arrival is made"
      + " anew, with the results of the arrival. What was not sealed here is left alone.")

  static let policyEnforce = ConfigurationKey(
    "policy.enforce", .choice(LocalPolicy.Enforcement.allCases.map(\.rawValue)),
    default: .string("off"),
    help: "How far published policies are followed. \"quarantine\" quarantines failing mail also"
      + " where the policy asks for rejection, as RFC 9989 section 7.4 demands of a receiver"
      + " that knows no more than the policy. \"reject\" is your decision to refuse such mail; what the"
      + " keys below exempt is spared.")
  static let policyQuarantineAction = ConfigurationKey(
    "policy.quarantine_action", .choice(LocalPolicy.QuarantineAction.allCases.map(\.rawValue)),
    default: .string("header"),
    help: "What quarantine means: a header field for the mail store to act on, Postfix's hold"
      + " queue, or nothing besides Authentication-Results.")
  static let policyQuarantineField = ConfigurationKey(
    "policy.quarantine_field", .text(check: ConfigurationChecks.quarantineField),
    default: .string(QuarantineField.standard.description),
    allowed: "a field as X-Name: value, printable ASCII",
    help: "The field of quarantine_action \"header\". Fields of this name that come from outside"
      + " are removed.")
  static let policyRejectText = ConfigurationKey(
    "policy.reject_text", .text(check: ConfigurationChecks.rejectText),
    default: .string(RejectText.standard.template),
    allowed: "printable ASCII with DMARC and {domain} in it, up to 200 octets",
    help: "What a refused client is told behind 550 5.7.26; {domain} stands for the From domain.")
  static let policyExemptNetworks = ConfigurationKey(
    "policy.exempt_networks", .texts(check: ConfigurationChecks.network), default: .array([]),
    allowed: "addresses or ADDRESS/LENGTH, as \"192.0.2.0/24\" or \"2001:db8::/32\"",
    help: "Clients whose mail is evaluated and recorded, and never quarantined, refused or deferred"
      + " because of DMARC.")
  static let policySpareMailingLists = ConfigurationKey(
    "policy.spare_mailing_lists", .boolean, default: .boolean(true),
    help: "Quarantine mail with the header fields of a mailing list where it would be refused."
      + " Anybody can write such fields, so they spare nothing from quarantine.")
  static let policyTrustedForwarders = ConfigurationKey(
    "policy.trusted_forwarders", .texts(check: ConfigurationChecks.trustedForwarder),
    default: .array([]),
    allowed: "addresses, ADDRESS/LENGTH or domain names, as \"192.0.2.25\" or \"alumni.example\"",
    help: "Hosts that forward for your users; mail of theirs that fails DMARC is left alone where"
      + " the failure looks like forwarding. A domain name stands for clients whose name, verified"
      + " by Postfix, is the same or ends in it.")
  static let policyOnTemperror = ConfigurationKey(
    "policy.on_temperror", .choice(LocalPolicy.TemporaryErrorAction.allCases.map(\.rawValue)),
    default: .string("accept"),
    help: "What a message is answered when DMARC ends in temperror because a DNS answer is missing:"
      + " \"tempfail\" is 451 4.7.1, unless the policy asks for nothing anyway. A sender can bring"
      + " temperror about with a DNS server of his own that does not answer.")
  static let policyOnBadFrom = ConfigurationKey(
    "policy.on_bad_from", .choice(LocalPolicy.BadFromAction.allCases.map(\.rawValue)),
    default: .string("accept"),
    help:
      "What is done with a message that has no From field, several, or one that names no author:"
      + " \"reject\" is 550 5.7.1. It is recorded in any case. Such a message can show any author to"
      + " a reader, so give another answer than \"accept\" where policies are enforced. More From"
      + " domains or a larger header than the limits allow count as such a From; where something is"
      + " enforced they are quarantined even under \"accept\".")

  static let headersReceivedSPF = ConfigurationKey(
    "headers.received_spf", .boolean, default: .boolean(false),
    help: "Write a Received-SPF field (RFC 7208 section 9.1) below Authentication-Results.")
}
