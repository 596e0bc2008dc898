/// Everything that was found out about one message.
///
/// It holds no clock time and no host: the same message, envelope, DNS and time give an equal
/// value, but for the times in ``dns``.
public struct Evaluation: Sendable, Equatable {
  /// The Author Domain: the domain of the From address (RFC 9989 section 5.3.1); nil when the
  /// message has none, or too many, see ``DMARCOutcome/cause``.
  ///
  /// When From names authors of several domains, the one whose policy decided: ``dmarc`` and each
  /// ``Alignment`` are about it.
  public var authorDomain: DomainName?
  /// Every domain that From names authors of, each once, in order, at most
  /// ``mostAuthorDomains`` of them.
  public var authorDomains: [DomainName]
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

  /// How many author domains are kept: a From field may name thousands.
  public static let mostAuthorDomains = 20

  /// Makes an evaluation.
  ///
  /// `authorDomains` is `authorDomain` alone when it is nil.
  public init(
    authorDomain: DomainName?, mailFromSPF: SPFOutcome, heloSPF: SPFOutcome, dkim: [DKIMOutcome],
    arc: ARCOutcome = .noSets, dmarc: DMARCOutcome, authorDomains: [DomainName]? = nil,
    flow: FlowEvidence = FlowEvidence(),
    rootCause: RootCause? = nil, dns: [DNSEvidence]
  ) {
    self.authorDomain = authorDomain
    self.authorDomains = Array(
      (authorDomains ?? authorDomain.map { [$0] } ?? []).prefix(Self.mostAuthorDomains))
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
