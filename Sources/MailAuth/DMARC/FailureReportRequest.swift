/// What a failure report is about, the word of its `Auth-Failure` apart (RFC 9991, RFC 6591).
public enum FailureReportKind: String, Sendable, Codable, CaseIterable {
  /// DMARC, as `fo=0` and `fo=1` ask for.
  case dmarc
  /// A DKIM signature, as `fo=d` asks for.
  case dkim
  /// SPF, as `fo=s` asks for.
  case spf
}

/// A mechanism under DMARC, by its word in `Identity-Alignment`.
public enum AuthenticationMechanism: String, Sendable, Codable, CaseIterable {
  /// DKIM.
  case dkim
  /// SPF.
  case spf
}

/// That a policy record asks for a failure report about a message, and which one.
public struct FailureReportRequest: Sendable, Equatable {
  /// What the report is about.
  ///
  /// One message gives one report, about the first of DMARC, DKIM and SPF that is asked for: each
  /// report carries the evidence of the others too, and counting failures is not the aim.
  public var kind: FailureReportKind
  /// The domain whose record asks.
  public var policyDomain: DomainName
  /// The Author Domain.
  public var authorDomain: DomainName
  /// `ruf` as published, at least one URI.
  public var destinations: [String]
  /// The mechanisms that did not authenticate an aligned identity.
  public var failedMechanisms: [AuthenticationMechanism]
  /// The signatures that failed.
  public var failedSignatures: [DKIMOutcome]
  /// Whether SPF of the reverse-path failed.
  public var spfFailed: Bool

  /// Finds out whether a message is one that its domain's record asks to be told about.
  ///
  /// A DNS failure at this receiver is no failure of the message. After a temperror nothing is
  /// reported, and a mechanism that ended so, and might have been an aligned pass otherwise, does
  /// not count as failed: RFC 9989 section 4.7 reads "something other than an aligned pass", but
  /// what the owner would be told is that our resolver had a bad hour.
  ///
  /// Nil when no record applies, the message ended without a pass or fail, or the record has no
  /// `ruf`, says `psd=y` (RFC 9991 section 2), or does not ask for this kind of failure.
  ///
  /// - Parameter evaluation: What was found out.
  public init?(_ evaluation: Evaluation) {
    let dmarc = evaluation.dmarc
    guard dmarc.result == .pass || dmarc.result == .fail, let record = dmarc.record,
      let policyDomain = dmarc.policyDomain, let authorDomain = evaluation.authorDomain,
      record.isPublicSuffix != true, !record.failureReportURIs.isEmpty
    else { return nil }
    let failed = Self.failedMechanisms(evaluation)
    let signatures = evaluation.dkim.filter(\.isFailure)
    let spfFailed = evaluation.mailFromSPF.isFailure
    let options = FailureOptions(record.failureOptions)
    if options.dmarc == .noAlignedPass, dmarc.result == .fail {
      kind = .dmarc
    } else if options.dmarc == .anyWithoutAlignedPass, !failed.isEmpty {
      kind = .dmarc
    } else if options.wantsDKIM, !signatures.isEmpty {
      kind = .dkim
    } else if options.wantsSPF, spfFailed {
      kind = .spf
    } else {
      return nil
    }
    self.policyDomain = policyDomain
    self.authorDomain = authorDomain
    destinations = record.failureReportURIs
    failedMechanisms = failed
    failedSignatures = signatures
    self.spfFailed = spfFailed
  }

  private static func failedMechanisms(_ evaluation: Evaluation) -> [AuthenticationMechanism] {
    let spf = evaluation.mailFromSPF
    let spfIsOpen = isOpen(
      isPass: spf.result == .pass, isTemporary: spf.result == .temperror, spf.alignment)
    let dkimIsOpen = evaluation.dkim.contains {
      isOpen(isPass: $0.result == .pass, isTemporary: $0.result == .temperror, $0.alignment)
    }
    var failed: [AuthenticationMechanism] = []
    if !evaluation.dmarc.dkimAligned, !dkimIsOpen { failed.append(.dkim) }
    if !evaluation.dmarc.spfAligned, !spfIsOpen { failed.append(.spf) }
    return failed
  }

  /// Whether a DNS failure keeps us from knowing that this is no aligned pass.
  private static func isOpen(isPass: Bool, isTemporary: Bool, _ alignment: Alignment?) -> Bool {
    guard let alignment else { return isTemporary }
    return isPass ? alignment.isAligned == nil : isTemporary && alignment.isAligned != false
  }
}

extension DKIMOutcome {
  /// Whether the signature failed, by the fault of the signer or of somebody on the way.
  ///
  /// Not what a DNS failure, local policy or a limit of ours kept from passing.
  var isFailure: Bool {
    switch result {
    case .fail: true
    case .permerror: ![.notEvaluated, .messageTooLarge, .internalError].contains(cause)
    case .none, .pass, .policy, .neutral, .temperror: false
    }
  }
}

extension SPFOutcome {
  /// Whether the client was not authorized, or the record cannot be interpreted, which its owner
  /// will want to know.
  var isFailure: Bool {
    switch result {
    case .fail, .softfail, .permerror: true
    case .none, .neutral, .pass, .temperror: false
    }
  }
}
