/// Policies and Organizational Domains for one message, by tree walk or public suffix list.
struct DomainRelations {
  private let source: PolicySource
  private let publicSuffixList: PublicSuffixList?
  private let memory = Memory()

  // The Organizational Domains of a message's identifiers, most of which are the same few names.
  private final class Memory {
    var organizations = NameTable<Result<DomainName, PolicyLookupFailure>>()
  }

  /// Relates domains by `publicSuffixList`, or by tree walk when that is nil.
  init(_ source: PolicySource, publicSuffixList: PublicSuffixList?) {
    self.source = source
    self.publicSuffixList = publicSuffixList
  }

  var discovery: PolicyDiscovery { publicSuffixList == nil ? .treewalk : .psl }

  /// The Organizational Domain of a name as far as it had to be found out already; asks nothing.
  func knownOrganizationalDomain(of name: DomainName) -> DomainName? {
    try? memory.organizations[name]?.get()
  }

  /// The Organizational Domain of a name.
  func organizationalDomain(of name: DomainName) throws(PolicyLookupFailure) -> DomainName {
    if let known = memory.organizations[name] { return try known.get() }
    do throws(PolicyLookupFailure) {
      let domain =
        if let publicSuffixList {
          publicSuffixList.organizationalDomain(of: name) ?? name
        } else {
          try TreeWalk(from: name, source).organizationalDomain
        }
      memory.organizations[name] = .success(domain)
      return domain
    } catch {
      memory.organizations[name] = .failure(error)
      throw error
    }
  }

  /// The policy for mail from `author`; nil when none is published.
  func policy(for author: DomainName) throws(PolicyLookupFailure) -> FoundPolicy? {
    if publicSuffixList != nil { return try listedPolicy(for: author) }
    // The Author Domain's own record settles the matter without a walk (section 4.10.1).
    if let own = try record(at: author) { return own }
    return try TreeWalk(from: author, source).policy
  }

  /// RFC 7489 section 6.6.3: the Author Domain, then its Organizational Domain; several records at
  /// one name end the search.
  private func listedPolicy(for author: DomainName) throws(PolicyLookupFailure) -> FoundPolicy? {
    if let own = try record(at: author) { return own }
    if case .none(let count) = source.entry(at: author, rules: .psl), count > 1 { return nil }
    let organization = try organizationalDomain(of: author)
    return organization == author ? nil : try record(at: organization)
  }

  /// Why there is no policy for mail from `author`; asks only what the search has asked.
  func sentenceWithoutPolicy(for author: DomainName) -> String {
    let organization = (try? organizationalDomain(of: author)) ?? author
    let names = publicSuffixList == nil ? TreeWalk.names(from: author) : [author, organization]
    let sentence = "Neither \(author) nor a domain above it publishes a policy"
    for name in names {
      if case .none(let count) = source.entry(at: name, rules: discovery), count > 1 {
        return sentence + " that counts: \(name) has \(count) records where one is allowed."
      }
    }
    return sentence + "."
  }

  /// Looks up what the verdict needs of the Author Domain and keeps it: its policy and, when it has
  /// one, its Organizational Domain, which is returned.
  func prepare(for author: DomainName) -> DomainName? {
    // Failures are kept as well, and reported by whoever asks again.
    guard (try? policy(for: author)) != nil else { return nil }
    return try? organizationalDomain(of: author)
  }

  private func record(at name: DomainName) throws(PolicyLookupFailure) -> FoundPolicy? {
    switch source.entry(at: name, rules: discovery) {
    case .none: return nil
    case .failure(let outcome): throw PolicyLookupFailure(name: name, outcome: outcome)
    case .record(let interpretation, let text):
      return FoundPolicy(name: name, interpretation: interpretation, text: text)
    }
  }

  /// How an identifier's domain relates to the Author Domain (RFC 9989 section 4.4).
  ///
  /// An Organizational Domain is its name or a name above it. So an identifier that does not lie at
  /// or below the author's cannot align, and no walk from it is needed: whoever holds that domain
  /// cannot turn a fail into a temperror by servers that do not answer.
  ///
  /// `hasRecord` says whether a record was found for the author. Without one no name on the Author
  /// Domain's walk has one, only the name itself can align, and nothing is asked.
  func alignment(
    of identifier: DomainName?, with author: DomainName, mode: AlignmentMode, hasRecord: Bool
  ) -> Alignment {
    guard let identifier else {
      return Alignment(isAligned: false, mode: mode, obstacle: .noDomain)
    }
    if identifier == author { return Alignment(isAligned: true, mode: mode) }
    let other = Alignment(isAligned: false, mode: mode, obstacle: .otherOrganization)
    guard hasRecord || publicSuffixList != nil,
      identifier.topLabel == author.topLabel
    else { return other }
    do throws(PolicyLookupFailure) {
      let authors = try organizationalDomain(of: author)
      guard identifier.isEqualOrBelow(authors) else { return other }
      let organization = try organizationalDomain(of: identifier)
      let obstacle: AlignmentObstacle? =
        if organization != authors {
          .otherOrganization
        } else if mode == .strict { .strictMismatch } else { nil }
      return Alignment(
        isAligned: obstacle == nil, mode: mode, organizationalDomain: organization,
        obstacle: obstacle)
    } catch {
      guard mayAlign(identifier, author) else { return other }
      // Under strict alignment different names do not align, whatever the DNS would have said.
      return Alignment(
        isAligned: mode == .strict ? false : nil, mode: mode, obstacle: .dnsFailure)
    }
  }

  /// Whether two names could have one Organizational Domain, as far as the DNS answered.
  ///
  /// It would be one of the names that are above both, and found by a record there. So a failure
  /// that concerns only names on one side leaves nothing open where all those have no record.
  private func mayAlign(_ identifier: DomainName, _ author: DomainName) -> Bool {
    TreeWalk.names(from: author).filter(identifier.isEqualOrBelow).contains { name in
      if case .none = source.entry(at: name) { false } else { true }
    }
  }
}
