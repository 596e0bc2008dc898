/// How closely an identifier must match the Author Domain (`adkim`, `aspf`; RFC 9989 section 4.7).
public enum AlignmentMode: String, Sendable, Codable {
  /// The same Organizational Domain is enough.
  case relaxed = "r"
  /// The names must be identical.
  case strict = "s"
}

/// Why an identifier's domain does not align with the Author Domain.
public enum AlignmentObstacle: String, Sendable, Codable {
  /// The two names have different Organizational Domains.
  case otherOrganization
  /// The names differ under strict alignment; they would align relaxed.
  case strictMismatch
  /// The identifier is not a domain name.
  case noDomain
  /// The Organizational Domain could not be found because the DNS failed.
  case dnsFailure
}

/// How an identifier's domain relates to the Author Domain, whether or not it authenticated
/// (RFC 9989 section 4.4).
public struct Alignment: Sendable, Codable, Equatable {
  /// Whether the domains align; nil when the DNS failed before that was known.
  public var isAligned: Bool?
  /// The mode applied.
  public var mode: AlignmentMode
  /// The Organizational Domain of the identifier; nil when it was not needed or not found.
  public var organizationalDomain: DomainName?
  /// Why the domains do not align; nil when they do.
  public var obstacle: AlignmentObstacle?

  /// Makes an alignment.
  public init(
    isAligned: Bool?, mode: AlignmentMode, organizationalDomain: DomainName? = nil,
    obstacle: AlignmentObstacle? = nil
  ) {
    self.isAligned = isAligned
    self.mode = mode
    self.organizationalDomain = organizationalDomain
    self.obstacle = obstacle
  }
}

/// Why an identifier does not vouch for the author.
public enum NotAlignedReason: String, Sendable, Codable, CaseIterable {
  /// Its domain belongs to another organization.
  case otherOrganization
  /// Its domain belongs to the author's organization, but strict alignment wants the exact name.
  case strictMismatch
  /// It is no domain name.
  case noDomain
  /// The DNS failed before it was known whether its domain aligns.
  case dnsFailure
  /// Its domain aligns, but the identifier did not pass.
  case notPassed

  /// Nil when the identifier does vouch for the author, or was not compared.
  init?(_ alignment: Alignment?, isPassed: Bool) {
    switch alignment?.obstacle {
    case .otherOrganization: self = .otherOrganization
    case .strictMismatch: self = .strictMismatch
    case .noDomain: self = .noDomain
    case .dnsFailure: self = .dnsFailure
    case nil:
      guard alignment?.isAligned == true, !isPassed else { return nil }
      self = .notPassed
    }
  }
}

extension SPFOutcome {
  /// Why this identity does not vouch for the author; nil when it does, or was not compared.
  public var notAlignedReason: NotAlignedReason? {
    NotAlignedReason(alignment, isPassed: result == .pass)
  }
}

extension DKIMOutcome {
  /// Why this signature does not vouch for the author; nil when it does, or was not compared.
  public var notAlignedReason: NotAlignedReason? {
    NotAlignedReason(alignment, isPassed: result == .pass)
  }
}
