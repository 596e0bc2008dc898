/// Everything that was found out about one message.
///
/// It holds no clock time and no host: the same message, envelope, DNS and time give an equal
/// value, but for the times in ``dns``.
public struct Evaluation: Sendable, Equatable {
  /// The Author Domain: the domain of the From address (RFC 9989 section 5.3.1); nil when the
  /// message has none, see ``DMARCOutcome/cause``.
  public var authorDomain: DomainName?
  /// SPF of the reverse-path; of postmaster at the HELO name when that is null.
  public var mailFromSPF: SPFOutcome
  /// SPF of the HELO name.
  public var heloSPF: SPFOutcome
  /// Each DKIM signature, from the top of the header down; empty for an unsigned message.
  public var dkim: [DKIMOutcome]
  /// The ARC chain.
  public var arc: ARCOutcome
  /// DMARC.
  public var dmarc: DMARCOutcome
  /// What the message says of the way it took.
  public var flow: FlowEvidence
  /// The reason to look at first; nil when nothing is amiss, or when DMARC does not apply.
  public var rootCause: RootCause?
  /// Each DNS question asked, grouped by check: HELO, MAIL FROM, DKIM, ARC, DMARC.
  public var dns: [DNSEvidence]

  /// Makes an evaluation.
  public init(
    authorDomain: DomainName?, mailFromSPF: SPFOutcome, heloSPF: SPFOutcome, dkim: [DKIMOutcome],
    arc: ARCOutcome = .noSets, dmarc: DMARCOutcome, flow: FlowEvidence = FlowEvidence(),
    rootCause: RootCause? = nil, dns: [DNSEvidence]
  ) {
    self.authorDomain = authorDomain
    self.mailFromSPF = mailFromSPF
    self.heloSPF = heloSPF
    self.dkim = dkim
    self.arc = arc
    self.dmarc = dmarc
    self.flow = flow
    self.rootCause = rootCause
    self.dns = dns
  }
}
