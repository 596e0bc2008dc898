public import Ledger
public import MailAuth

/// The values of an aggregate report, in the words of RFC 9990 where the forms differ.
///
/// A report with its records never exists as one value, it may be larger than memory:
/// ``ReportXML`` takes the head and then record by record.
public enum AggregateReport {
  /// The most `dkim` elements in one record (RFC 9990 section 3.1.3).
  public static let maximumSignatures = 100

  /// `report_metadata` (RFC 9990 section 3.1.1.2).
  public struct Metadata: Sendable, Equatable {
    /// `org_name`.
    public var organization: String
    /// `email`.
    public var email: String
    /// `extra_contact_info`.
    public var extraContact: String?
    /// `report_id`: letters and digits, so that file name, subject and report can agree.
    public var reportID: String
    /// `date_range`: the first and the last second, since the epoch.
    public var begin: Int64
    /// See ``begin``.
    public var end: Int64
    /// `error`: what was wrong with the policy record or with the results, a sentence each.
    public var errors: [String]
    /// `generator`.
    public var generator: String
  }

  /// `policy_published`: what was in force, defaults filled in (RFC 9990 section 3.1.1.5).
  ///
  /// So `sp` and `np` are always given: a record without them has the values that take their place
  /// (RFC 9989 section 4.7).
  public struct PolicyPublished: Sendable, Hashable {
    /// `domain`: where the record was found.
    public var domain: DomainName
    /// `discovery_method`.
    public var discovery: PolicyDiscovery
    /// `p`.
    public var policy: DomainOwnerPolicy
    /// `sp`.
    public var subdomainPolicy: DomainOwnerPolicy
    /// `np`.
    public var nonexistentSubdomainPolicy: DomainOwnerPolicy
    /// `fo`.
    public var failureOptions: String
    /// `adkim`.
    public var dkimAlignment: AlignmentMode
    /// `aspf`.
    public var spfAlignment: AlignmentMode
    /// `testing`.
    public var isTesting: Bool
    /// `pct`, which only RFC 7489 has: 100 unless the record was found and applied by its rules.
    public var percent: Int

    /// Takes from a stored policy what a report shows.
    public init(_ policy: StoredPolicy) {
      let record = policy.record
      domain = policy.policyDomain
      discovery = policy.discovery
      self.policy = record.policy
      subdomainPolicy = record.subdomainPolicy ?? record.policy
      nonexistentSubdomainPolicy = record.nonexistentSubdomainPolicy ?? subdomainPolicy
      failureOptions = record.failureOptions
      dkimAlignment = record.dkimAlignment
      spfAlignment = record.spfAlignment
      isTesting = record.isTesting
      percent = policy.discovery == .psl ? record.percent ?? 100 : 100
    }

    /// The values in a fixed order: equal for equal policies only.
    var words: [String] {
      [
        domain.text, discovery.rawValue, policy.rawValue, subdomainPolicy.rawValue,
        nonexistentSubdomainPolicy.rawValue, failureOptions, dkimAlignment.rawValue,
        spfAlignment.rawValue, isTesting ? "y" : "n",
      ] + (percent == 100 ? [] : ["pct=\(percent)"])
    }
  }

  /// `record` without its count: the key by which messages are counted together.
  public struct Record: Sendable, Hashable {
    /// `source_ip`.
    public var sourceIP: String
    /// `policy_evaluated/disposition`.
    public var disposition: ActionDisposition
    /// `policy_evaluated/dkim`: whether a signature passed, aligned.
    public var dkimAligned: Bool
    /// `policy_evaluated/spf`: whether SPF passed, aligned.
    public var spfAligned: Bool
    /// `policy_evaluated/reason`, in order.
    public var reasons: [Reason]
    /// `identifiers/header_from`.
    public var headerFrom: String
    /// `identifiers/envelope_from`; empty for the null reverse-path, nil when it has no domain.
    public var envelopeFrom: String?
    /// `auth_results/dkim`, in order, at most ``AggregateReport/maximumSignatures``.
    public var dkim: [DKIM]
    /// `auth_results/spf`; nil when there was no domain to check.
    public var spf: SPF?
  }

  /// What was done (RFC 9990 section 3.1.1.9).
  public enum ActionDisposition: String, Sendable {
    /// No action.
    case none
    /// No action, because the message passed under an enforcing policy.
    case pass
    /// Held as suspicious because of DMARC.
    case quarantine
    /// Refused because of DMARC.
    case reject
  }

  /// `reason/type` (RFC 9990 section 3.1.6, RFC 7489 appendix C).
  public enum ReasonType: String, Sendable, CaseIterable {
    /// Known or likely forwarding; RFC 7489 only.
    case forwarded
    /// A local exemption.
    case localPolicy = "local_policy"
    /// Local heuristics saw a mailing list.
    case mailingList = "mailing_list"
    /// Anything else; the comment explains.
    case other
    /// Exempt because of `t=y`; RFC 9990 only.
    case policyTestMode = "policy_test_mode"
    /// Exempt because of `pct`; RFC 7489 only.
    case sampledOut = "sampled_out"
    /// The failure was expected: a known forwarder.
    case trustedForwarder = "trusted_forwarder"

    init(_ kind: OverrideReason.Kind) {
      self =
        switch kind {
        case .localPolicy: .localPolicy
        case .mailingList: .mailingList
        case .other: .other
        case .policyTestMode: .policyTestMode
        case .trustedForwarder: .trustedForwarder
        }
    }
  }

  /// `reason`: why the disposition differs from the policy (RFC 9990 section 3.1.6).
  public struct Reason: Sendable, Hashable {
    /// `type`.
    public var type: ReasonType
    /// `comment`.
    public var comment: String?
  }

  /// `auth_results/dkim`.
  public struct DKIM: Sendable, Hashable {
    /// `domain`.
    public var domain: String
    /// `selector`.
    public var selector: String
    /// `result`.
    public var result: DKIMResult
    /// `human_result`.
    public var humanResult: String?
  }

  /// `auth_results/spf`; the scope is always `mfrom`.
  public struct SPF: Sendable, Hashable {
    /// `domain`.
    public var domain: String
    /// `result`.
    public var result: SPFResult
    /// `human_result`.
    public var humanResult: String?
  }
}
