import Synchronization

/// How messages are evaluated: all that does not change from message to message.
public struct EvaluatorSettings: Sendable {
  /// The name that `%{r}` of SPF macros stands for: this host.
  public var receivingHost: String
  /// SPF's limits.
  public var spf = SPFSettings()
  /// DKIM's limits and choices.
  public var dkim = DKIMSettings()
  /// How policies and Organizational Domains are found.
  public var discovery = DiscoveryMode.treewalk
  /// How many Author Domains of one message are evaluated, at least 1; with more it is permerror
  /// unless one of these fails (RFC 9989 section 11.5).
  public var maximumAuthorDomains = 3
  /// Octets of header kept per message; beyond it the message is not evaluated but recorded.
  public var maximumHeaderBytes = 2 * 1024 * 1024
  /// Header fields kept per message; beyond it the message is not evaluated but recorded.
  public var maximumHeaderFields = 10_000

  /// Makes the default settings.
  public init(receivingHost: String) {
    self.receivingHost = receivingHost
  }
}

/// Evaluates messages; one for the whole process.
public final class Evaluator: Sendable {
  let settings: EvaluatorSettings
  let resolver: any Resolver
  let dkimLibraries: DKIMLibraries
  let meanings = RecordMeanings()

  /// Makes an evaluator.
  ///
  /// - Throws: An error with libopendkim's status and text when the library cannot be opened.
  public init(settings: EvaluatorSettings, resolver: any Resolver) throws {
    self.settings = settings
    self.resolver = resolver
    dkimLibraries = try DKIMLibraries()
  }

  /// Begins a message.
  ///
  /// - Parameters:
  ///   - envelope: The envelope as far as SPF needs it; recipients do not matter.
  ///   - now: The time of evaluation, seconds since the epoch.
  ///   - deadline: Gives the time at which a check that begins now must end; nil for never. Asked
  ///     for each early check that begins before ``MessageEvaluation/finish()``, and there once for
  ///     everything that is still to be done.
  ///   - bodyHashes: What was kept of the body, when the body itself is not there to be given; nil
  ///     as a rule.
  /// - Returns: The evaluation, to be given header and body.
  public func begin(
    _ envelope: Envelope, now: Int64,
    deadline: @escaping @Sendable () -> ContinuousClock.Instant? = { nil },
    bodyHashes: BodyHashes? = nil
  ) -> MessageEvaluation {
    MessageEvaluation(
      self, envelope: envelope, now: now, deadline: deadline, bodyHashes: bodyHashes)
  }
}

/// The evaluation of one message: SPF → DKIM → ARC → DMARC.
///
/// The caller gives the header, then the body, then asks for the result. Calls come one after
/// another, each possibly on another thread; only ``finish()`` waits. The ``earlyChecks`` may run
/// on other threads from the beginning.
public final class MessageEvaluation {
  /// Checks that need nothing but the envelope.
  ///
  /// Run each on a thread of its own to have it done by the end of the message; those not begun by
  /// then run inside ``finish()``. A check that begins after the evaluation is gone does nothing.
  public var earlyChecks: [@Sendable () -> Void] {
    [mailFromSPF, heloSPF].map(Self.unlessGivenUp)
  }

  /// Carries out at once what needs no DNS answer that would have to be waited for.
  ///
  /// - Returns: Those of ``earlyChecks`` that are left.
  public func runKnownChecks() -> [@Sendable () -> Void] {
    var left: [@Sendable () -> Void] = []
    for (check, identity) in [(mailFromSPF, SPFIdentity.mailFrom), (heloSPF, .helo)] {
      let isDone = check.attempt { [evaluator, envelope, now] in
        let resolver = CheckResolver(knownTo: evaluator.resolver)
        let checked = Self.checkSPF(identity, resolver, evaluator, envelope, now: now)
        let missing = resolver.missingQuestions
        guard !missing.isEmpty else { return checked }
        // Nothing else of a message has answers that lead to further questions, so this one goes
        // out first, before a thread is found for the check.
        evaluator.resolver.prefetch(missing)
        return nil
      }
      if !isDone { left.append(Self.unlessGivenUp(check)) }
    }
    return left
  }

  /// Weak: of a message that was given up, queued checks must not be carried out.
  private static func unlessGivenUp(
    _ check: EarlyCheck<CheckedSPF>
  ) -> @Sendable () -> Void {
    { [weak check] in check?.run() }
  }

  private let evaluator: Evaluator
  private let envelope: Envelope
  private let now: Int64
  private let deadline: MessageDeadline
  private let bodyHashes: BodyHashes?
  private let heloSPF: EarlyCheck<CheckedSPF>
  private let mailFromSPF: EarlyCheck<CheckedSPF>
  private var header = ReceivedHeader()
  private var author = Author.missing(.noFrom, "The message has no header.")
  private var flow: FlowEvidence?
  private var draw = SamplingDraw.notDrawn
  private var dkim: DKIMVerifier?
  private var arc: ARCVerifier?

  private var resolvers: [CheckResolver] = []

  private struct CheckedSPF: Sendable {
    var outcome: SPFOutcome
    var resolver: CheckResolver
  }

  /// Every DNS answer of the evaluation with its records, in the order of ``Evaluation/dns``; empty
  /// before ``finish()``.
  ///
  /// They are no part of the evaluation: only who wants to repeat it needs them.
  public var recordedAnswers: [RecordedAnswer] { resolvers.flatMap(\.answers) }

  fileprivate init(
    _ evaluator: Evaluator, envelope: Envelope, now: Int64,
    deadline: @escaping @Sendable () -> ContinuousClock.Instant?, bodyHashes: BodyHashes?
  ) {
    self.bodyHashes = bodyHashes
    self.evaluator = evaluator
    self.envelope = envelope
    self.now = now
    let deadline = MessageDeadline(deadline)
    self.deadline = deadline
    func check(_ identity: SPFIdentity) -> EarlyCheck<CheckedSPF> {
      EarlyCheck {
        let resolver = CheckResolver(evaluator.resolver, deadline: deadline.current())
        return Self.checkSPF(identity, resolver, evaluator, envelope, now: now)
      }
    }
    heloSPF = check(.helo)
    mailFromSPF = check(.mailFrom)
  }

  private static func checkSPF(
    _ identity: SPFIdentity, _ resolver: CheckResolver, _ evaluator: Evaluator,
    _ envelope: Envelope, now: Int64
  ) -> CheckedSPF {
    let check = SPFCheck(
      settings: evaluator.settings.spf, resolver: resolver, meanings: evaluator.meanings)
    let outcome = check.check(
      identity: identity, client: envelope.clientAddress, helo: envelope.helo,
      mailFrom: envelope.mailFrom, receivingHost: evaluator.settings.receivingHost, now: now)
    return CheckedSPF(outcome: outcome, resolver: resolver)
  }

  /// Takes a header field, from the top down.
  public func addHeader(_ field: HeaderField) {
    header.add(
      field, mostOctets: evaluator.settings.maximumHeaderBytes,
      mostFields: evaluator.settings.maximumHeaderFields)
  }

  /// Ends the header and starts fetching keys and policies, without waiting for them.
  public func endHeaders() {
    let fields = header.takeFields()
    if header.isTooLarge {
      author = .missing(
        .messageTooLarge,
        "The header is too large to be evaluated: over "
          + "\(evaluator.settings.maximumHeaderBytes) octets or "
          + "\(evaluator.settings.maximumHeaderFields) fields.")
      return
    }
    author = Author(header: fields)
    flow = FlowEvidence(header: fields, envelope: envelope)
    if evaluator.settings.discovery.knowsSampling { draw = SamplingDraw(header: fields) }
    let dkim = DKIMVerifier(
      settings: evaluator.settings.dkim, libraries: evaluator.dkimLibraries, header: fields,
      now: now, bodyHashes: bodyHashes, meanings: evaluator.meanings)
    self.dkim = dkim
    let arc = ARCVerifier(
      settings: evaluator.settings.dkim, header: fields, bodyHashes: bodyHashes,
      meanings: evaluator.meanings)
    self.arc = arc
    var questions = dkim.keyQuestions + arc.keyQuestions
    for domain in evaluatedAuthors {
      questions += TreeWalk.names(from: domain).map(\.policyQuestion)
    }
    evaluator.resolver.prefetch(questions.filter(\.isValidName))
  }

  /// Takes a piece of the body, CRLF line ends; the memory is not kept.
  public func addBody(_ chunk: UnsafeRawBufferPointer) {
    unsafe dkim?.body(chunk)
    unsafe arc?.body(chunk)
  }

  /// Ends the message, waits for what is still open, and gives the result.
  public func finish() -> Evaluation {
    deadline.end()
    let dmarcResolver = CheckResolver(evaluator.resolver, deadline: deadline.current())
    let source = PolicySource(dmarcResolver, meanings: evaluator.meanings)
    let discovery = evaluator.settings.discovery
    let relations = DomainRelations(source, publicSuffixList: discovery.actingList)
    // The Author Domain first: signers and senders, who may be strangers, are waited for later and
    // cannot use up the time for its policy.
    let named = envelope.spfDomains + (dkim?.signingDomains ?? [])
    let early = evaluatedAuthors.map { author in
      EarlyPolicyLookup(
        author: author, identifiers: named, relations: relations, source: source,
        resolver: dmarcResolver)
    }

    let dkimResolver = CheckResolver(evaluator.resolver, deadline: deadline.current())
    let signatures =
      dkim?.finish(dkimResolver, first: early.compactMap(\.organization).first) ?? unreadSignatures
    early.forEach { $0.finish() }
    let mailFrom = mailFromSPF.value()
    let helo = heloSPF.value()
    let dmarc = DMARCEvaluation(
      author: author,
      CheckedIdentifiers(
        mailFromSPF: mailFrom.outcome, heloSPF: helo.outcome, dkim: signatures),
      relations: relations,
      compared: discovery.comparedList.map { DomainRelations(source, publicSuffixList: $0) },
      source: source, draw: draw, maximumAuthorDomains: evaluator.settings.maximumAuthorDomains)
    // Last, since nothing above needs it, and its keys are the keys of strangers.
    let arcResolver = CheckResolver(evaluator.resolver, deadline: deadline.current())
    let chain = arc?.finish(arcResolver) ?? unreadChain
    let identifiers = dmarc.identifiers
    resolvers = [helo.resolver, mailFrom.resolver, dkimResolver, arcResolver, dmarcResolver]
    var dns: [DNSEvidence] = []
    dns.reserveCapacity(16)
    for resolver in resolvers { resolver.addEvidence(to: &dns) }
    let flow = flow ?? FlowEvidence(header: [], envelope: envelope)
    return Evaluation(
      authorDomain: dmarc.authorDomain, mailFromSPF: identifiers.mailFromSPF,
      heloSPF: identifiers.heloSPF, dkim: identifiers.dkim, arc: chain, dmarc: dmarc.outcome,
      authorDomains: author.domainNames, flow: flow,
      rootCause: RootCause(
        author: dmarc.authorDomain, spf: identifiers.mailFromSPF, dkim: identifiers.dkim,
        dmarc: dmarc.outcome, flow: flow),
      dns: dns)
  }

  /// The SPF records that the check of the reverse-path used; waits for that check.
  ///
  /// They are no part of the evaluation: only a failure report needs them (RFC 6591 section 3.2.6).
  public var mailFromSPFRecords: [PublishedSPFRecord] { mailFromSPF.value().resolver.spfRecords }

  /// The outcome of a chain in a header that was too large to be kept.
  private var unreadChain: ARCOutcome { header.isTooLarge ? .messageTooLarge : .noSets }

  /// The Author Domains that DMARC is evaluated for: the first when there are too many.
  private var evaluatedAuthors: ArraySlice<DomainName> {
    author.domainNames.prefix(evaluator.settings.maximumAuthorDomains)
  }

  /// The outcome of the signatures, however many, of a header that was too large to be kept.
  private var unreadSignatures: [DKIMOutcome] {
    guard header.isTooLarge, header.isSigned else { return [] }
    return [
      DKIMOutcome(
        domain: "", selector: "", algorithm: "", result: .permerror, cause: .messageTooLarge,
        explanation: "The header is too large, so no signature was evaluated.")
    ]
  }
}

/// A header as far as it came.
private struct ReceivedHeader {
  private var fields: [HeaderField] = []
  private var octets = 0
  /// Whether it went beyond a limit; the fields behind that are missing.
  private(set) var isTooLarge = false
  /// Whether there is a signature among all its fields.
  private(set) var isSigned = false

  mutating func add(_ field: HeaderField, mostOctets: Int, mostFields: Int) {
    isSigned = isSigned || field.isNamed("DKIM-Signature")
    octets += field.name.count + field.value.count
    guard octets <= mostOctets, fields.count < mostFields else {
      isTooLarge = true
      return
    }
    // Real mail has some twenty.
    if fields.isEmpty { fields.reserveCapacity(32) }
    fields.append(field)
  }

  /// Gives the fields away.
  mutating func takeFields() -> [HeaderField] {
    defer { fields = [] }
    return fields
  }
}

/// When the checks of one message must end.
///
/// A check that begins while the message arrives has the whole time. What is left at the end of the
/// message shares one deadline, so that the message waits once, not once for each check.
final class MessageDeadline: Sendable {
  private let next: @Sendable () -> ContinuousClock.Instant?
  private let last = Mutex<ContinuousClock.Instant?>(nil)

  init(_ next: @escaping @Sendable () -> ContinuousClock.Instant?) { self.next = next }

  /// The deadline of a check that begins now.
  func current() -> ContinuousClock.Instant? { last.withLock { $0 } ?? next() }

  /// Sets the one deadline for everything that begins from now on.
  func end() {
    let end = next()
    last.withLock { $0 = end }
  }
}
