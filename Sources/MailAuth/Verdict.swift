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

extension Verdict {
  /// Decides what to do with a message.
  ///
  /// For now that is always nothing: results are recorded and written on the message, and no policy
  /// is enforced.
  ///
  /// - Parameters:
  ///   - evaluation: What was found out.
  ///   - envelope: The message's envelope.
  ///   - authservID: The name under which results are written (RFC 8601 section 2.5).
  public init(_ evaluation: Evaluation, envelope: Envelope, authservID: String) {
    self.init(
      disposition: .none, overrideReasons: Self.overrideReasons(evaluation.dmarc),
      authenticationResults: AuthenticationResults.text(
        authservID: authservID, evaluation: evaluation, envelope: envelope))
  }

  /// The comment of a message whose policy is not applied because nothing is enforced.
  public static let monitoringComment = "monitoring only, policies are not enforced"
  /// The comment of a message that `pct` spared: RFC 9990 has no type for it any more.
  public static let sampledOutComment = "sampled out, the policy applies to pct= of mail"
  /// The comment of a message whose DMARC result is temperror.
  public static let temporaryErrorComment = "DMARC temperror, a DNS answer is missing"

  private static func overrideReasons(_ dmarc: DMARCOutcome) -> [OverrideReason] {
    guard let record = dmarc.record else { return [] }
    switch dmarc.result {
    case .temperror: return [OverrideReason(.other, comment: temporaryErrorComment)]
    case .fail:
      let isLowered = dmarc.appliedPolicy != dmarc.policyBeforeTesting
      let tested = record.isTesting && isLowered && !dmarc.isSampledOut
      let ignored = dmarc.appliedPolicy != DomainOwnerPolicy.none
      return (tested ? [OverrideReason(.policyTestMode)] : [])
        + (dmarc.isSampledOut ? [OverrideReason(.other, comment: sampledOutComment)] : [])
        + (ignored ? [OverrideReason(.localPolicy, comment: monitoringComment)] : [])
    case .none, .pass, .permerror: return []
    }
  }
}
