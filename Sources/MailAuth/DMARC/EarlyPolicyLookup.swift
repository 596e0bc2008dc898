/// Asks the DNS for what DMARC will need, while the answers for SPF and DKIM are still out.
///
/// DMARC comes last, but what it has to ask depends on the names of a message only, not on how SPF
/// and DKIM end. So it is asked ahead and remembered by the ``PolicySource``: a message waits for
/// fewer answers one after the other, and a sender whose SPF record leads to slow servers cannot use
/// up the message's time and leave none for the policy of somebody else's domain.
struct EarlyPolicyLookup {
  /// The Author Domain's Organizational Domain; nil without a policy or an Author Domain.
  let organization: DomainName?

  private let relations: DomainRelations
  /// The names that need a walk of their own: only what lies in the author's organization does.
  private let identifiers: [DomainName]

  /// Waits for the author's policy, and starts the walks from the identifiers.
  ///
  /// - Parameters:
  ///   - author: The Author Domain, if there is one.
  ///   - identifiers: The domains whose alignment will be asked for.
  ///   - relations: How domains relate.
  ///   - source: Keeps the answers.
  ///   - resolver: The resolver of `source`.
  init(
    author: DomainName?, identifiers: [DomainName], relations: DomainRelations,
    source: PolicySource, resolver: CheckResolver
  ) {
    self.relations = relations
    organization = author.flatMap(relations.prepare(for:))
    guard let author, let organization else {
      self.identifiers = []
      return
    }
    self.identifiers = identifiers.filter { $0 != author && $0.isEqualOrBelow(organization) }
    // By the list, organizations ask nothing and existence does not matter.
    guard relations.discovery == .treewalk else { return }
    var names: Set<DomainName> = []
    for name in self.identifiers.flatMap(TreeWalk.names) where !source.knows(name) {
      names.insert(name)
    }
    resolver.prefetch(names.map(\.policyQuestion))
    // Failures are remembered and come up again where they matter.
    if let policy = try? relations.policy(for: author), policy.name != author,
      policy.interpretation.record.dependsOnExistence
    {
      _ = source.exists(author)
    }
  }

  /// Waits for the walks.
  func finish() {
    for identifier in identifiers { _ = try? relations.organizationalDomain(of: identifier) }
  }
}

extension DMARCPolicyRecord {
  /// Whether a subdomain's policy depends on whether it exists (`np`, RFC 9989 section 4.7).
  var dependsOnExistence: Bool {
    guard let nonexistentSubdomainPolicy else { return false }
    return nonexistentSubdomainPolicy != subdomainPolicy ?? policy
  }
}

extension Envelope {
  /// The domains that SPF is about, as far as they are domain names.
  var spfDomains: [DomainName] {
    let returnPath = mailFrom.lastIndex(of: UInt8(ascii: "@")).map { mailFrom[($0 + 1)...] }
    return [returnPath ?? [], helo[...]].compactMap { DomainName(bytes: $0) }
  }
}
