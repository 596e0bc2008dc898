/// The result of one DKIM signature (RFC 8601 section 2.7.1).
public enum DKIMResult: String, Sendable, Codable, CaseIterable {
  /// The message is not signed; used where a result is wanted and no signature exists.
  case none
  /// The signature verified.
  case pass
  /// The signature was acceptable and did not verify.
  case fail
  /// The signature is not acceptable to this receiver.
  case policy
  /// The signature could not be processed, or was not evaluated.
  case neutral
  /// A failure that a later attempt may not meet: the key could not be fetched.
  case temperror
  /// A failure that no later attempt will cure.
  case permerror
}

/// Why a DKIM signature ended as it did: a code for programs, kept apart from the result.
public enum DKIMCause: String, Sendable, Codable, CaseIterable {
  /// Header and body are as signed.
  case verified
  /// The body differs from what was signed (RFC 6376 section 6.1.3).
  case bodyHashMismatch
  /// A signed header field differs, or the key is not the one that signed.
  case signatureMismatch
  /// No key record: NXDOMAIN, or no TXT at the name (section 6.1.2).
  case noKey
  /// The key record has an empty `p=` (section 6.1.2).
  case keyRevoked
  /// The key record breaks the grammar, or several disagree (section 3.6.1).
  case keySyntax
  /// The key has fewer bits than accepted (RFC 8301 section 3.2).
  case keyTooSmall
  /// `k=` of the key record does not fit the signature's algorithm.
  case keyTypeMismatch
  /// `h=` of the key record does not allow the signature's hash.
  case keyHashNotAllowed
  /// `s=` of the key record does not allow mail.
  case keyServiceNotAllowed
  /// The key record says `t=s` and `i=` is not exactly `d=`.
  case keyStrictIdentity
  /// The key query was not answered in time.
  case dnsTimeout
  /// A DNS server failed to answer the key query (SERVFAIL, REFUSED).
  case dnsServfail
  /// The key record did not pass DNSSEC validation.
  case dnsBogus
  /// `x=` lies in the past.
  case expired
  /// `t=` lies in the future, beyond the allowed clock skew.
  case notYetValid
  /// The algorithm must not be used: rsa-sha1 (RFC 8301 section 3.1).
  case algorithmRefused
  /// `a=` names an algorithm nobody knows.
  case algorithmUnknown
  /// `q=` offers no query method other than unknown ones.
  case queryMethodUnknown
  /// `l=` leaves a part of the body unsigned, or exceeds the body (section 8.2).
  case bodyLengthLimit
  /// `i=` is neither `d=` nor below it.
  case identityOutsideDomain
  /// The signature field breaks the grammar or lacks a required tag (section 6.1.1).
  case signatureSyntax
  /// `h=` does not name From (section 5.4).
  case fromNotSigned
  /// More signatures than are evaluated; this one was not.
  case notEvaluated
  /// The message broke a bound on header size or count, so nothing was verified; or `h=` has more
  /// names than can be looked for in a header of this length.
  case messageTooLarge
  /// libopendkim failed; a fault of ours.
  case internalError
}

/// The end of one DKIM signature, with what led to it.
public struct DKIMOutcome: Sendable, Codable, Equatable {
  /// The signing domain, `d=`, as A-labels; empty when the signature does not tell.
  public var domain: String
  /// The selector, `s=`; empty when the signature does not tell.
  public var selector: String
  /// The algorithm, `a=`, lower case, such as `rsa-sha256`; empty when the signature does not tell.
  public var algorithm: String
  /// The agent or user identifier, `i=`; nil when absent.
  public var identity: String?
  /// Size of the public key in bits; nil when no key was seen.
  public var keyBits: Int?
  /// `c=`, header and body canonicalization, such as `relaxed/simple`.
  public var canonicalization: String?
  /// `l=` in octets; nil when absent.
  public var bodyLength: Int?
  /// The first eight characters of `b=`, to tell signatures apart (RFC 6008); nil when absent.
  public var signatureStart: String?
  /// Whether the key record says `t=y`.
  public var isTestKey: Bool
  /// The result.
  public var result: DKIMResult
  /// Why.
  public var cause: DKIMCause
  /// The sentence for people.
  public var explanation: String
  /// How the signing domain relates to the Author Domain; nil when there is nothing to compare.
  public var alignment: Alignment?

  /// Makes an outcome.
  public init(
    domain: String, selector: String, algorithm: String, identity: String? = nil,
    keyBits: Int? = nil, canonicalization: String? = nil, bodyLength: Int? = nil,
    signatureStart: String? = nil, isTestKey: Bool = false, result: DKIMResult, cause: DKIMCause,
    explanation: String, alignment: Alignment? = nil
  ) {
    self.domain = domain
    self.selector = selector
    self.algorithm = algorithm
    self.identity = identity
    self.keyBits = keyBits
    self.canonicalization = canonicalization
    self.bodyLength = bodyLength
    self.signatureStart = signatureStart
    self.isTestKey = isTestKey
    self.result = result
    self.cause = cause
    self.explanation = explanation
    self.alignment = alignment
  }
}
