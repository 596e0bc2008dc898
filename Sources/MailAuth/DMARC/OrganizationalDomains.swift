/// Organizational Domains outside the evaluation of a message, found as evaluation finds them.
///
/// Each name is asked for once, failures included, so use one for a short time. It is used by one
/// thread at a time.
public final class OrganizationalDomains {
  private let relations: DomainRelations
  private let resolver: CheckResolver

  /// Prepares to ask; asks nothing yet.
  ///
  /// - Parameters:
  ///   - resolver: Whom to ask.
  ///   - discovery: The way that is acted on; nothing is compared here.
  ///   - deadline: When a question counts as not answered; nil waits as long as the resolver does.
  public init(
    resolver: any Resolver, discovery: DiscoveryMode, deadline: ContinuousClock.Instant? = nil
  ) {
    self.resolver = CheckResolver(resolver, deadline: deadline)
    relations = DomainRelations(
      PolicySource(self.resolver), publicSuffixList: discovery.actingList)
  }

  /// The Organizational Domain of a name (RFC 9989 section 4.10.2, RFC 7489 section 3.2).
  ///
  /// - Throws: When the DNS did not tell.
  public func organizationalDomain(
    of name: DomainName
  ) throws(OrganizationalDomainFailure) -> DomainName {
    do throws(PolicyLookupFailure) {
      return try relations.organizationalDomain(of: name)
    } catch {
      throw OrganizationalDomainFailure(name: error.name, outcome: error.outcome)
    }
  }

  /// The Organizational Domain that two names have in common; nil when they have different ones.
  ///
  /// An Organizational Domain is its name or a name above it. So nothing is asked where the two
  /// names do not even end alike, and nothing about `other` where it does not lie in the
  /// organization of `name`.
  ///
  /// - Throws: When the DNS did not tell.
  public func commonOrganization(
    of name: DomainName, and other: DomainName
  ) throws(OrganizationalDomainFailure) -> DomainName? {
    guard name.topLabel == other.topLabel else { return nil }
    let organization = try organizationalDomain(of: name)
    guard other.isEqualOrBelow(organization) else { return nil }
    return try organizationalDomain(of: other) == organization ? organization : nil
  }

  /// Starts the questions that ``commonOrganization(of:and:)`` will ask, and returns at once.
  public func prefetch(_ name: DomainName, and other: DomainName) {
    // By the list, organizations ask nothing.
    guard relations.discovery == .treewalk, name != other,
      name.topLabel == other.topLabel
    else { return }
    resolver.prefetch(TreeWalk.names(from: name).map(\.policyQuestion))
  }
}

/// A DNS failure while looking for an Organizational Domain.
public struct OrganizationalDomainFailure: Error, Equatable, CustomStringConvertible {
  /// The name, without `_dmarc.`, that could not be asked for.
  public var name: DomainName
  /// How the question ended.
  public var outcome: DNSOutcome

  /// The failure for people.
  public var description: String { "the question for _dmarc.\(name) ended in \(outcome.rawValue)" }
}
