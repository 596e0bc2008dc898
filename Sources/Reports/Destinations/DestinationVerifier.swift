public import Ledger
public import MailAuth

/// Finds out whether a host takes reports about a domain (RFC 9990 section 4; for `ruf` RFC 9991
/// section 5).
///
/// A failure of the DNS is never consent, and never a refusal either: it leaves the matter
/// undecided. Answers are kept in the ledger for as long as the DNS allows, within bounds.
public struct DestinationVerifier: Sendable {
  /// Seconds for which an answer is kept at least; a run must not ask again for every report.
  public static let shortestKept = 300
  /// Seconds for which an answer is kept at most; a withdrawn consent must not live on.
  public static let longestKept = 86_400
  /// Seconds for which a refusal is kept when the DNS does not say.
  public static let refusalKept = 3_600

  private let resolver: any Resolver
  private let discovery: DiscoveryMode
  private let store: (any ReportStore)?
  private let keepsAnswers: Bool
  private let deadline: @Sendable () -> ContinuousClock.Instant?

  /// Makes a verifier.
  ///
  /// - Parameters:
  ///   - resolver: Whom to ask.
  ///   - discovery: How Organizational Domains are found: as it is done for messages.
  ///   - store: Where answers are kept; nil for nowhere.
  ///   - keepsAnswers: Whether new answers are kept; false only reads those that are there.
  ///   - deadline: Gives the time by which a verification that begins now must end; nil waits as
  ///     long as the resolver does.
  public init(
    resolver: any Resolver, discovery: DiscoveryMode, store: (any ReportStore)?,
    keepsAnswers: Bool = true,
    deadline: @escaping @Sendable () -> ContinuousClock.Instant? = { nil }
  ) {
    self.resolver = resolver
    self.discovery = discovery
    self.store = store
    self.keepsAnswers = keepsAnswers
    self.deadline = deadline
  }

  /// Finds out about one host.
  ///
  /// - Parameters:
  ///   - host: The destination host.
  ///   - policyDomain: What the reports are about; neither its Organizational Domain nor an Author
  ///     Domain below it.
  ///   - tag: Which reports.
  ///   - now: Seconds since the epoch.
  /// - Returns: The verdict.
  /// - Throws: ``LedgerError`` when kept answers cannot be read or written.
  public func verdict(
    on host: DomainName, about policyDomain: DomainName, tag: StoredAuthorization.Tag, now: Int64
  ) throws(LedgerError) -> DestinationVerdict {
    guard host != policyDomain else {
      return DestinationVerdict(
        decision: .sameOrganization, reason: "\(host) is the domain that the report is about")
    }
    let question = DestinationVerdict.question(about: policyDomain, to: host)
    if let kept = try store?.authorization(
      policyDomain: policyDomain, host: host, tag: tag, now: now)
    {
      return DestinationVerdict(kept, question: question)
    }
    let limit = deadline()
    let domains = OrganizationalDomains(
      resolver: resolver, discovery: discovery, deadline: limit)
    do throws(OrganizationalDomainFailure) {
      if let organization = try domains.commonOrganization(of: policyDomain, and: host) {
        return DestinationVerdict(
          decision: .sameOrganization,
          reason: "\(host) and \(policyDomain) belong to one organization, \(organization)")
      }
    } catch {
      return DestinationVerdict(
        decision: .undecided,
        reason: "whether \(host) and \(policyDomain) are one organization is not known: \(error)")
    }
    let verdict = ask(question, host: host, tag: tag, now: now, deadline: limit)
    if keepsAnswers, let store, let expiresAt = verdict.expiresAt {
      try store.keep(
        StoredAuthorization(
          policyDomain: policyDomain, host: host, tag: tag, isAuthorized: verdict.isAuthorized,
          overrides: verdict.overrides.map(\.description), reason: verdict.reason,
          expiresAt: expiresAt))
    }
    return verdict
  }

  /// Starts the questions that verdicts on hosts will need, and returns at once.
  public func prefetch(_ hosts: [DomainName], about policyDomain: DomainName) {
    let others = Set(hosts).subtracting([policyDomain])
    guard !others.isEmpty else { return }
    let domains = OrganizationalDomains(resolver: resolver, discovery: discovery)
    for host in others { domains.prefetch(policyDomain, and: host) }
    let questions = others.map {
      DNSQuestion(DestinationVerdict.question(about: policyDomain, to: $0), .txt)
    }
    resolver.prefetch(questions.filter(\.isValidName))
  }

  // MARK: - Steps 2 to 6

  private func ask(
    _ name: String, host: DomainName, tag: StoredAuthorization.Tag, now: Int64,
    deadline: ContinuousClock.Instant?
  ) -> DestinationVerdict {
    let question = DNSQuestion(name, .txt)
    guard question.isValidName else {
      return DestinationVerdict(
        decision: .notAuthorized,
        reason: "\(host) cannot agree: the name to ask for is too long for the DNS")
    }
    let answer = resolver.answer(question, deadline: deadline)
    guard !answer.outcome.isTemporaryFailure else {
      let detail = answer.detail.map { " (\($0.utf8.printable()))" } ?? ""
      return DestinationVerdict(
        decision: .undecided, question: name,
        reason: "whether \(host) takes the reports is not known: the question for \(name) ended in "
          + answer.outcome.rawValue + detail)
    }
    let records = answer.joinedTexts.compactMap(ReportConsentRecord.init)
    var verdict = Self.judge(records, answer, name: name, host: host, tag: tag)
    let isNegative = answer.outcome != .answer && answer.ttlSeconds == 0
    let seconds = isNegative ? Self.refusalKept : answer.ttlSeconds
    verdict.expiresAt = now + Int64(min(max(seconds, Self.shortestKept), Self.longestKept))
    return verdict
  }

  private static func judge(
    _ records: [ReportConsentRecord], _ answer: DNSAnswer, name: String, host: DomainName,
    tag: StoredAuthorization.Tag
  ) -> DestinationVerdict {
    guard !records.isEmpty else {
      let found =
        switch answer.outcome {
        case .nxdomain: "\(name) does not exist"
        case .answer: "no TXT record of \(name) is a list of tags with v=DMARC1 first"
        default: "\(name) has no TXT record"
        }
      return DestinationVerdict(
        decision: .notAuthorized, question: name,
        reason: "\(host) did not agree to take the reports: \(found)")
    }
    let values = records.compactMap {
      tag == .rua ? $0.aggregateReportURIs : $0.failureReportURIs
    }
    guard !values.isEmpty else {
      return DestinationVerdict(
        decision: .authorized(overrides: []), question: name,
        reason: "\(host) takes the reports: \(name) says so")
    }
    let overrides = ReportURIList(values.joined(separator: ",")).uris
    if let other = overrides.first(where: { $0.host != host }) {
      // Neither the published URI nor the one in its place (RFC 9990 section 4).
      return DestinationVerdict(
        decision: .notAuthorized, question: name,
        reason: "\(name) names \(other.address) instead, which is not at \(host); neither is used")
    }
    guard !overrides.isEmpty else {
      return DestinationVerdict(
        decision: .notAuthorized, question: name,
        reason: "\(name) names another destination that cannot be used")
    }
    let addresses = overrides.map(\.address).joined(separator: ", ")
    return DestinationVerdict(
      decision: .authorized(overrides: overrides), question: name,
      reason: "\(host) takes the reports at \(addresses.utf8.printable(limit: 600)): "
        + "\(name) says so")
  }
}

extension DestinationVerdict {
  /// The verdict that was kept.
  init(_ kept: StoredAuthorization, question: String) {
    self.init(
      decision: kept.isAuthorized
        ? .authorized(overrides: ReportURIList(kept.overrides.joined(separator: ",")).uris)
        : .notAuthorized,
      question: question, reason: kept.reason, expiresAt: kept.expiresAt)
    // Unreadable overrides must not turn into none, which would mean the published URI.
    if case .authorized(let uris) = decision, uris.count != kept.overrides.count {
      decision = .undecided
      reason = "the kept answer of \(kept.host) is damaged; it is asked again when it has expired"
    }
  }

  fileprivate var isAuthorized: Bool {
    if case .authorized = decision { true } else { false }
  }

  fileprivate var overrides: [ReportURI] {
    if case .authorized(let overrides) = decision { overrides } else { [] }
  }
}
