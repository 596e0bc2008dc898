// SPF (RFC 7208): may this client use this domain as the sender of mail?
//
// The check is ours: record selection, the strict grammar, macros, include, redirect, exp, limits,
// and the comparison of addresses. libspf2 decides whether a mechanism matches that asks the DNS
// (`LibSPF2.swift` says why no more).
//
//     SPFCheck ─► SPFEvaluation ─► SPFRecordParser, SPFExpansion (names), LibSPF2 ─► SPFTermLookup

/// One SPF check of an identity, as often as wanted; every check ends in an outcome.
struct SPFCheck {
  private let settings: SPFSettings
  private let resolver: CheckResolver
  private let meanings: RecordMeanings

  init(
    settings: SPFSettings = SPFSettings(), resolver: CheckResolver,
    meanings: RecordMeanings = RecordMeanings()
  ) {
    self.settings = settings
    self.resolver = resolver
    self.meanings = meanings
  }

  /// Checks one identity of a message.
  ///
  /// - Parameters:
  ///   - identity: What to check. With a null reverse-path `mailFrom` is postmaster at the HELO
  ///     name (RFC 7208 section 2.4).
  ///   - client: The address of the SMTP client.
  ///   - helo: The argument of HELO or EHLO, as it came.
  ///   - mailFrom: The reverse-path without angle brackets, as it came; empty for the null one.
  ///   - receivingHost: The name of this host, for macro `r`.
  ///   - now: Seconds since the epoch, for macro `t`.
  /// - Returns: The outcome; its alignment is for DMARC to fill in.
  func check(
    identity: SPFIdentity, client: IPAddress, helo: [UInt8], mailFrom: [UInt8],
    receivingHost: String, now: Int64
  ) -> SPFOutcome {
    let usesHELO = identity == .helo || mailFrom.isEmpty
    let sender = usesHELO ? Array("postmaster@".utf8) + helo : mailFrom
    let at = sender.lastIndex(of: UInt8(ascii: "@")) ?? sender.endIndex
    let domainOctets = sender.dropFirst(at + 1)
    guard let domain = Self.checkableDomain(domainOctets) else {
      return SPFOutcome(
        identity: identity, domain: domainOctets.printable(limit: 255), result: .none,
        cause: .invalidDomain,
        explanation: Self.sentence(about: domainOctets, isHELO: usesHELO).asSentence)
    }
    let localPart = Array(sender[..<at])
    let session = SPFSession(
      client: client.unmapped, helo: helo,
      localPart: localPart.isEmpty ? Array("postmaster".utf8) : localPart,
      senderDomain: domain.text, receivingHost: receivingHost, now: now)
    let evaluation = SPFEvaluation(
      settings: settings, resolver: resolver, meanings: meanings, session: session,
      checkedDomain: domain.text)
    let ending = evaluation.run()
    return SPFOutcome(
      identity: identity, domain: domain.text, result: ending.result, cause: ending.cause,
      term: ending.term, termDomain: ending.termDomain, explanation: ending.sentence.asSentence,
      senderExplanation: evaluation.senderExplanation(for: ending),
      lookups: evaluation.lookups, voidLookups: evaluation.voidLookups,
      failedName: ending.failedName)
  }

  /// The domain in A-labels; nil for what has no SPF record by definition: a malformed name, a
  /// single label, an address (RFC 7208 sections 2.3 and 4.3).
  private static func checkableDomain(_ octets: ArraySlice<UInt8>) -> DomainName? {
    guard let domain = DomainName(bytes: octets), domain.labelCount > 1,
      IPAddress(domain.text) == nil
    else { return nil }
    return domain
  }

  private static func sentence(about domain: ArraySlice<UInt8>, isHELO: Bool) -> String {
    let identity = isHELO ? "the HELO name" : "the domain of the return path"
    let shown = domain.isEmpty ? "is empty" : "is \"\(domain.printable(limit: 255))\""
    return "\(identity) \(shown), which is not a domain name that SPF can check (none)"
  }
}
