import MailAuth

// Rows are counted by everything they show, so these wordings name no host, number or date: a
// handful of fixed texts, one per cause.

extension SPFCause {
  /// `human_result` of an SPF check that did not pass; nil where the result word says it all.
  var humanResult: String? {
    switch self {
    case .matched: nil
    case .noMatch: "no term of the record matches the client"
    case .noRecord: "no SPF record"
    case .noSuchDomain: "the domain does not exist"
    case .invalidDomain: "not a domain name that can be checked"
    case .recordSyntax: "syntax error in the SPF record"
    case .multipleRecords: "more than one SPF record"
    case .tooManyLookups: "too many DNS lookups"
    case .tooManyVoidLookups: "too many DNS lookups without an answer"
    case .tooManyMXHosts: "an mx term names too many hosts"
    case .includeWithoutRecord: "an include names a domain without an SPF record"
    case .redirectWithoutRecord: "a redirect names a domain without an SPF record"
    case .dnsTimeout: "DNS timeout"
    case .dnsServfail: "DNS server failure"
    case .dnsBogus: "DNSSEC validation failed"
    }
  }
}

extension DKIMCause {
  /// `human_result` of a signature that did not pass; nil where the result word says it all.
  var humanResult: String? {
    switch self {
    case .verified: nil
    case .bodyHashMismatch: "body hash mismatch"
    case .signatureMismatch: "signature mismatch"
    case .noKey: "no key record"
    case .keyRevoked: "key revoked"
    case .keySyntax: "syntax error in the key record"
    case .keyTooSmall: "key too small"
    case .keyTypeMismatch: "key type does not fit the algorithm"
    case .keyHashNotAllowed: "key record does not allow the hash"
    case .keyServiceNotAllowed: "key record does not allow mail"
    case .keyStrictIdentity: "key record demands an identity equal to the domain"
    case .dnsTimeout: "DNS timeout for the key"
    case .dnsServfail: "DNS server failure for the key"
    case .dnsBogus: "DNSSEC validation of the key failed"
    case .expired: "signature expired"
    case .notYetValid: "signature dated in the future"
    case .algorithmRefused: "algorithm must not be used"
    case .algorithmUnknown: "unknown algorithm"
    case .queryMethodUnknown: "unknown query method"
    case .bodyLengthLimit: "body length limit not accepted"
    case .identityOutsideDomain: "identity outside the signing domain"
    case .signatureSyntax: "syntax error in the signature"
    case .fromNotSigned: "From is not signed"
    case .notEvaluated: "not evaluated, too many signatures"
    case .messageTooLarge: "not evaluated, header too large"
    case .internalError: "not evaluated, failure of the receiver"
    }
  }
}

extension DMARCCause {
  /// What a report says of a message that DMARC could not decide.
  var undecidedComment: String {
    switch self {
    case .identifierTemperror: "an SPF or DKIM lookup did not complete"
    case .alignmentDNSFailure: "a lookup for alignment did not complete"
    case .policyTimeout, .policyServfail: "the policy lookup did not complete"
    case .recordSyntax: "the policy record cannot be used"
    case .messageTooLarge: "header too large to evaluate"
    default: "the message cannot be evaluated"
    }
  }
}
