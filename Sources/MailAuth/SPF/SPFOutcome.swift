/// The result of `check_host()` (RFC 7208 section 2.6).
public enum SPFResult: String, Sendable, Codable, CaseIterable {
  /// No usable domain, no such domain, or no SPF record.
  case none
  /// The domain's owner asserts nothing about the client.
  case neutral
  /// The client is authorized.
  case pass
  /// The client is not authorized.
  case fail
  /// The client is probably not authorized.
  case softfail
  /// A DNS failure that a later attempt may not meet.
  case temperror
  /// The published record cannot be interpreted.
  case permerror
}

/// Why an SPF check ended as it did: a code for programs, kept apart from the result.
public enum SPFCause: String, Sendable, Codable, CaseIterable {
  /// A mechanism matched; ``SPFOutcome/term`` names it.
  case matched
  /// No mechanism matched and there is no redirect (RFC 7208 section 4.7).
  case noMatch
  /// The domain exists, or was not asked for further, and publishes no SPF record (section 4.5).
  case noRecord
  /// The domain does not exist: NXDOMAIN (section 4.3).
  case noSuchDomain
  /// The identity is not a domain name that can be checked: one label, an address literal, a
  /// malformed name (section 4.3).
  case invalidDomain
  /// The record breaks the grammar; ``SPFOutcome/term`` holds the offending term (section 4.6).
  case recordSyntax
  /// More than one SPF record at one name (section 4.5).
  case multipleRecords
  /// More than the allowed number of terms that cause DNS lookups (section 4.6.4).
  case tooManyLookups
  /// More than the allowed number of lookups without an answer (section 4.6.4).
  case tooManyVoidLookups
  /// An `mx` term named more than ten hosts (section 4.6.4).
  case tooManyMXHosts
  /// An `include` names a domain without an SPF record (section 5.2).
  case includeWithoutRecord
  /// A `redirect` leads to a domain without an SPF record (section 6.1).
  case redirectWithoutRecord
  /// A DNS question was not answered in time.
  case dnsTimeout
  /// A DNS server failed to answer (SERVFAIL, REFUSED).
  case dnsServfail
  /// An answer did not pass DNSSEC validation.
  case dnsBogus
}

/// Which identity an SPF check was about (RFC 7208 section 2.3 and 2.4).
public enum SPFIdentity: String, Sendable, Codable {
  /// The reverse-path; with a null reverse-path postmaster at the HELO name.
  case mailFrom
  /// The HELO or EHLO name.
  case helo
}

/// The end of one SPF check, with what led to it.
public struct SPFOutcome: Sendable, Codable, Equatable {
  /// The identity checked.
  public var identity: SPFIdentity
  /// The domain checked, as A-labels where it is a domain name, otherwise as it came; empty when
  /// the client gave none.
  public var domain: String
  /// The result.
  public var result: SPFResult
  /// Why.
  public var cause: SPFCause
  /// The term of the record that decided or broke the evaluation, as published; nil when no term
  /// did.
  public var term: String?
  /// The domain whose record holds ``term``; differs from ``domain`` inside include and redirect.
  public var termDomain: String?
  /// The sentence for people.
  public var explanation: String
  /// The sender's own text for a fail (`exp=`, RFC 7208 section 6.2): third-party text, ASCII; nil
  /// when there is none.
  public var senderExplanation: String?
  /// Terms evaluated that cause DNS lookups.
  public var lookups: Int
  /// Terms whose lookups found nothing; one term counts once (RFC 7208 section 4.6.4).
  public var voidLookups: Int
  /// The DNS name whose lookup failed, for the DNS causes; nil otherwise.
  public var failedName: String?
  /// How the domain relates to the Author Domain; nil when there is nothing to compare.
  public var alignment: Alignment?

  /// Makes an outcome.
  public init(
    identity: SPFIdentity, domain: String, result: SPFResult, cause: SPFCause, term: String? = nil,
    termDomain: String? = nil, explanation: String, senderExplanation: String? = nil,
    lookups: Int = 0, voidLookups: Int = 0, failedName: String? = nil, alignment: Alignment? = nil
  ) {
    self.identity = identity
    self.domain = domain
    self.result = result
    self.cause = cause
    self.term = term
    self.termDomain = termDomain
    self.explanation = explanation
    self.senderExplanation = senderExplanation
    self.lookups = lookups
    self.voidLookups = voidLookups
    self.failedName = failedName
    self.alignment = alignment
  }
}
