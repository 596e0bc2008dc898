/// `check_host()` (RFC 7208 section 4) over one domain and all that its record leads to.
///
/// The flow: find the record, parse the whole of it, try its directives from left to right, then
/// follow its redirect. Limits hold over the whole evaluation, includes and redirects too.
final class SPFEvaluation {
  private let settings: SPFSettings
  private let resolver: CheckResolver
  private let meanings: RecordMeanings
  private let session: SPFSession
  /// The domain the check began with.
  private let checkedDomain: String
  private lazy var library = LibSPF2(client: session.client)
  private let expansion: SPFExpansion

  /// Terms evaluated that cause lookups.
  private(set) var lookups = 0
  /// Terms whose lookups found nothing.
  ///
  /// The limit is on terms, as section 4.6.4 words it, not on questions: an `mx` with three IPv4
  /// hosts must not be a permerror for IPv6 clients only.
  private(set) var voidLookups = 0

  init(
    settings: SPFSettings, resolver: CheckResolver, meanings: RecordMeanings, session: SPFSession,
    checkedDomain: String
  ) {
    self.meanings = meanings
    self.settings = settings
    self.resolver = resolver
    self.session = session
    self.checkedDomain = checkedDomain
    expansion = SPFExpansion(resolver: resolver, session: session)
  }

  /// Evaluates the record of the domain that is checked.
  func run() -> SPFEnding { checkHost(checkedDomain) }

  /// The sender's own text for a fail, if the ending has one (section 6.2).
  func senderExplanation(for ending: SPFEnding) -> String? {
    guard ending.result == .fail, let modifier = ending.explanation,
      let domain = ending.termDomain
    else { return nil }
    return expansion.explanation(modifier.target, in: domain)
  }

  // MARK: check_host()

  /// Evaluates the record of a domain.
  ///
  /// `source` is the include that leads here, nil for the domain of the check. Recursion is as
  /// deep as includes are nested, which the lookup limit bounds; redirects loop.
  private func checkHost(_ start: String, from source: SPFPlace? = nil) -> SPFEnding {
    var domain = start
    var fetched = fetchRecord(of: start, for: source)
    while true {
      let record: SPFRecord
      switch fetched {
      case .ending(let ending): return ending
      case .record(let found): record = found
      }
      if let ending = evaluate(record, of: domain, isIncluded: source != nil) { return ending }
      // A redirect that cannot be followed for a local part beyond ASCII is as good as none.
      guard let redirect = record.redirect, !expansion.isBeyondASCII(redirect.target) else {
        return SPFEnding(
          result: .neutral, cause: .noMatch,
          sentence: SPFSentence.noMatch(in: domain, client: session.client))
      }
      let place = SPFPlace(term: redirect.text, domain: domain)
      if let ending = countLookup(at: place) { return ending }
      fetched = fetchRedirect(to: redirect.target, at: place, domain: &domain)
    }
  }

  private enum Fetched {
    case record(SPFRecord)
    case ending(SPFEnding)
  }

  /// The record that a redirect leads to, and its domain; none at all is a permerror
  /// (RFC 7208 section 6.1).
  private func fetchRedirect(
    to target: SPFMacro, at place: SPFPlace, domain: inout String
  ) -> Fetched {
    guard let name = expansion.name(from: target, in: place.domain) else {
      return .ending(unusableTarget(target, at: place, .redirectWithoutRecord))
    }
    domain = name
    let fetched = fetchRecord(of: name, for: place)
    guard case .ending(let ending) = fetched, ending.result == .none else { return fetched }
    return .ending(
      place.ending(
        .permerror, .redirectWithoutRecord,
        SPFSentence.leadsNowhere(place, name, ending.cause)))
  }

  /// For include and redirect: the DNS cannot hold the name they expand to.
  private func unusableTarget(
    _ target: SPFMacro, at place: SPFPlace, _ cause: SPFCause
  ) -> SPFEnding {
    let shown = target.literal?.printable(limit: 80) ?? "a name made of macros"
    return place.ending(
      .permerror, cause, SPFSentence.leadsNowhere(place, shown, .invalidDomain))
  }

  /// Record lookup and selection (RFC 7208 sections 4.4 to 4.6).
  private func fetchRecord(of domain: String, for place: SPFPlace?) -> Fetched {
    let answer = resolver.answer(domain, .txt)
    if place != nil, answer.outcome.isVoid { voidLookups += 1 }
    func ending(_ result: SPFResult, _ cause: SPFCause, _ sentence: String) -> Fetched {
      .ending(
        SPFEnding(
          result: result, cause: cause, term: place?.term, termDomain: place?.domain,
          failedName: result == .temperror ? domain : nil, sentence: sentence))
    }
    switch answer.outcome {
    case .answer, .nodata: break
    case .nxdomain: return ending(.none, .noSuchDomain, SPFSentence.noSuchDomain(domain))
    case .invalidName: return ending(.none, .invalidDomain, SPFSentence.unusable(domain))
    case .servfail, .refused, .bogus, .timeout:
      return ending(
        .temperror, SPFCause(temporaryFailure: answer.outcome),
        SPFSentence.dnsFailure(DNSQuestion(domain, .txt), answer, at: place))
    }
    let texts = SPFRecord.select(from: answer.joinedTexts)
    guard let text = texts.first else {
      return ending(.none, .noRecord, SPFSentence.noRecord(at: domain))
    }
    guard texts.count == 1 else {
      return ending(
        .permerror, .multipleRecords, SPFSentence.multipleRecords(texts.count, at: domain))
    }
    let meaning = meanings.spf.meaning(of: text) { text in
      Result { () throws(SPFSyntaxError) in try SPFRecordParser.parse(text) }
    }
    switch meaning {
    case .success(let record): return .record(record)
    case .failure(let error):
      return .ending(
        SPFPlace(term: error.term, domain: domain)
          .ending(.permerror, .recordSyntax, SPFSentence.syntax(error, of: domain)))
    }
  }

  // MARK: Directives

  /// Tries the directives in order; nil when none matched and nothing went wrong.
  ///
  /// A match inside an include has no sentence: that of the include names the term.
  private func evaluate(
    _ record: SPFRecord, of domain: String, isIncluded: Bool
  ) -> SPFEnding? {
    var isPrefetched = false
    for (index, directive) in record.directives.enumerated() {
      let place = SPFPlace(term: directive.text, domain: domain)
      if directive.mechanism.causesLookups {
        if let ending = countLookup(at: place) { return ending }
        if !isPrefetched { resolver.prefetch(likelyQuestions(record, from: index, in: domain)) }
        isPrefetched = true
      }
      switch attempt(directive.mechanism, at: place) {
      case .noMatch: continue
      case .ending(let ending): return ending
      case .match(let through):
        let sentence =
          isIncluded
          ? ""
          : SPFSentence.matched(directive, of: domain, client: session.client, through: through)
        var ending = place.ending(directive.result, .matched, sentence)
        if directive.result == .fail { ending.explanation = record.explanation }
        return ending
      }
    }
    return nil
  }

  private enum Attempt {
    case noMatch
    /// With the ending of an include's own evaluation.
    case match(through: SPFEnding?)
    case ending(SPFEnding)
  }

  private func attempt(_ mechanism: SPFMechanism, at place: SPFPlace) -> Attempt {
    if let target = mechanism.target, expansion.isBeyondASCII(target) { return .noMatch }
    switch mechanism {
    case .all: return .match(through: nil)
    case .include(let target): return include(target, at: place)
    case .network(let network):
      guard network.address.isIPv4 == session.client.isIPv4 else { return .noMatch }
      // Not a question for libspf2: a record can hold dozens of networks, each would be compiled
      // anew, and the prefix length 0 is refused.
      return network.contains(session.client) ? .match(through: nil) : .noMatch
    case .address(let target, let prefixes):
      return ask("a", prefixes, mechanism, target, at: place)
    case .mailExchanger(let target, let prefixes):
      return ask("mx", prefixes, mechanism, target, at: place)
    case .exists(let target):
      guard let name = expansion.name(from: target, in: place.domain) else { return .noMatch }
      return ask("exists:\(SPFTermLookup.placeholder)", mechanism, target: name, at: place)
    case .reverse(let target):
      guard let name = expansion.name(from: target, in: place.domain) else { return .noMatch }
      return ask("ptr:\(SPFTermLookup.placeholder)", mechanism, target: name, at: place)
    }
  }

  private func include(_ target: SPFMacro, at place: SPFPlace) -> Attempt {
    guard let name = expansion.name(from: target, in: place.domain) else {
      return .ending(unusableTarget(target, at: place, .includeWithoutRecord))
    }
    let inner = checkHost(name, from: place)
    switch inner.result {
    case .pass: return .match(through: inner)
    case .fail, .softfail, .neutral: return .noMatch
    case .temperror, .permerror: return .ending(inner)
    case .none:
      return .ending(
        place.ending(
          .permerror, .includeWithoutRecord,
          SPFSentence.leadsNowhere(place, name, inner.cause)))
    }
  }

  /// Asks libspf2 about `a` and `mx`.
  private func ask(
    _ name: String, _ prefixes: SPFPrefixes, _ mechanism: SPFMechanism, _ target: SPFMacro?,
    at place: SPFPlace
  ) -> Attempt {
    guard let target = expansion.name(from: target, in: place.domain) else { return .noMatch }
    let length = session.client.isIPv4 ? prefixes.ipv4 : prefixes.ipv6
    var text = "\(name):\(SPFTermLookup.placeholder)"
    if session.client.isIPv4, (1...31).contains(length) { text += "/\(length)" }
    if !session.client.isIPv4, (1...127).contains(length) { text += "//\(length)" }
    return ask(text, mechanism, target: target, at: place, anyAddressMatches: length == 0)
  }

  /// Asks libspf2 whether a mechanism matches, and turns what the DNS had to say into an ending.
  ///
  /// `text` is the mechanism as libspf2 gets it, `target` the name it is about, and
  /// `anyAddressMatches` stands for the prefix length 0, which libspf2 refuses.
  private func ask(
    _ text: String, _ mechanism: SPFMechanism, target: String, at place: SPFPlace,
    anyAddressMatches: Bool = false
  ) -> Attempt {
    let lookup = SPFTermLookup(
      mechanism, target: target, client: session.client, resolver: resolver)
    let match = match(text, lookup)
    if let ending = countVoid(lookup, at: place) { return .ending(ending) }
    if let failure = lookup.failure {
      return .ending(
        place.ending(
          .temperror, SPFCause(temporaryFailure: failure.answer.outcome),
          failedName: failure.question.name,
          SPFSentence.dnsFailure(failure.question, failure.answer, at: place)))
    }
    if let count = lookup.excessHosts {
      return .ending(
        place.ending(.permerror, .tooManyMXHosts, SPFSentence.tooManyHosts(count, at: place)))
    }
    switch match {
    case .matched: return .match(through: nil)
    case .notMatched:
      return anyAddressMatches && lookup.foundAddress ? .match(through: nil) : .noMatch
    case .dnsFailure: return .ending(refused("libspf2 reports a DNS failure of its own", at: place))
    case .refused(let reason): return .ending(refused(reason, at: place))
    }
  }

  /// What libspf2 says; of an `a` its answer is kept, by all that it depends on: the mechanism with
  /// its prefix length, the client, and the addresses in their order.
  private func match(_ text: String, _ lookup: SPFTermLookup) -> LibSPF2.Match {
    guard let addresses = lookup.askForAddresses() else { return askLibrary(text, lookup) }
    // The count of the client's octets, 4 or 16, is no character of a mechanism: it ends the text
    // and says where the addresses begin.
    let client = session.client.bytes
    let all = Array(text.utf8) + [UInt8(client.count)] + client + addresses
    do throws(Undecided) {
      let isMatch = try meanings.addressMatches.meaning(of: all) { _ throws(Undecided) in
        switch askLibrary(text, lookup) {
        case .matched: return true
        case .notMatched: return false
        case let match: throw Undecided(match: match)
        }
      }
      return isMatch ? .matched : .notMatched
    } catch {
      return error.match
    }
  }

  /// An answer of libspf2 that may be another one the next time.
  private struct Undecided: Error {
    let match: LibSPF2.Match
  }

  private func askLibrary(_ text: String, _ lookup: SPFTermLookup) -> LibSPF2.Match {
    guard let library else { return .refused("libspf2 could not allocate memory") }
    return library.match(text, lookup: lookup)
  }

  /// What must not happen, and has an ending all the same.
  private func refused(_ reason: String, at place: SPFPlace) -> SPFEnding {
    place.ending(.permerror, .recordSyntax, SPFSentence.refused(reason, at: place))
  }

  // MARK: Limits (RFC 7208 section 4.6.4)

  private func countLookup(at place: SPFPlace) -> SPFEnding? {
    guard lookups < settings.maxLookups else {
      return place.ending(
        .permerror, .tooManyLookups,
        SPFSentence.tooManyLookups(settings.maxLookups, at: place, checked: checkedDomain))
    }
    lookups += 1
    return nil
  }

  private func countVoid(_ lookup: SPFTermLookup, at place: SPFPlace) -> SPFEnding? {
    guard lookup.isVoid else { return nil }
    voidLookups += 1
    guard voidLookups > settings.maxVoidLookups else { return nil }
    return place.ending(
      .permerror, .tooManyVoidLookups,
      SPFSentence.tooManyVoidLookups(settings.maxVoidLookups, at: place, checked: checkedDomain))
  }

  /// The lookups that the rest of a record will probably need.
  ///
  /// To be started not before the first of them is reached: most mail matches an address that stands
  /// earlier.
  private func likelyQuestions(
    _ record: SPFRecord, from index: Int, in domain: String
  ) -> [DNSQuestion] {
    let address = DNSRecordType(holding: session.client)
    var questions: [DNSQuestion] = []
    func add(_ target: SPFMacro?, _ type: DNSRecordType) {
      guard questions.count < 10, target?.isLiteral ?? true,
        let name = expansion.name(from: target, in: domain)
      else { return }
      questions.append(DNSQuestion(name, type))
    }
    for directive in record.directives[index...] {
      switch directive.mechanism {
      case .all: return questions
      case .include(let target): add(target, .txt)
      case .address(let target, _): add(target, address)
      case .mailExchanger(let target, _): add(target, .mx)
      case .exists(let target): add(target, .a)
      case .reverse, .network: break
      }
    }
    if let redirect = record.redirect { add(redirect.target, .txt) }
    return questions
  }
}
