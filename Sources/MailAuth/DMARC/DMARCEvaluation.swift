/// What may authenticate a message's author: SPF and each DKIM signature.
struct CheckedIdentifiers {
  var mailFromSPF: SPFOutcome
  var heloSPF: SPFOutcome
  var dkim: [DKIMOutcome]
}

/// DMARC for one message: each Author Domain, by each way of discovery that is asked for.
///
/// A message with authors of several domains is evaluated for each (RFC 9989 section 11.5). The
/// domain for which that ends worst gives the outcome of the message, with its policy: fail, the
/// strictest policy first; then temperror, permerror, none, pass; of equals the one that From names
/// first. So one failing domain fails the message whatever the DNS says of others, and a pass means
/// that every author is vouched for. An address without a domain name, beside others that have one,
/// counts as a domain that ends in permerror.
///
/// With more domains than are allowed, the first of them are evaluated. If one of these fails and
/// its policy asks for something, that is the outcome; otherwise it is permerror, whatever the
/// others gave, since nothing is known of the rest. So a sender gains nothing by naming domains of
/// its own in front, be it that they pass, publish p=none, or have servers that do not answer.
struct DMARCEvaluation {
  /// The outcome of DMARC.
  private(set) var outcome: DMARCOutcome
  /// The identifiers with their alignment filled in.
  private(set) var identifiers: CheckedIdentifiers
  /// The domain whose outcome this is; nil when the message has no usable one, or too many.
  private(set) var authorDomain: DomainName?

  /// Evaluates; `relations` is the way of discovery to act on, `compared` the one to compare it
  /// with, nil for none.
  init(
    author: Author, _ identifiers: CheckedIdentifiers, relations: DomainRelations,
    compared: DomainRelations?, source: PolicySource, draw: SamplingDraw,
    maximumAuthorDomains: Int
  ) {
    self.identifiers = identifiers
    outcome = DMARCOutcome(
      result: .none, cause: .noPolicyRecord, explanation: "", discovery: relations.discovery)
    switch author {
    case .missing(let cause, let sentence):
      // Without From there is nothing DMARC could be about; a From that cannot be trusted is an
      // error, so that nobody takes it for mail without a policy (RFC 9989 section 11.5).
      end(cause == .noFrom ? .none : .permerror, cause, sentence)
    case .domain, .domains:
      func ending(_ relations: DomainRelations) -> Ending? {
        if case .domain(let domain) = author {
          return Ending(
            AuthorDomainEvaluation(
              domain, identifiers, relations: relations, source: source, draw: draw))
        }
        let evaluations = author.domainNames.prefix(maximumAuthorDomains).map {
          AuthorDomainEvaluation($0, identifiers, relations: relations, source: source, draw: draw)
        }
        return Ending(evaluations, of: author)
      }
      guard let acting = ending(relations) else { return }
      outcome = acting.outcome
      authorDomain = acting.author
      self.identifiers = acting.identifiers ?? identifiers
      outcome.comparison = compared.flatMap(ending).map {
        DiscoveryComparison($0.outcome, against: acting.outcome)
      }
    }
  }

  private mutating func end(_ result: DMARCResult, _ cause: DMARCCause, _ explanation: String) {
    outcome.result = result
    outcome.cause = cause
    outcome.explanation = explanation
  }
}

/// How the evaluations of a message's Author Domains end together.
private struct Ending {
  private(set) var outcome: DMARCOutcome
  /// The domain that decided; nil when an address without one did.
  private(set) var author: DomainName?
  /// The identifiers as they relate to that domain.
  private(set) var identifiers: CheckedIdentifiers?

  /// The only domain decides.
  init(_ only: consuming AuthorDomainEvaluation) {
    outcome = only.outcome
    author = only.author
    identifiers = only.identifiers
  }

  /// Nil for no evaluations; these are of the first domains of `author`, or of all.
  init?(_ evaluations: [AuthorDomainEvaluation], of author: Author) {
    guard var worst = evaluations.first else { return nil }
    for next in evaluations.dropFirst() where Self.isWorse(next.outcome, than: worst.outcome) {
      worst = next
    }
    outcome = worst.outcome
    let total = author.domainNames.count
    func summary() -> String {
      let results =
        evaluations.map { "\($0.author) \($0.outcome.result.rawValue)" }
        + (total > evaluations.count ? ["the others not evaluated"] : [])
      return "From names authors of \(total) domains (" + results.joined(separator: ", ") + ")."
    }
    if total > evaluations.count, !Self.asksForSomething(outcome) {
      outcome = DMARCOutcome(
        result: .permerror, cause: .multipleFromDomains,
        explanation: "\(summary()) At most \(evaluations.count) are evaluated.",
        discovery: worst.outcome.discovery)
      return
    }
    if let unusable = author.unusable, Self.severity(outcome.result) < Self.severity(.permerror) {
      outcome = DMARCOutcome(
        result: .permerror, cause: .invalidFrom, explanation: unusable,
        discovery: worst.outcome.discovery)
      return
    }
    self.author = worst.author
    identifiers = worst.identifiers
    if total > 1 { outcome.explanation += " \(worst.author) decides: \(summary())" }
  }

  private static func asksForSomething(_ outcome: DMARCOutcome) -> Bool {
    outcome.result == .fail && outcome.appliedPolicy ?? .none > .none
  }

  private static func isWorse(_ one: DMARCOutcome, than other: DMARCOutcome) -> Bool {
    guard one.result == .fail, other.result == .fail else {
      return severity(one.result) > severity(other.result)
    }
    return one.appliedPolicy ?? .none > other.appliedPolicy ?? .none
  }

  private static func severity(_ result: DMARCResult) -> Int {
    switch result {
    case .fail: 4
    case .temperror: 3
    case .permerror: 2
    case .none: 1
    case .pass: 0
    }
  }
}
