public import MailAuth

/// Whether reports about a domain may go to a host, and how that was found out.
public struct DestinationVerdict: Sendable, Equatable {
  /// What was found.
  public enum Decision: Sendable, Equatable {
    /// The host belongs to the organization of the policy domain; nobody else has to agree.
    case sameOrganization
    /// The host takes the reports; at these URIs instead of the published one unless there are
    /// none here.
    case authorized(overrides: [ReportURI])
    /// The host does not take them; nothing may be sent there.
    case notAuthorized
    /// The DNS did not tell; nothing may be sent yet.
    case undecided
  }

  /// What was found.
  public var decision: Decision
  /// The name that was asked for TXT records; nil where that question was not reached.
  public var question: String?
  /// What was found and why, in words; no sentence of its own.
  public var reason: String
  /// Until when it may be kept, seconds since the epoch; nil for not at all.
  public var expiresAt: Int64?

  /// Where a report meant for `uri` goes; empty for nowhere.
  public func destinations(of uri: ReportURI) -> [ReportURI] {
    switch decision {
    case .sameOrganization: [uri]
    case .authorized(let overrides): overrides.isEmpty ? [uri] : overrides
    case .notAuthorized, .undecided: []
    }
  }

  /// The name that holds the consent of `host` to reports about `policyDomain` (RFC 9990 section
  /// 4); it may be too long for the DNS.
  public static func question(about policyDomain: DomainName, to host: DomainName) -> String {
    "\(policyDomain)._report._dmarc.\(host)"
  }
}
