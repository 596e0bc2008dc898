/// Asks the DNS for what DMARC will need, while the answers for SPF and DKIM are still out.
///
/// DMARC comes last, but what it has to ask depends on the names of a message only, not on how SPF
/// and DKIM end. So it is asked ahead and remembered by the ``PolicySource``: a message waits for
/// fewer answers one after the other, and a sender whose SPF record leads to slow servers cannot use
/// up the message's time and leave none for the policy of somebody else's domain.
struct EarlyPolicyLookup {
  private let relations: DomainRelations
  private var identifiers: [DomainName] = []

  /// Waits for the policy of each author, and starts the walks from the identifiers that need one.
  ///
  /// - Parameters:
  ///   - authors: The Author Domains that will be evaluated.
  ///   - identifiers: The domains whose alignment will be asked for.
  ///   - relations: How domains relate.
  ///   - source: Keeps the answers.
  ///   - resolver: The resolver of `source`.
  init(
    authors: [DomainName], identifiers: [DomainName], relations: DomainRelations,
    source: PolicySource, resolver: CheckResolver
  ) {
    self.relations = relations
    for author in authors {
      // A failure is remembered and comes up again where it matters.
      guard let policy = try? relations.policy(for: author) else { continue }
      if policy.name != author, policy.interpretation.record.dependsOnExistence {
        _ = source.exists(author)
      }
      self.identifiers += identifiers.filter { $0 != author }
    }
    guard relations.discovery == .treewalk else { return }
    let names = Set(self.identifiers.flatMap(TreeWalk.names))
    resolver.prefetch(names.map { DNSQuestion("_dmarc.\($0)", .txt) })
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
    return [returnPath ?? [], helo[...]].compactMap { DomainName(bytes: Array($0)) }
  }
}
