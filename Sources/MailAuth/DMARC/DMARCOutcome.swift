/// The result of the DMARC mechanism (RFC 9989 section 9.2).
public enum DMARCResult: String, Sendable, Codable, CaseIterable {
  /// No policy record applies, or there is no Author Domain.
  case none
  /// At least one identifier authenticated and aligns.
  case pass
  /// No identifier authenticated and aligns.
  case fail
  /// A DNS answer that the verdict needs is missing.
  case temperror
  /// The policy record or the message cannot be interpreted.
  case permerror
}

/// Why DMARC ended as it did: a code for programs, kept apart from the result.
public enum DMARCCause: String, Sendable, Codable, CaseIterable {
  /// An aligned identifier passed.
  case aligned
  /// Identifiers passed and none of them aligns.
  case passedNotAligned
  /// Identifiers align and none of them passed.
  case alignedNotPassed
  /// One identifier passed, another aligns, none does both.
  case neitherBoth
  /// No identifier passed and none aligns.
  case noIdentifier
  /// No policy record at the Author Domain, its Organizational Domain or its PSD.
  case noPolicyRecord
  /// The record found is damaged beyond use: no valid `p`, and no `rua` (RFC 9989 section 4.10.1).
  case recordSyntax
  /// No From field (RFC 9989 section 4.2).
  case noFrom
  /// More than one From field (section 11.5).
  case multipleFromFields
  /// From holds addresses of more domains than are evaluated, and none of those that were fails
  /// with a policy that asks for something (section 11.5).
  case multipleFromDomains
  /// From holds no address with a domain name.
  case invalidFrom
  /// The message broke a bound on the size or count of header fields, or on the size of From.
  case messageTooLarge
  /// The policy record could not be looked up: no answer in time.
  case policyTimeout
  /// The policy record could not be looked up: SERVFAIL, REFUSED or a DNSSEC failure.
  case policyServfail
  /// An Organizational Domain needed for alignment could not be looked up.
  case alignmentDNSFailure
  /// An identifier that aligns ended in temperror and no other passed.
  case identifierTemperror
}

/// The policy a Domain Owner publishes (RFC 9989 section 4.7, tags p, sp and np).
public enum DomainOwnerPolicy: String, Sendable, Codable, CaseIterable, Comparable {
  /// Nothing is asked for.
  case none
  /// Failing mail is suspicious.
  case quarantine
  /// Failing mail should be rejected.
  case reject

  /// Orders by strictness.
  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

  private var rank: Int {
    switch self {
    case .none: 0
    case .quarantine: 1
    case .reject: 2
    }
  }
}

/// How the policy record and Organizational Domains are found, and with that whose rules hold.
public enum PolicyDiscovery: String, Sendable, Codable, CaseIterable {
  /// The DNS tree walk (RFC 9989 section 4.10), and the rules of RFC 9989.
  case treewalk
  /// The public suffix list (RFC 7489 section 3.2), and the rules of RFC 7489: `pct` counts;
  /// `np`, `psd` and `t` are unknown; several records at one name end the search.
  case psl
}

/// The end of DMARC for one message, with what led to it.
public struct DMARCOutcome: Sendable, Equatable {
  /// The result.
  public var result: DMARCResult
  /// Why.
  public var cause: DMARCCause
  /// The sentence for people.
  public var explanation: String
  /// How the policy was searched for.
  public var discovery: PolicyDiscovery
  /// The name, without `_dmarc.`, whose record applies; nil when none does.
  public var policyDomain: DomainName?
  /// The record that applies, as interpreted; nil when none does.
  public var record: DMARCPolicyRecord?
  /// The record's text as published; nil when none applies.
  public var recordText: String?
  /// The Organizational Domain of the Author Domain; nil when it was not needed or not found.
  public var organizationalDomain: DomainName?
  /// Whether the Author Domain exists: false after NXDOMAIN, nil when nobody had to know.
  public var authorDomainExists: Bool?
  /// What the record says for this message if it fails, after sp and np, before t and pct; nil
  /// without a record.
  public var policyBeforeTesting: DomainOwnerPolicy?
  /// What the record asks for this message if it fails, after sp, np and t, or sp and pct; nil
  /// without a record.
  public var appliedPolicy: DomainOwnerPolicy?
  /// Whether `pct` spared the message: ``appliedPolicy`` is one step down for that (RFC 7489
  /// section 6.6.4; never by tree walk).
  public var isSampledOut: Bool
  /// Whether SPF passed for an aligned MAIL FROM identity.
  public var spfAligned: Bool
  /// Whether a signature of an aligned domain passed.
  public var dkimAligned: Bool
  /// What the other way of discovery gives; nil unless both are compared.
  public var comparison: DiscoveryComparison?

  /// Makes an outcome.
  public init(
    result: DMARCResult, cause: DMARCCause, explanation: String, discovery: PolicyDiscovery,
    policyDomain: DomainName? = nil, record: DMARCPolicyRecord? = nil, recordText: String? = nil,
    organizationalDomain: DomainName? = nil, authorDomainExists: Bool? = nil,
    policyBeforeTesting: DomainOwnerPolicy? = nil, appliedPolicy: DomainOwnerPolicy? = nil,
    isSampledOut: Bool = false, spfAligned: Bool = false, dkimAligned: Bool = false,
    comparison: DiscoveryComparison? = nil
  ) {
    self.result = result
    self.cause = cause
    self.explanation = explanation
    self.discovery = discovery
    self.policyDomain = policyDomain
    self.record = record
    self.recordText = recordText
    self.organizationalDomain = organizationalDomain
    self.authorDomainExists = authorDomainExists
    self.policyBeforeTesting = policyBeforeTesting
    self.appliedPolicy = appliedPolicy
    self.isSampledOut = isSampledOut
    self.spfAligned = spfAligned
    self.dkimAligned = dkimAligned
    self.comparison = comparison
  }
}
