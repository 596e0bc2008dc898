public import MailAuth

/// What a row of a report means, put together as for a message of our own: results, alignment and
/// the root cause.
///
/// A report tells less than an evaluation. What aligns is taken from the names: an identifier
/// belongs to the author's organization when both lie below the policy's domain, or when the public
/// suffix list says so. Where the reporter counted a pass as aligned it is believed.
public struct RowFindings: Sendable {
  /// The SPF check of MAIL FROM.
  public private(set) var spf: SPFOutcome
  /// The signatures, in the order of the report.
  public private(set) var dkim: [DKIMOutcome]
  /// Whether the row passed DMARC, as the reporter says or, where it does not, as its results do;
  /// `temperror` where an aligned identifier has that and none passed.
  public private(set) var dmarc: DMARCResult
  /// The root cause; nil when nothing is amiss or the row contradicts itself.
  public private(set) var rootCause: RootCause?
  /// How policy_evaluated contradicts auth_results, the middle of a sentence; nil when it does not.
  public private(set) var contradiction: String?

  init(_ row: ReadReport.Row, policy: ReadReport.Policy, publicSuffixList: PublicSuffixList?) {
    let names = RowNames(row, policy, publicSuffixList)
    dmarc = .fail
    spf = ReportedOutcome.spf(row.spfResult, client: row.sourceIP)
    dkim = row.dkimResults.map(ReportedOutcome.dkim)
    // A HELO name never counts for DMARC (RFC 7489 section 4.1, RFC 9989 section 4.4.2).
    if spf.identity == .mailFrom, row.spfResult != nil {
      spf.alignment = names.alignment(of: spf.domain, names.spfMode)
    }
    for index in dkim.indices {
      dkim[index].alignment = names.alignment(of: dkim[index].domain, names.dkimMode)
    }
    if row.spf == "pass", spf.result == .pass { spf.alignment = names.aligned(names.spfMode) }
    let passing = dkim.indices.filter { dkim[$0].result == .pass }
    if row.dkim == "pass", !passing.contains(where: { dkim[$0].isAligned }),
      let nearest = passing.max(by: {
        names.likeness(dkim[$0].domain) < names.likeness(dkim[$1].domain)
      })
    {
      dkim[nearest].alignment = names.aligned(names.dkimMode)
    }
    let spfPasses = spf.result == .pass && spf.isAligned
    let dkimPasses = dkim.contains { $0.result == .pass && $0.isAligned }
    contradiction = Self.contradiction(row, spfPasses: spfPasses, dkimPasses: dkimPasses)
    let spfAligned = row.spf.map { $0 == "pass" } ?? spfPasses
    let dkimAligned = row.dkim.map { $0 == "pass" } ?? dkimPasses
    let isOpen =
      (spf.result == .temperror && spf.isAligned)
      || dkim.contains { $0.result == .temperror && $0.isAligned }
    dmarc = spfAligned || dkimAligned ? .pass : isOpen ? .temperror : .fail
    guard contradiction == nil, let author = names.author else { return }
    let outcome = DMARCOutcome(
      result: dmarc,
      cause: dmarc == .pass ? .aligned : dmarc == .fail ? .noIdentifier : .identifierTemperror,
      explanation: "A DNS answer was missing when the reporter evaluated the mail.",
      discovery: .treewalk, policyDomain: names.base, spfAligned: spfAligned,
      dkimAligned: dkimAligned)
    rootCause = RootCause(
      author: author, spf: spf, dkim: dkim, dmarc: outcome, flow: Self.flow(row.reasons))
  }

  private static func contradiction(
    _ row: ReadReport.Row, spfPasses: Bool, dkimPasses: Bool
  ) -> String? {
    for (kind, evaluated, passes) in [("spf", row.spf, spfPasses), ("dkim", row.dkim, dkimPasses)] {
      if evaluated == "pass", !passes {
        return "policy_evaluated says \(kind) pass, and no result of auth_results passed"
      }
      if evaluated == "fail", passes {
        return "policy_evaluated says \(kind) fail, and auth_results has a pass that aligns"
      }
    }
    return nil
  }

  /// What the reporter's reasons say of the way the messages took.
  private static func flow(_ reasons: [ReadReport.Reason]) -> FlowEvidence {
    FlowEvidence(
      signs: reasons.compactMap { reason -> FlowSign? in
        switch reason.type {
        case "mailing_list": .listFields
        case "forwarded", "trusted_forwarder": .forwardingFields
        // The form of RFC 8617 section 7.2.2.
        default: reason.comment?.hasPrefix("arc=") == true ? .arcSets : nil
        }
      })
  }
}

extension SPFOutcome {
  fileprivate var isAligned: Bool { alignment?.isAligned == true }
}

extension DKIMOutcome {
  fileprivate var isAligned: Bool { alignment?.isAligned == true }
}

/// The names of a row and how they are related.
private struct RowNames {
  let author: DomainName?
  let base: DomainName?
  let spfMode: AlignmentMode
  let dkimMode: AlignmentMode
  private let list: PublicSuffixList?

  init(_ row: ReadReport.Row, _ policy: ReadReport.Policy, _ list: PublicSuffixList?) {
    author = DomainName(row.headerFrom)
    base = DomainName(policy.domain)
    spfMode = policy.spfAlignment == "s" ? .strict : .relaxed
    dkimMode = policy.dkimAlignment == "s" ? .strict : .relaxed
    self.list = list
  }

  func aligned(_ mode: AlignmentMode) -> Alignment { Alignment(isAligned: true, mode: mode) }

  func alignment(of text: String, _ mode: AlignmentMode) -> Alignment? {
    guard let author else { return nil }
    guard let domain = DomainName(text) else {
      return Alignment(isAligned: false, mode: mode, obstacle: .noDomain)
    }
    if domain == author { return aligned(mode) }
    guard isOneOrganization(domain, author) else {
      return Alignment(isAligned: false, mode: mode, obstacle: .otherOrganization)
    }
    return mode == .relaxed
      ? aligned(mode) : Alignment(isAligned: false, mode: mode, obstacle: .strictMismatch)
  }

  private func isOneOrganization(_ domain: DomainName, _ author: DomainName) -> Bool {
    // A policy of one label is that of a public suffix.
    if let base, base.labels.count > 1, domain.isEqualOrBelow(base), author.isEqualOrBelow(base) {
      return true
    }
    guard let list, let organization = list.organizationalDomain(of: author) else { return false }
    return list.organizationalDomain(of: domain) == organization
  }

  /// How many labels a name has in common with the author's, from the right.
  func likeness(_ text: String) -> Int {
    guard let author, let domain = DomainName(text) else { return -1 }
    return zip(author.labels.reversed(), domain.labels.reversed()).prefix { $0 == $1 }.count
  }
}
