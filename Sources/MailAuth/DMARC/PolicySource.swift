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

  private struct Key: Hashable {
    var name: DomainName
    var rules: PolicyDiscovery
  }

  private let resolver: CheckResolver
  private var answers: [DomainName: DNSAnswer] = [:]
  private var entries: [Key: Entry] = [:]
  private var existence: [DomainName: DNSOutcome] = [:]

  init(_ resolver: CheckResolver) { self.resolver = resolver }

  /// The entry at `_dmarc.<name>`, damaged records judged by `rules`.
  func entry(at name: DomainName, rules: PolicyDiscovery = .treewalk) -> Entry {
    let key = Key(name: name, rules: rules)
    if let known = entries[key] { return known }
    let answer = answers[name] ?? resolver.answer("_dmarc.\(name)", .txt)
    answers[name] = answer
    let entry: Entry
    if answer.outcome.isTemporaryFailure {
      entry = .failure(answer.outcome)
    } else {
      let found = answer.joinedTexts.compactMap { text in
        DMARCPolicyRecord.interpret(text, rules: rules).map { (interpretation: $0, text: text) }
      }
      entry =
        found.count == 1
        ? .record(found[0].interpretation, text: found[0].text.printable(limit: 4096))
        : .none(count: found.count)
    }
    entries[key] = entry
    return entry
  }

  /// Whether a name exists: only NXDOMAIN says that it does not (RFC 9989 section 3.2.13); nil
  /// when the DNS did not tell.
  func exists(_ name: DomainName) -> Bool? {
    let outcome = existence[name] ?? resolver.answer(name.text, .a).outcome
    existence[name] = outcome
    return outcome.isTemporaryFailure ? nil : outcome != .nxdomain
  }
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
