/// A DMARC Policy Record as interpreted (RFC 9989 section 4.7).
///
/// Printing a record and parsing the text again gives an equal record.
public struct DMARCPolicyRecord: Sendable, Equatable {
  /// `p`; what was published, or none where RFC 9989 section 4.10.1 puts none in its place.
  public var policy: DomainOwnerPolicy = .none
  /// `sp`; nil when not published: then `p` holds for subdomains.
  public var subdomainPolicy: DomainOwnerPolicy?
  /// `np`; nil when not published: then `sp`, then `p` holds for subdomains that do not exist.
  public var nonexistentSubdomainPolicy: DomainOwnerPolicy?
  /// `adkim`.
  public var dkimAlignment: AlignmentMode = .relaxed
  /// `aspf`.
  public var spfAlignment: AlignmentMode = .relaxed
  /// `t=y`: the owner asks not to apply the policy as written.
  public var isTesting = false
  /// `psd`; nil stands for `u`, unknown.
  public var isPublicSuffix: Bool?
  /// `rua`: syntactically valid URIs in order, without obsolete size limits.
  public var aggregateReportURIs: [String] = []
  /// `ruf`: the same for failure reports.
  public var failureReportURIs: [String] = []
  /// `fo` as published when valid, such as `1:d`; the default is `0`.
  public var failureOptions = "0"
  /// `pct`, historic: 0 to 100, nil when not published; read in PSL mode only (RFC 7489
  /// section 6.3).
  public var percent: Int?
  /// What was wrong with the text and how it was taken, a sentence each.
  public var problems: [String] = []

  /// Makes the record of `v=DMARC1` alone.
  public init() {}
}
