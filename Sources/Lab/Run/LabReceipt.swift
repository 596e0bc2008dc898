public import Ledger
public import MailAuth
import Reports

/// What one receiver found and did.
public struct LabReceipt: Sendable, Codable, Equatable {
  /// An SPF check.
  public struct SPF: Sendable, Codable, Equatable {
    /// The result.
    public var result: SPFResult
    /// The domain checked.
    public var domain: String
    /// Why.
    public var cause: SPFCause
    /// Whether the domain aligns with the author's; nil when that is not known.
    public var isAligned: Bool?
    /// The sentence for people.
    public var explanation: String
  }

  /// A signature.
  public struct DKIM: Sendable, Codable, Equatable {
    /// The result.
    public var result: DKIMResult
    /// `d=`.
    public var domain: String
    /// `s=`.
    public var selector: String
    /// Why.
    public var cause: DKIMCause
    /// Whether the domain aligns with the author's; nil when that is not known.
    public var isAligned: Bool?
    /// The sentence for people.
    public var explanation: String
  }

  /// The ARC chain.
  public struct ARC: Sendable, Codable, Equatable {
    /// The result.
    public var result: ChainValidation
    /// Why.
    public var cause: ARCCause
    /// `d=` of each set, the oldest first; empty where a seal does not tell.
    public var sealers: [String]
    /// The sentence for people.
    public var explanation: String
  }

  /// DMARC and the policy.
  public struct DMARC: Sendable, Codable, Equatable {
    /// The result.
    public var result: DMARCResult
    /// Why.
    public var cause: DMARCCause
    /// The Author Domain; nil when From has none.
    public var author: String?
    /// Where the policy record was found; nil without one.
    public var policyDomain: String?
    /// What the record asks for this message if it fails; nil without one.
    public var appliedPolicy: DomainOwnerPolicy?
    /// The sentence for people.
    public var explanation: String
  }

  /// The row of the report.
  public struct Row: Sendable, Codable, Equatable {
    /// An override reason.
    public struct Reason: Sendable, Codable, Equatable {
      /// The type.
      public var type: String
      /// The comment; nil when there is none.
      public var comment: String?
    }

    /// Where the policy was found.
    public var policyDomain: String
    /// `source_ip`.
    public var sourceIP: String
    /// `disposition`.
    public var disposition: String
    /// `policy_evaluated/dkim`.
    public var dkimAligned: Bool
    /// `policy_evaluated/spf`.
    public var spfAligned: Bool
    /// `header_from`.
    public var headerFrom: String
    /// `envelope_from`; empty for the null reverse-path, nil when it has no domain.
    public var envelopeFrom: String?
    /// `reason`, in order.
    public var reasons: [Reason]
    /// `policy_published/p`.
    public var publishedPolicy: DomainOwnerPolicy
    /// What the report says of the policy record (`error`).
    public var recordProblems: [String]
    /// The `record` element of RFC 9990.
    public var xml: String
  }

  /// The receiver, as `expect` calls it.
  public var receiver: String
  /// The key of its actor.
  public var actor: String
  /// When, seconds since the epoch.
  public var time: Int64
  /// The address of the client.
  public var clientAddress: String
  /// What the client said in EHLO.
  public var helo: String
  /// The reverse-path; empty for the null reverse-path.
  public var mailFrom: String
  /// The recipients.
  public var recipients: [String]
  /// SPF of the reverse-path.
  public var spf: SPF
  /// SPF of the HELO name.
  public var heloSPF: SPF
  /// Each signature, from the top of the header down.
  public var dkim: [DKIM]
  /// The ARC chain.
  public var arc: ARC
  /// DMARC.
  public var dmarc: DMARC
  /// What was done.
  public var disposition: Disposition
  /// Why that differs from the policy.
  public var overrideReasons: [OverrideReason]
  /// What the client was answered.
  public var answer: Expectation.Answer
  /// The words of a refusal, or the reason of holding; nil when the message was taken.
  public var answerText: String?
  /// The reason to look at first; nil when nothing is amiss.
  public var rootCause: RootCause?
  /// The Authentication-Results field that was written, without parts that depend on keys.
  public var authenticationResults: String
  /// The names of the fields that were taken off, sorted.
  public var removedFields: [String]
  /// The header as it came, without parts that depend on keys; LF line ends.
  public var header: String
  /// The row of the report; nil when no report has the message.
  public var row: Row?
  /// Where the report may go, as ``ReportDestinations`` gives it; nil when nobody found out.
  public var reportTo: [String]?

  /// Makes a receipt of what a receiver recorded, in whatever way the message came to it.
  ///
  /// - Parameters:
  ///   - receiver: Its name in `expect`.
  ///   - actor: The key of the actor.
  ///   - record: What it recorded.
  ///   - header: The header as it came, from the top down.
  ///   - removedFields: The names of the fields that it took off.
  ///   - reportTo: Where the report may go; nil when nobody found out.
  /// - Throws: When the row cannot be written as XML.
  public init(
    receiver: String, actor: String, record: MessageRecord, header: [HeaderField],
    removedFields: [String], reportTo: [String]? = nil
  ) throws {
    let evaluation = record.evaluation
    let envelope = record.envelope
    func text(_ octets: [UInt8]) -> String { octets.printable(limit: 320) }
    self.receiver = receiver
    self.actor = actor
    time = record.receivedAt
    clientAddress = envelope.clientAddress.description
    helo = text(envelope.helo)
    mailFrom = text(envelope.mailFrom)
    recipients = envelope.recipients.map(text)
    spf = SPF(evaluation.mailFromSPF)
    heloSPF = SPF(evaluation.heloSPF)
    dkim = evaluation.dkim.map { DKIM($0) }
    arc = ARC(
      result: evaluation.arc.result, cause: evaluation.arc.cause,
      sealers: evaluation.arc.sets.map { $0.sealDomain?.text ?? "" },
      explanation: evaluation.arc.explanation)
    dmarc = DMARC(evaluation)
    disposition = record.verdict.disposition
    overrideReasons = record.verdict.overrideReasons
    (answer, answerText) = Self.answer(record.verdict.answer)
    rootCause = evaluation.rootCause
    authenticationResults = KeyMaterial.removed(from: record.verdict.authenticationResults)
    self.removedFields = removedFields.sorted()
    self.header = KeyMaterial.text(of: header)
    row = try ReportRow(record).map { row in
      try Row(row, problems: evaluation.dmarc.record?.problems ?? [])
    }
    self.reportTo = reportTo
  }

  private static func answer(_ answer: Verdict.Answer) -> (Expectation.Answer, String?) {
    switch answer {
    case .accept: (.accept, nil)
    case .hold(let reason): (.hold, reason)
    case .reject(let reply): (.reject, reply.description)
    case .tempfail(let reply): (.tempfail, reply.description)
    }
  }
}

extension LabReceipt.SPF {
  init(_ outcome: SPFOutcome) {
    self.init(
      result: outcome.result, domain: outcome.domain, cause: outcome.cause,
      isAligned: outcome.alignment?.isAligned, explanation: outcome.explanation)
  }
}

extension LabReceipt.DKIM {
  init(_ outcome: DKIMOutcome) {
    self.init(
      result: outcome.result, domain: outcome.domain, selector: outcome.selector,
      cause: outcome.cause, isAligned: outcome.alignment?.isAligned,
      explanation: outcome.explanation)
  }
}

extension LabReceipt.DMARC {
  init(_ evaluation: Evaluation) {
    let dmarc = evaluation.dmarc
    self.init(
      result: dmarc.result, cause: dmarc.cause, author: evaluation.authorDomain?.text,
      policyDomain: dmarc.policyDomain?.text, appliedPolicy: dmarc.appliedPolicy,
      explanation: dmarc.explanation)
  }
}

extension LabReceipt.Row {
  init(_ row: ReportRow, problems: [String]) throws {
    let record = row.record
    self.init(
      policyDomain: row.policy.domain.text, sourceIP: record.sourceIP,
      disposition: record.disposition.rawValue, dkimAligned: record.dkimAligned,
      spfAligned: record.spfAligned, headerFrom: record.headerFrom,
      envelopeFrom: record.envelopeFrom,
      reasons: record.reasons.map { Reason(type: $0.type.rawValue, comment: $0.comment) },
      publishedPolicy: row.policy.policy, recordProblems: problems,
      xml: try row.xml())
  }
}
