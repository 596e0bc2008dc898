/// A Chain Validation Status (RFC 8617 section 4.4): the value of `cv=`, and the result of `arc`.
public enum ChainValidation: String, Sendable, Codable, CaseIterable {
  /// There is no chain.
  case none
  /// The chain is intact.
  case pass
  /// The chain is broken, for good.
  case fail
}

/// A kind of ARC header field; the raw value is the field's name.
public enum ARCField: String, Sendable, Codable, CaseIterable {
  /// What the sealing host found out (AAR).
  case authenticationResults = "ARC-Authentication-Results"
  /// Its signature of the message (AMS).
  case messageSignature = "ARC-Message-Signature"
  /// Its signature of the chain (AS).
  case seal = "ARC-Seal"

  /// The kind of the header fields of a name; nil for one that is none of ARC's.
  init?(fieldName name: [UInt8]) {
    // The hyphen of "ARC-" spares nearly every field three comparisons.
    guard name.count > 4, name[3] == UInt8(ascii: "-"),
      let kind = Self.allCases.first(where: { name.equalsIgnoringASCIICase($0.rawValue) })
    else { return nil }
    self = kind
  }
}

/// Why ARC ended as it did: a code for programs.
public enum ARCCause: String, Sendable, Codable, CaseIterable {
  /// The message has no ARC fields.
  case noSets
  /// ARC was not evaluated when the message was recorded.
  case notEvaluated
  /// The message broke a bound on header size or count, so nothing was verified.
  case messageTooLarge
  /// The newest message signature and every seal verify.
  case verified

  /// An instance above 50, or more fields than 50 sets have (section 4.2.1).
  case tooManySets
  /// A field without a usable instance, so that it belongs to no set.
  case instanceInvalid
  /// A set between others is missing.
  case setMissing
  /// A set lacks one of its three fields.
  case fieldMissing
  /// A set has one of its fields twice.
  case fieldRepeated
  /// The newest seal says `cv=fail`: the chain was broken before it came here (section 5.2, step 2).
  case failedBefore
  /// `cv=` is not what its place in the chain asks for (section 5.2, step 3).
  case chainStatusWrong
  /// A field breaks the grammar or lacks a required tag.
  case fieldSyntax
  /// A seal has `h=` (section 4.1.3).
  case sealWithHeaderList
  /// A message signature covers ARC-Seal fields (section 4.1.2).
  case sealCovered
  /// The algorithm must not be used: rsa-sha1 (RFC 8301 section 3.1).
  case algorithmRefused
  /// `a=` names an algorithm nobody knows.
  case algorithmUnknown

  /// No key record: NXDOMAIN, or no TXT at the name.
  case noKey
  /// The key record has an empty `p=`.
  case keyRevoked
  /// The key record breaks the grammar, or several disagree.
  case keySyntax
  /// The key has fewer bits than accepted (RFC 8301 section 3.2).
  case keyTooSmall
  /// `k=` of the key record does not fit the algorithm.
  case keyTypeMismatch
  /// `h=` of the key record does not allow the hash.
  case keyHashNotAllowed
  /// `s=` of the key record does not allow mail.
  case keyServiceNotAllowed
  /// The key query was not answered in time.
  case dnsTimeout
  /// A DNS server failed to answer the key query (SERVFAIL, REFUSED).
  case dnsServfail
  /// The key record did not pass DNSSEC validation.
  case dnsBogus

  /// The body is not as the newest set signed it.
  case bodyHashMismatch
  /// `l=` of the newest message signature leaves a part of the body unsigned, or exceeds the body.
  case bodyLengthLimit
  /// A header field is not as the newest set signed it, or another key made the signature.
  case messageSignatureMismatch
  /// An ARC field is not as it was sealed, or another key made the seal.
  case sealMismatch
  /// libcrypto failed; a fault of ours.
  case internalError
}

/// What was found out about one ARC set (RFC 8617 section 4.2).
public struct ARCSetOutcome: Sendable, Codable, Equatable {
  /// What became of a signature.
  public enum Signature: String, Sendable, Codable {
    /// It verified.
    case verified
    /// It did not verify, or could not be.
    case failed
    /// Nobody had to know: the chain was decided before.
    case notChecked
  }

  /// The instance, `i=`: 1 is the oldest, 50 the most.
  public var instance: Int
  /// `d=` of the ARC-Seal, the sealer; nil when it does not tell.
  public var sealDomain: DomainName?
  /// `s=` of the ARC-Seal; nil when it does not tell.
  public var sealSelector: String?
  /// `cv=` of the ARC-Seal: the chain as the sealer found it; nil when it does not tell.
  public var chainValidation: ChainValidation?
  /// Whether the ARC-Seal verified.
  public var seal = Signature.notChecked
  /// `d=` of the ARC-Message-Signature; nil when it does not tell.
  public var messageSignatureDomain: DomainName?
  /// `s=` of the ARC-Message-Signature; nil when it does not tell.
  public var messageSignatureSelector: String?
  /// Whether the ARC-Message-Signature verified; that of an older set breaks when a later host
  /// changes the message, which is no fault.
  public var messageSignature = Signature.notChecked
  /// The authserv-id of the ARC-Authentication-Results; nil when it does not tell.
  public var authservID: String?
  /// The results in the ARC-Authentication-Results: worth what the sealer's word is worth, and
  /// only if the chain passes.
  public var results: [ReportedResult] = []

  /// Makes an outcome of which nothing but the instance is known.
  public init(instance: Int) {
    self.instance = instance
  }
}

/// The end of ARC for one message (RFC 8617 section 5.2), with what led to it.
public struct ARCOutcome: Sendable, Codable, Equatable {
  /// The Chain Validation Status.
  ///
  /// There is no temperror: a key that cannot be had is a fail.
  public var result: ChainValidation
  /// Why.
  public var cause: ARCCause
  /// The sentence for people.
  public var explanation: String
  /// The instance at which the chain failed; nil when none can be named.
  public var failedInstance: Int?
  /// The field of that instance; nil when none can be named.
  public var failedField: ARCField?
  /// The sets by ascending instance, at most 50, broken ones included.
  public var sets: [ARCSetOutcome]
  /// The oldest instance whose message signature still verifies together with all later ones.
  ///
  /// 0 when all do (section 5.2, step 5); nil unless the chain passes.
  public var oldestPass: Int?
  /// `smtp.remote-ip` in the ARC-Authentication-Results of instance 1: the client that the first
  /// sealer saw; nil when it does not tell.
  public var remoteAddress: IPAddress?

  /// Makes an outcome.
  public init(
    result: ChainValidation, cause: ARCCause, explanation: String, failedInstance: Int? = nil,
    failedField: ARCField? = nil, sets: [ARCSetOutcome] = [], oldestPass: Int? = nil,
    remoteAddress: IPAddress? = nil
  ) {
    self.result = result
    self.cause = cause
    self.explanation = explanation
    self.failedInstance = failedInstance
    self.failedField = failedField
    self.sets = sets
    self.oldestPass = oldestPass
    self.remoteAddress = remoteAddress
  }

  /// Whether the chain was not looked at, or failed for a reason that lies with us or the DNS at
  /// this moment; such a chain is not sealed.
  ///
  /// By RFC 8617 section 5.2.1 that is a fail. But `cv=fail` would end the chain for all who come
  /// after us, and without our set they can still find it intact.
  public var isUndecided: Bool {
    [.dnsTimeout, .dnsServfail, .internalError, .messageTooLarge, .notEvaluated].contains(cause)
  }

  /// The outcome of a message whose header is too large to be read.
  static let messageTooLarge = ARCOutcome(
    result: .none, cause: .messageTooLarge,
    explanation: "The header is too large to be evaluated.")

  /// The outcome of a message that was recorded by a version without ARC.
  public static let notEvaluated = ARCOutcome(
    result: .none, cause: .notEvaluated,
    explanation: "ARC was not evaluated when the message was recorded.")

  /// The outcome of a message without ARC fields.
  public static let noSets = ARCOutcome(
    result: .none, cause: .noSets, explanation: "The message has no ARC fields.")
}
