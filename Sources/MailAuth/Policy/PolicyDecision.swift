/// The local policy applied to one evaluation (RFC 9989 sections 5.4 and 7.4).
///
/// SPF and DKIM alone never decide: only the result of DMARC does, and the From it is about.
struct PolicyDecision {
  private(set) var disposition = Disposition.none
  private(set) var reasons: [OverrideReason] = []
  private(set) var answer = Verdict.Answer.accept

  init(
    _ evaluation: borrowing Evaluation, envelope: borrowing Envelope,
    policy: borrowing LocalPolicy
  ) {
    // Nearly all mail passes; there is nothing to judge, nor to take down for it.
    guard evaluation.dmarc.result != .pass else { return }
    let judgement = PolicyJudgement(copy evaluation, envelope: copy envelope, policy: copy policy)
    disposition = judgement.disposition
    reasons = judgement.reasons
    answer = judgement.answer
  }
}

/// The judgement of a message that DMARC does not let pass.
private struct PolicyJudgement {
  private(set) var disposition = Disposition.none
  private(set) var reasons: [OverrideReason] = []
  private(set) var answer = Verdict.Answer.accept

  private let evaluation: Evaluation
  private let envelope: Envelope
  private let policy: LocalPolicy

  init(_ evaluation: Evaluation, envelope: Envelope, policy: LocalPolicy) {
    self.evaluation = evaluation
    self.envelope = envelope
    self.policy = policy
    switch evaluation.dmarc.result {
    case .pass: break
    case .none, .permerror: judgeFrom()
    case .temperror: judgeTemporaryError()
    case .fail: judgeFailure()
    }
  }

  // MARK: - From (RFC 9989 sections 4.2, 5.3.1 and 11.5)

  private mutating func judgeFrom() {
    let cause = evaluation.dmarc.cause
    guard let problem = cause.fromProblem else { return }
    let isEvasion = cause.breaksLimit && policy.enforcement != .off
    guard policy.onBadFrom != .accept || isEvasion else { return }
    guard !isExempt else { return reasons.append(.exemptNetwork) }
    reasons.append(cause.breaksLimit ? .beyondLimits : .unusableFrom)
    if policy.onBadFrom == .reject {
      disposition = .reject
      answer = .reject(SMTPReply(code: "550", enhancedCode: "5.7.1", text: problem))
    } else {
      quarantine(problem)
    }
  }

  // MARK: - Temperror (section 5.3.6)

  /// The policy is not applied; what else is done is a local choice.
  private mutating func judgeTemporaryError() {
    let dmarc = evaluation.dmarc
    // A policy that asks for nothing changes nothing, so there is nothing to wait for.
    let isPointless = dmarc.appliedPolicy == DomainOwnerPolicy.none
    guard policy.onTemporaryError == .tempfail, !isPointless, !isExempt else {
      // Without a record there is no policy whose neglect would have to be explained.
      if dmarc.record != nil { reasons.append(.temporaryError) }
      return
    }
    reasons.append(.deferred)
    answer = .tempfail(
      SMTPReply(
        code: "451", enhancedCode: "4.7.1",
        text: "DMARC of \(authorText) could not be evaluated because of the DNS, try again later"))
  }

  // MARK: - Fail (section 5.4)

  private mutating func judgeFailure() {
    let dmarc = evaluation.dmarc
    let asked = dmarc.appliedPolicy ?? DomainOwnerPolicy.none
    if dmarc.isSampledOut {
      reasons.append(.sampledOut)
    } else if dmarc.record?.isTesting == true, dmarc.policyBeforeTesting != asked {
      reasons.append(.testMode)
    }
    guard asked != .none else { return }
    if let exemption {
      reasons.append(exemption)
      return
    }
    switch (policy.enforcement, asked) {
    case (.off, _), (_, .none): reasons.append(.monitoring)
    case (_, .quarantine): quarantine(policyText)
    case (.quarantine, .reject):
      reasons.append(.quarantineOnly)
      quarantine(policyText)
    case (.reject, .reject):
      if policy.sparesMailingLists, evaluation.flow.hasListFields {
        reasons.append(.mailingList)
        quarantine(policyText)
      } else {
        reject()
      }
    }
  }

  private mutating func quarantine(_ reason: String) {
    disposition = .quarantine
    guard policy.quarantineAction == .hold else { return }
    answer = .hold(reason: reason)
  }

  private mutating func reject() {
    disposition = .reject
    // X.7.26: several authentication checks failed (RFC 7372 section 3.3).
    answer = .reject(
      SMTPReply(
        code: "550", enhancedCode: "5.7.26", text: policy.rejectText.text(for: authorText)))
  }

  private var policyText: String { "DMARC policy of \(authorText)" }

  private var authorText: String {
    (evaluation.authorDomain ?? evaluation.dmarc.policyDomain)?.text ?? "the From domain"
  }

  // MARK: - Exemptions: knowledge of this host that the domain owner does not have

  /// The reason to leave a failing message alone, whatever is enforced; nil when there is none.
  private var exemption: OverrideReason? {
    if isExempt { return .exemptNetwork }
    if looksForwarded, policy.trustedForwarders.contains(where: { $0.sent(envelope) }) {
      return .trustedForwarder
    }
    return TrustedChain(evaluation, trustedSealers: policy.trustedSealers)?.reason
  }

  /// Whether the failure has the form that forwarding gives it (RFC 7960 section 3).
  ///
  /// A forwarder's address is not in the SPF record of the reverse-path it kept; one that rewrites
  /// the reverse-path or hands on a list's mail leaves its signs; one that changes the message
  /// breaks the author's signature. A message without any of that began at the client itself.
  private var looksForwarded: Bool {
    let flow = evaluation.flow
    if flow.suggestsForwarding || flow.suggestsList { return true }
    let spf = evaluation.mailFromSPF
    if envelope.hasNullReversePath {
      // A bounce that is handed on has nothing but the forwarder's HELO name.
      if spf.alignment?.isAligned == false { return true }
    } else if [.fail, .softfail, .neutral].contains(spf.result) {
      return true
    }
    return evaluation.dkim.contains { $0.result == .fail && $0.alignment?.isAligned == true }
  }

  private var isExempt: Bool {
    policy.exemptNetworks.contains { $0.contains(envelope.clientAddress) }
  }
}

extension FlowEvidence {
  /// Whether the message has the header fields of a mailing list.
  ///
  /// The form of the return path is too common elsewhere to spare a message.
  fileprivate var hasListFields: Bool { signs.contains(.listID) || signs.contains(.listFields) }
}

extension DMARCCause {
  /// What is wrong with From, as the client is told; nil for causes that lie elsewhere.
  fileprivate var fromProblem: String? {
    switch self {
    case .noFrom: "The message has no From header field (RFC 5322 section 3.6)"
    case .multipleFromFields:
      "The message has more than one From header field (RFC 5322 section 3.6)"
    case .multipleFromDomains: "The From header field names authors of too many domains"
    case .invalidFrom:
      "The From header field holds no usable address (RFC 5322 section 3.6.2)"
    case .messageTooLarge: "The message header is too large to be evaluated"
    default: nil
    }
  }

  /// Whether it is a limit of ours that kept From from being judged.
  fileprivate var breaksLimit: Bool { self == .multipleFromDomains || self == .messageTooLarge }
}
