/// A passing ARC chain that leads from here back to a host where the message was authenticated,
/// through seals of trusted domains only (RFC 8617 section 7.2).
struct TrustedChain {
  /// The reason that it gives for an override.
  let reason: OverrideReason

  /// Looks for one in what was found out; nil when there is none.
  ///
  /// The sets are read from the newest down. Each must be sealed by a trusted domain, and the first
  /// whose results say that the author was authenticated ends the search: what lies below it is
  /// the word of others, about which that host has made up its mind.
  init?(_ evaluation: Evaluation, trustedSealers: [DomainName]) {
    let arc = evaluation.arc
    guard arc.result == .pass, !trustedSealers.isEmpty, let author = evaluation.authorDomain
    else { return nil }
    let sets = arc.sets.sorted { $0.instance > $1.instance }
    let trusted = sets.prefix { set in set.sealDomain.map(trustedSealers.contains) ?? false }
    let vouching = ReportedAuthentication(author: author, dmarc: evaluation.dmarc)
    guard trusted.contains(where: { vouching.isGiven(by: $0.results) }) else { return nil }
    reason = OverrideReason(.localPolicy, comment: Self.comment(arc, sets))
  }

  /// The form of RFC 8617 section 7.2.2: for programs, newest set first.
  private static func comment(_ arc: ARCOutcome, _ sets: [ARCSetOutcome]) -> String {
    var parts = ["arc=\(arc.result.rawValue)"]
    for set in sets {
      if let domain = set.sealDomain { parts.append("as[\(set.instance)].d=\(domain)") }
      if let selector = set.sealSelector {
        parts.append("as[\(set.instance)].s=\(selector.utf8.printable(limit: 253))")
      }
    }
    if let address = arc.remoteAddress { parts.append("remote-ip[1]=\(address)") }
    return parts.joined(separator: " ")
  }
}

/// What somebody else's results say of the Author Domain.
private struct ReportedAuthentication {
  let author: DomainName
  let dmarc: DMARCOutcome

  /// Whether these results say that DMARC passed, or an aligned DKIM signature or SPF did.
  func isGiven(by results: [ReportedResult]) -> Bool {
    results.contains { result in
      guard result.result == "pass" else { return false }
      switch result.method {
      case "dmarc":
        // A later sealer could have changed From; where the result names it, it has to be this one.
        // Some hosts write the whole address.
        return result.value("header", "from").map { DomainName(Self.domain($0)) == author } ?? true
      case "dkim":
        let domain = result.value("header", "d") ?? result.value("header", "i").map(Self.domain)
        return domain.map { isAligned($0, dmarc.record?.dkimAlignment) } ?? false
      case "spf":
        let domain = result.value("smtp", "mailfrom").map(Self.domain)
        return domain.map { isAligned($0, dmarc.record?.spfAlignment) } ?? false
      default: return false
      }
    }
  }

  /// What follows the last "@", or the whole.
  private static func domain(_ address: String) -> String {
    address.utf8.lastIndex(of: UInt8(ascii: "@")).map { String(address[$0...].dropFirst()) }
      ?? address
  }

  /// Whether a domain belongs to the author.
  ///
  /// Without asking the DNS: relaxed alignment is the author's domain, and what lies at or below its
  /// Organizational Domain as far as that is known. A public suffix in between goes unseen, which
  /// matters only for the word of a host that is trusted anyway.
  private func isAligned(_ text: String, _ mode: AlignmentMode?) -> Bool {
    guard let domain = DomainName(text) else { return false }
    if domain == author { return true }
    guard mode != .strict else { return false }
    return domain.isEqualOrBelow(dmarc.organizationalDomain ?? author)
  }
}
