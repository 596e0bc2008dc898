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
