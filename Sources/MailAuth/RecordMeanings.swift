/// What published records mean, for all messages of an ``Evaluator``.
///
/// Most mail comes from few domains, so the same records come with message after message. Whether an
/// answer still holds is for the resolver to know; here is only what its text says, and which of its
/// addresses are the client's.
final class RecordMeanings: Sendable {
  /// SPF records; of their many terms each takes much more than its text.
  let spf = TextCache<Result<SPFRecord, SPFSyntaxError>>(octets: 128 * 1024)
  /// Key records.
  let keys = TextCache<Result<DKIMKey, DKIMProblem>>(octets: 256 * 1024)
  /// Records at `_dmarc` by the rules of RFC 9989; nil for texts that are no DMARC records.
  private let policiesByTreeWalk = TextCache<PublishedPolicy?>()
  /// The same by the rules of RFC 7489.
  private let policiesByList = TextCache<PublishedPolicy?>()
  /// Whether libspf2 takes an `a` for a match, by all that it decides from (``SPFEvaluation``).
  let addressMatches = TextCache<Bool>(octets: 128 * 1024)

  /// The policy in the text of a record at `_dmarc`; nil when it is no DMARC record.
  func policy(in text: [UInt8], rules: PolicyDiscovery) -> PublishedPolicy? {
    let cache = rules == .treewalk ? policiesByTreeWalk : policiesByList
    return cache.meaning(of: text) { text in
      DMARCPolicyRecord.interpret(text, rules: rules).map {
        PublishedPolicy(interpretation: $0, text: text.printable(limit: 4096))
      }
    }
  }
}

/// A DMARC record as interpreted, and its text for people.
struct PublishedPolicy: Sendable {
  var interpretation: DMARCPolicyRecord.Interpretation
  var text: String
}
