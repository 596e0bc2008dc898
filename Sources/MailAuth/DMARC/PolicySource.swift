/// The `_dmarc` records that one message's evaluation needs, each name asked for once.
final class PolicySource {
  /// What stands at one name.
  enum Entry {
    /// No DMARC record, or several, which count as none (RFC 9989 section 4.10).
    case none(count: Int)
    /// Exactly one record.
    case record(DMARCPolicyRecord.Interpretation, text: String)
    /// The DNS did not tell.
    case failure(DNSOutcome)
  }

  /// The answer for one name, and what it says by each set of rules that was asked for.
  private final class Known {
    let answer: DNSAnswer
    var byTreeWalk: Entry?
    var byList: Entry?

    init(_ answer: DNSAnswer) { self.answer = answer }
  }

  private let resolver: CheckResolver
  private let meanings: RecordMeanings
  private var names = NameTable<Known>()
  private var existence = NameTable<DNSOutcome>()

  /// Makes a source that asks `resolver`; `meanings` keeps what records say.
  init(_ resolver: CheckResolver, meanings: RecordMeanings = RecordMeanings()) {
    self.resolver = resolver
    self.meanings = meanings
  }

  /// The entry at `_dmarc.<name>`, damaged records judged by `rules`.
  func entry(at name: DomainName, rules: PolicyDiscovery = .treewalk) -> Entry {
    let known = known(name)
    if let entry = rules == .treewalk ? known.byTreeWalk : known.byList { return entry }
    let entry = entry(in: known.answer, rules)
    switch rules {
    case .treewalk: known.byTreeWalk = entry
    case .psl: known.byList = entry
    }
    return entry
  }

  /// Whether the name was asked for already.
  func knows(_ name: DomainName) -> Bool { names[name] != nil }

  private func known(_ name: DomainName) -> Known {
    if let known = names[name] { return known }
    let known = Known(resolver.answer("_dmarc." + name.text, .txt))
    names[name] = known
    return known
  }

  private func entry(in answer: DNSAnswer, _ rules: PolicyDiscovery) -> Entry {
    if answer.outcome.isTemporaryFailure { return .failure(answer.outcome) }
    let found = answer.joinedTexts.compactMap { meanings.policy(in: $0, rules: rules) }
    return found.count == 1
      ? .record(found[0].interpretation, text: found[0].text) : .none(count: found.count)
  }

  /// Whether a name exists: only NXDOMAIN says that it does not (RFC 9989 section 3.2.13); nil
  /// when the DNS did not tell.
  func exists(_ name: DomainName) -> Bool? {
    let outcome = existence[name] ?? resolver.answer(name.text, .a).outcome
    existence[name] = outcome
    return outcome.isTemporaryFailure ? nil : outcome != .nxdomain
  }
}

extension DomainName {
  /// The question for the DMARC record of this name.
  var policyQuestion: DNSQuestion { DNSQuestion("_dmarc." + text, .txt) }
}

/// A DNS failure while looking for a policy or an Organizational Domain.
struct PolicyLookupFailure: Error, Equatable {
  /// The name, without `_dmarc.`, that could not be asked for.
  var name: DomainName
  /// How the question ended.
  var outcome: DNSOutcome
}

/// A policy record with the name that holds it.
struct FoundPolicy: Equatable {
  var name: DomainName
  var interpretation: DMARCPolicyRecord.Interpretation
  var text: String
}
