/// DMARC for one Author Domain of a message, in the order of "Mail Receiver Actions" (RFC 9989
/// section 5.3).
struct AuthorDomainEvaluation {
  /// The Author Domain.
  let author: DomainName
  /// The outcome of DMARC.
  private(set) var outcome: DMARCOutcome
  /// The identifiers with their alignment filled in.
  private(set) var identifiers: CheckedIdentifiers

  private var hasRecord = false

  /// One thing that may authenticate the Author Domain.
  private struct Identifier {
    var isPassed: Bool
    var isTemporaryError: Bool
    var alignment: Alignment?
    /// The domain of a signature; nil for SPF.
    var signer: String?
    /// The domain that SPF is about.
    var sender = ""

    init(_ signature: DKIMOutcome) {
      isPassed = signature.result == .pass
      isTemporaryError = signature.result == .temperror
      alignment = signature.alignment
      signer = signature.domain
    }

    init(_ spf: SPFOutcome) {
      isPassed = spf.result == .pass
      isTemporaryError = spf.result == .temperror
      alignment = spf.alignment
      sender = spf.domain
    }

    /// The identifier in sentences.
    var name: String {
      guard let signer else { return "SPF for \(sender)" }
      return "the DKIM signature of \(signer.isEmpty ? "nobody" : signer)"
    }

    func obstacle(_ author: DomainName) -> String {
      switch alignment?.obstacle {
      case .strictMismatch: "is not exactly \(author), which strict alignment demands"
      case .noDomain: "has no domain name"
      case .dnsFailure: "could not be compared with \(author)"
      case .otherOrganization, nil: "belongs to another organization than \(author)"
      }
    }
  }

  /// Evaluates.
  init(
    _ author: DomainName, _ identifiers: CheckedIdentifiers, relations: DomainRelations,
    source: PolicySource, draw: SamplingDraw
  ) {
    self.author = author
    self.identifiers = identifiers
    outcome = DMARCOutcome(
      result: .none, cause: .noPolicyRecord, explanation: "", discovery: relations.discovery)
    discoverPolicy(relations, source, draw)
    alignIdentifiers(relations)
    if outcome.record != nil { judge() }
  }

  private mutating func end(_ result: DMARCResult, _ cause: DMARCCause, _ explanation: String) {
    outcome.result = result
    outcome.cause = cause
    // Sentences are put together from parts that also stand inside others.
    outcome.explanation = explanation.asSentence
  }

  // MARK: - Policy (section 5.3.2)

  private mutating func discoverPolicy(
    _ relations: DomainRelations, _ source: PolicySource, _ draw: SamplingDraw
  ) {
    do throws(PolicyLookupFailure) {
      guard let found = try relations.policy(for: author) else {
        end(.none, .noPolicyRecord, relations.sentenceWithoutPolicy(for: author))
        return
      }
      hasRecord = true
      outcome.recordText = found.text
      guard found.interpretation.applies else {
        end(
          .permerror, .recordSyntax,
          "The record at _dmarc.\(found.name) cannot be used: "
            + found.interpretation.record.problems.joined(separator: "; ") + ".")
        return
      }
      outcome.policyDomain = found.name
      outcome.record = found.interpretation.record
      switch relations.discovery {
      case .treewalk: applyRecord(found, source)
      case .psl: applyRecord(found, draw)
      }
    } catch {
      let name = "_dmarc.\(error.name)"
      if error.outcome == .timeout {
        end(.temperror, .policyTimeout, "The DNS did not answer in time for \(name).")
      } else {
        end(
          .temperror, .policyServfail, "The DNS failed (\(error.outcome.rawValue)) for \(name).")
      }
    }
  }

  /// What the record asks for: p, or sp or np for a subdomain, then one step down for `t=y`
  /// (sections 4.7 and 5.3.6).
  private mutating func applyRecord(_ found: FoundPolicy, _ source: PolicySource) {
    let record = found.interpretation.record
    var policy = record.policy
    if found.name != author {
      let forExisting = record.subdomainPolicy ?? record.policy
      policy = forExisting
      if record.dependsOnExistence, let forMissing = record.nonexistentSubdomainPolicy {
        // An unanswered question leaves the name as existing: the milder reading of silence.
        outcome.authorDomainExists = source.exists(author)
        if outcome.authorDomainExists == false { policy = forMissing }
      }
    }
    outcome.policyBeforeTesting = policy
    outcome.appliedPolicy = record.isTesting ? policy.oneStepDown : policy
  }

  /// The same by RFC 7489: p, or sp for a subdomain, then one step down for messages outside the
  /// sample of `pct` (its section 6.6.4).
  private mutating func applyRecord(_ found: FoundPolicy, _ draw: SamplingDraw) {
    let record = found.interpretation.record
    let policy =
      found.name == author ? record.policy : record.subdomainPolicy ?? record.policy
    outcome.policyBeforeTesting = policy
    outcome.isSampledOut = policy != .none && !draw.isSampled(percent: record.percent)
    outcome.appliedPolicy = outcome.isSampledOut ? policy.oneStepDown : policy
  }

  // MARK: - Alignment (sections 5.3.3 and 5.3.4)

  private mutating func alignIdentifiers(_ relations: DomainRelations) {
    let spfMode = outcome.record?.spfAlignment ?? .relaxed
    let dkimMode = outcome.record?.dkimAlignment ?? .relaxed
    func align(_ domain: String, _ mode: AlignmentMode) -> Alignment {
      // While the policy is unknown, so is what aligns with it.
      let name = DomainName(domain)
      if outcome.result == .temperror, let name, name != author {
        return Alignment(isAligned: nil, mode: mode, obstacle: .dnsFailure)
      }
      return relations.alignment(of: name, with: author, mode: mode, hasRecord: hasRecord)
    }
    identifiers.mailFromSPF.alignment = align(identifiers.mailFromSPF.domain, spfMode)
    identifiers.heloSPF.alignment = align(identifiers.heloSPF.domain, spfMode)
    // Not for signatures that are only recorded: there may be thousands, each with its own walk.
    for index in identifiers.dkim.indices where identifiers.dkim[index].cause != .notEvaluated {
      identifiers.dkim[index].alignment = align(identifiers.dkim[index].domain, dkimMode)
    }
    outcome.spfAligned =
      identifiers.mailFromSPF.result == .pass
      && identifiers.mailFromSPF.alignment?.isAligned == true
    outcome.dkimAligned = identifiers.dkim.contains {
      $0.result == .pass && $0.alignment?.isAligned == true
    }
    guard outcome.record != nil else { return }
    if outcome.policyDomain != author || relations.discovery == .psl {
      // Already known from the search; a failure here would have ended it.
      outcome.organizationalDomain = try? relations.organizationalDomain(of: author)
    } else {
      outcome.organizationalDomain = relations.knownOrganizationalDomain(of: author)
    }
  }

  // MARK: - Pass or fail (section 5.3.5)

  private mutating func judge() {
    // The usual end, found without a list of everything: the first that passed and aligns.
    if outcome.dkimAligned || outcome.spfAligned, let name = backer {
      end(.pass, .aligned, "\(author) is backed by \(name).")
      return
    }
    let identifiers = candidates
    let passing = identifiers.filter(\.isPassed)
    if let unknown = passing.first(where: { $0.alignment?.isAligned == nil }) {
      end(
        .temperror, .alignmentDNSFailure,
        "The DNS failed before it was known whether \(unknown.name) aligns with \(author).")
      return
    }
    if let unfinished = identifiers.first(where: {
      $0.isTemporaryError && $0.alignment?.isAligned != false
    }) {
      end(
        .temperror, .identifierTemperror,
        "No aligned identifier passed, and \(unfinished.name) could not be checked: the DNS failed."
      )
      return
    }
    let aligned = identifiers.first { $0.alignment?.isAligned == true }
    switch (passing.first, aligned) {
    case (let passed?, nil):
      end(
        .fail, .passedNotAligned,
        "\(passed.name) passed but \(passed.obstacle(author)).")
    case (nil, let aligned?):
      end(.fail, .alignedNotPassed, "\(aligned.name) belongs to \(author) but did not pass.")
    case (let passed?, let aligned?):
      end(
        .fail, .neitherBoth,
        "\(passed.name) passed but \(passed.obstacle(author)); \(aligned.name) belongs to "
          + "\(author) but did not pass.")
    case (nil, nil):
      end(.fail, .noIdentifier, "Nothing that belongs to \(author) vouches for this message.")
    }
  }

  /// What vouches for the author, in sentences; nil when nothing does.
  private var backer: String? {
    let signature = identifiers.dkim.first { $0.result == .pass && $0.alignment?.isAligned == true }
    if let signature { return Identifier(signature).name }
    return outcome.spfAligned ? Identifier(identifiers.mailFromSPF).name : nil
  }

  /// DKIM signatures first: they survive forwarding, so they say most about the author.
  private var candidates: [Identifier] {
    let mailFrom = identifiers.mailFromSPF
    return identifiers.dkim.map(Identifier.init)
      + (mailFrom.result == .none ? [] : [Identifier(mailFrom)])
  }
}

extension DomainOwnerPolicy {
  /// What `t=y` makes of a policy (RFC 9989 section 4.7).
  fileprivate var oneStepDown: DomainOwnerPolicy {
    switch self {
    case .reject: .quarantine
    case .quarantine, .none: .none
    }
  }
}
