public import MailAuth

/// What an aggregate report needs of one message, and no more.
public struct ReportableMessage: Sendable, Equatable {
  /// What a report needs of an SPF check of the MAIL FROM identity.
  public struct SPF: Sendable, Equatable {
    /// ``SPFOutcome/domain``.
    public var domain: String
    /// ``SPFOutcome/result``.
    public var result: SPFResult
    /// ``SPFOutcome/cause``.
    public var cause: SPFCause
  }

  /// What a report needs of one signature.
  public struct DKIM: Sendable, Equatable {
    /// ``DKIMOutcome/domain``.
    public var domain: String
    /// ``DKIMOutcome/selector``.
    public var selector: String
    /// ``DKIMOutcome/result``.
    public var result: DKIMResult
    /// ``DKIMOutcome/cause``.
    public var cause: DKIMCause
    /// ``Alignment/isAligned``; nil when it is not known.
    public var isAligned: Bool?
  }

  /// The address of the SMTP client.
  public var clientAddress: IPAddress
  /// The Author Domain.
  public var authorDomain: DomainName
  /// Whether the Author Domain exists; nil when nobody had to know.
  public var authorDomainExists: Bool?
  /// Whether the reverse-path was null.
  public var hasNullReversePath: Bool
  /// The domain of the reverse-path, as octets; nil when it has none.
  public var envelopeFromDomain: [UInt8]?
  /// SPF of the MAIL FROM identity.
  public var spf: SPF
  /// Each signature, from the top of the header down.
  public var dkim: [DKIM]
  /// The result of DMARC.
  public var result: DMARCResult
  /// Why.
  public var cause: DMARCCause
  /// What the record asks for this message if it fails.
  public var appliedPolicy: DomainOwnerPolicy?
  /// Whether SPF passed, aligned.
  public var spfAligned: Bool
  /// Whether a signature passed, aligned.
  public var dkimAligned: Bool
  /// What was done.
  public var disposition: Disposition
  /// Why that differs from the policy.
  public var overrideReasons: [OverrideReason]
  /// Whether it belongs to another period and came too late for that one's window.
  public var isLate: Bool
}

extension ReportableMessage {
  /// Takes from a message what the ledger would give to a report about it.
  ///
  /// Nil when no report has the message: it has no Author Domain, no usable policy record applied,
  /// or it is about our own reports.
  public init?(_ message: MessageRecord) {
    let evaluation = message.evaluation
    let dmarc = evaluation.dmarc
    guard let author = evaluation.authorDomain, dmarc.record != nil, !message.isReportTraffic
    else { return nil }
    let spf = evaluation.mailFromSPF
    let domain = message.envelope.mailFromDomain
    self.init(
      clientAddress: message.envelope.clientAddress, authorDomain: author,
      authorDomainExists: dmarc.authorDomainExists,
      hasNullReversePath: message.envelope.hasNullReversePath,
      envelopeFromDomain: domain?.isEmpty == true ? nil : domain,
      spf: SPF(domain: spf.domain, result: spf.result, cause: spf.cause),
      dkim: evaluation.dkim.map { signature in
        DKIM(
          domain: signature.domain, selector: signature.selector, result: signature.result,
          cause: signature.cause, isAligned: signature.alignment?.isAligned)
      },
      result: dmarc.result, cause: dmarc.cause, appliedPolicy: dmarc.appliedPolicy,
      spfAligned: dmarc.spfAligned, dkimAligned: dmarc.dkimAligned,
      disposition: message.verdict.disposition, overrideReasons: message.verdict.overrideReasons,
      isLate: false)
  }
}
