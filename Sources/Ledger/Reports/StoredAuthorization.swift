public import MailAuth

/// What an external destination answered to the question whether it takes reports about a domain
/// (RFC 9990 section 4, RFC 9991 section 5), for as long as the answer may be kept.
public struct StoredAuthorization: Sendable, Equatable {
  /// Which tag the answer is about.
  public enum Tag: String, Sendable {
    /// Aggregate reports.
    case rua
    /// Failure reports.
    case ruf
  }

  /// The policy domain.
  public var policyDomain: DomainName
  /// The host of the destination.
  public var host: DomainName
  /// Which tag it is about.
  public var tag: Tag
  /// Whether the destination takes reports.
  public var isAuthorized: Bool
  /// The URIs that it wants instead of the published one; empty for none.
  public var overrides: [String]
  /// Why, in words.
  public var reason: String
  /// Until when the answer holds, seconds since the epoch.
  public var expiresAt: Int64

  /// Makes an answer.
  public init(
    policyDomain: DomainName, host: DomainName, tag: Tag, isAuthorized: Bool, overrides: [String],
    reason: String, expiresAt: Int64
  ) {
    self.policyDomain = policyDomain
    self.host = host
    self.tag = tag
    self.isAuthorized = isAuthorized
    self.overrides = overrides
    self.reason = reason
    self.expiresAt = expiresAt
  }
}
