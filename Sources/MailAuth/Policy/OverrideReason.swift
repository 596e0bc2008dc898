/// Why a disposition differs from what the policy asks for (RFC 9990 section 3.1.6).
public struct OverrideReason: Sendable, Codable, Equatable {
  /// The types of RFC 9990.
  public enum Kind: String, Sendable, Codable {
    /// A local exemption.
    case localPolicy = "local_policy"
    /// Local heuristics saw a mailing list.
    case mailingList = "mailing_list"
    /// Anything else; the comment explains.
    case other
    /// Exempt because of `t=y`.
    case policyTestMode = "policy_test_mode"
    /// The failure was expected: a known forwarder.
    case trustedForwarder = "trusted_forwarder"
  }

  /// The type.
  public var type: Kind
  /// A sentence out of a small fixed set, so that report rows do not split; nil when the type says
  /// it all.
  public var comment: String?

  /// Makes a reason.
  public init(_ type: Kind, comment: String? = nil) {
    self.type = type
    self.comment = comment
  }
}

// One reason for each rule of the local policy. Only the comment of a trusted ARC chain has parts
// that change, see TrustedChain.
extension OverrideReason {
  /// Nothing is enforced.
  public static let monitoring = OverrideReason(
    .localPolicy, comment: "monitoring only, policies are not enforced")
  /// The domain tests its policy, so that what it asks for is taken one step down.
  public static let testMode = OverrideReason(
    .policyTestMode, comment: "t=y, the policy is taken one step down")
  /// `pct` spared the message; RFC 9990 has no type for it any more.
  public static let sampledOut = OverrideReason(
    .other, comment: "sampled out, the policy applies to pct= of mail")
  /// The client is in an exempt network.
  public static let exemptNetwork = OverrideReason(
    .localPolicy, comment: "the client's network is exempt from DMARC policies")
  /// The client is a trusted forwarder, and the failure looks like forwarding.
  public static let trustedForwarder = OverrideReason(
    .trustedForwarder, comment: "forwarded by a trusted host")
  /// A mailing list's message is quarantined where its policy asks for rejection.
  public static let mailingList = OverrideReason(
    .mailingList, comment: "mail of a mailing list, quarantined and not rejected")
  /// Rejection is asked for, and no more than quarantine is enforced (RFC 9989 section 7.4).
  public static let quarantineOnly = OverrideReason(
    .localPolicy, comment: "p=reject is enforced as quarantine")
  /// A DNS answer is missing, so the policy is not applied.
  public static let temporaryError = OverrideReason(
    .other, comment: "DMARC temperror, a DNS answer is missing")
  /// A DNS answer is missing, so the client was asked to try again.
  public static let deferred = OverrideReason(
    .other, comment: "DMARC temperror, a DNS answer is missing; delivery was deferred")
  /// The message was quarantined or refused because From names no author, or there are several.
  public static let unusableFrom = OverrideReason(
    .localPolicy, comment: "the From header field is missing or ambiguous")
  /// The message was quarantined or refused because it breaks a limit of the evaluation.
  public static let beyondLimits = OverrideReason(
    .localPolicy, comment: "more From domains, or a larger header, than is evaluated")
}
