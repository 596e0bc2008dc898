/// DMARC for one message, in the order of "Mail Receiver Actions" (RFC 9989 section 5.3).
struct DMARCEvaluation {
  /// The outcome of DMARC.
  private(set) var outcome: DMARCOutcome
  /// The SPF outcomes with their alignment filled in.
  private(set) var mailFromSPF: SPFOutcome
  private(set) var heloSPF: SPFOutcome
  /// The DKIM outcomes with their alignment filled in.
  private(set) var dkim: [DKIMOutcome]

  /// One thing that may authenticate the Author Domain.
  private struct Identifier {
    var isPassed: Bool
    var isTemporaryError: Bool
    var alignment: Alignment?
    var name: String

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
    author: Author, mailFromSPF: SPFOutcome, heloSPF: SPFOutcome, dkim: [DKIMOutcome],
    relations: DomainRelations, source: PolicySource
  ) {
    self.mailFromSPF = mailFromSPF
    self.heloSPF = heloSPF
    self.dkim = dkim
    outcome = DMARCOutcome(
      result: .none, cause: .noPolicyRecord, explanation: "", discovery: relations.discovery)
    switch author {
    case .missing(let cause, let sentence):
      // Without From there is nothing DMARC could be about; a From that cannot be trusted is an
      // error, so that nobody takes it for mail without a policy (RFC 9989 section 11.5).
      end(cause == .noFrom ? .none : .permerror, cause, sentence)
    case .domains(let domains):
      end(
        .permerror, .multipleFromDomains,
        "The From field names authors of \(domains.count) domains ("
          + domains.prefix(3).map(\.text).joined(separator: ", ") + ").")
    case .domain(let domain):
      discoverPolicy(domain, relations, source)
      alignIdentifiers(domain, relations)
      if outcome.record != nil { judge(domain) }
    }
  }

  private mutating func end(_ result: DMARCResult, _ cause: DMARCCause, _ explanation: String) {
    outcome.result = result
    outcome.cause = cause
    // Sentences are put together from parts that also stand inside others.
    outcome.explanation = explanation.asSentence
  }

  // MARK: - Policy (section 5.3.2)

  private mutating func discoverPolicy(
    _ author: DomainName, _ relations: DomainRelations, _ source: PolicySource
  ) {
    do throws(PolicyLookupFailure) {
      guard let found = try relations.policy(for: author) else {
        end(.none, .noPolicyRecord, "Neither \(author) nor a domain above it publishes a policy.")
        return
      }
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
      applyRecord(found, author, source)
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
  private mutating func applyRecord(
    _ found: FoundPolicy, _ author: DomainName, _ source: PolicySource
  ) {
    let record = found.interpretation.record
    var policy = record.policy
    if found.name != author {
      let forExisting = record.subdomainPolicy ?? record.policy
      policy = forExisting
      if let forMissing = record.nonexistentSubdomainPolicy, forMissing != forExisting {
        // An unanswered question leaves the name as existing: the milder reading of silence.
        outcome.authorDomainExists = source.exists(author)
        if outcome.authorDomainExists == false { policy = forMissing }
      }
    }
    outcome.policyBeforeTesting = policy
    outcome.appliedPolicy = record.isTesting ? policy.oneStepDown : policy
  }

  // MARK: - Alignment (sections 5.3.3 and 5.3.4)

  private mutating func alignIdentifiers(_ author: DomainName, _ relations: DomainRelations) {
    let record = outcome.record
    let hasPolicy = record != nil
    let spfMode = record?.spfAlignment ?? .relaxed
    let dkimMode = record?.dkimAlignment ?? .relaxed
    func align(_ domain: String, _ mode: AlignmentMode) -> Alignment {
      // While the policy is unknown, so is what aligns with it.
      let name = DomainName(domain)
      if outcome.result == .temperror, let name, name != author {
        return Alignment(isAligned: nil, mode: mode, obstacle: .dnsFailure)
      }
      return relations.alignment(of: name, with: author, mode: mode, hasPolicy: hasPolicy)
    }
    mailFromSPF.alignment = align(mailFromSPF.domain, spfMode)
    heloSPF.alignment = align(heloSPF.domain, spfMode)
    // Not for signatures that are only recorded: there may be thousands, each with its own walk.
    for index in dkim.indices where dkim[index].cause != .notEvaluated {
      dkim[index].alignment = align(dkim[index].domain, dkimMode)
    }
    outcome.spfAligned = mailFromSPF.result == .pass && mailFromSPF.alignment?.isAligned == true
    outcome.dkimAligned = dkim.contains {
      $0.result == .pass && $0.alignment?.isAligned == true
    }
    if hasPolicy, outcome.policyDomain != author || relations.discovery == .psl {
      // Already known from the search; a failure here would have ended it.
      outcome.organizationalDomain = try? relations.organizationalDomain(of: author)
    }
  }

  // MARK: - Pass or fail (section 5.3.5)

  private mutating func judge(_ author: DomainName) {
    let identifiers = self.identifiers
    let passing = identifiers.filter(\.isPassed)
    if let aligned = passing.first(where: { $0.alignment?.isAligned == true }) {
      end(.pass, .aligned, "\(author) is backed by \(aligned.name).")
      return
    }
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

  /// DKIM signatures first: they survive forwarding, so they say most about the author.
  private var identifiers: [Identifier] {
    let signatures = dkim.map { signature in
      Identifier(
        isPassed: signature.result == .pass, isTemporaryError: signature.result == .temperror,
        alignment: signature.alignment,
        name: "the DKIM signature of \(signature.domain.isEmpty ? "nobody" : signature.domain)")
    }
    let spf = Identifier(
      isPassed: mailFromSPF.result == .pass, isTemporaryError: mailFromSPF.result == .temperror,
      alignment: mailFromSPF.alignment, name: "SPF for \(mailFromSPF.domain)")
    return signatures + (mailFromSPF.result == .none ? [] : [spf])
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
