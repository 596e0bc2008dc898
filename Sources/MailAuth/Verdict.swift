/// What was done with a message because of DMARC (RFC 9990 section 3.1.1.9).
///
/// A pass is recorded as `none`; aggregate reports write `pass` where the policy enforces.
public enum Disposition: String, Sendable, Codable {
  /// Nothing.
  case none
  /// The message was held as suspicious.
  case quarantine
  /// The message was refused.
  case reject
}

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

/// An evaluation together with local policy: what is done and what is written on the message.
public struct Verdict: Sendable, Equatable {
  /// What is done because of DMARC.
  public var disposition: Disposition
  /// Why that differs from the policy; empty when it does not.
  public var overrideReasons: [OverrideReason]
  /// The value of the Authentication-Results field to add: authserv-id and results on one line,
  /// no leading blank (RFC 8601 section 2.2).
  public var authenticationResults: String

  /// Makes a verdict.
  public init(
    disposition: Disposition, overrideReasons: [OverrideReason], authenticationResults: String
  ) {
    self.disposition = disposition
    self.overrideReasons = overrideReasons
    self.authenticationResults = authenticationResults
  }
}
