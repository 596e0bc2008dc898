/// Something that no report is sent to or about.
public struct Suppression: Sendable, Equatable {
  /// What is suppressed.
  public enum Subject: Sendable, Hashable {
    /// A policy domain, or the domain of a destination, in A-labels.
    case domain(String)
    /// A destination's mail address, domain in A-labels.
    case address(String)
  }

  /// Who made the entry.
  public enum Origin: String, Sendable {
    /// The administrator.
    case manual
    /// Too many bounces.
    case bounces
  }

  /// What is suppressed.
  public var subject: Subject
  /// Why, in words.
  public var reason: String
  /// Who made the entry.
  public var origin: Origin
  /// When it was made, seconds since the epoch.
  public var createdAt: Int64
  /// When it ends, seconds since the epoch; nil for never.
  public var expiresAt: Int64?

  /// Makes an entry.
  public init(
    subject: Subject, reason: String, origin: Origin, createdAt: Int64, expiresAt: Int64?
  ) {
    self.subject = subject
    self.reason = reason
    self.origin = origin
    self.createdAt = createdAt
    self.expiresAt = expiresAt
  }

  /// Whether it holds at a time, seconds since the epoch.
  public func isActive(at now: Int64) -> Bool { expiresAt.map { now < $0 } ?? true }
}
