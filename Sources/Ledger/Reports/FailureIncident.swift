public import MailAuth

/// A message that a domain owner wants a failure report about, redacted (RFC 9991, RFC 6590).
///
/// It holds what the report will say and nothing else: no local part, no display name, no body.
public struct FailureIncident: Sendable, Equatable, Codable {
  /// A signature that failed.
  public struct Signature: Sendable, Equatable, Codable {
    /// `d=`.
    public var domain: String
    /// `s=`.
    public var selector: String
    /// `i=`, its local part redacted.
    public var identity: String
    /// The result.
    public var result: DKIMResult
    /// Why it failed.
    public var cause: DKIMCause
    /// Whether its domain aligns with the Author Domain; nil when that is not known.
    public var isAligned: Bool?

    /// Makes a signature.
    public init(
      domain: String, selector: String, identity: String, result: DKIMResult, cause: DKIMCause,
      isAligned: Bool?
    ) {
      self.domain = domain
      self.selector = selector
      self.identity = identity
      self.result = result
      self.cause = cause
      self.isAligned = isAligned
    }
  }

  /// The SPF check of the reverse-path.
  public struct SPF: Sendable, Equatable, Codable {
    /// The domain checked; nil when it is no domain name.
    public var domain: DomainName?
    /// The result.
    public var result: SPFResult
    /// Whether it failed.
    public var failed: Bool
    /// Whether the domain aligns with the Author Domain; nil when that is not known.
    public var isAligned: Bool?
    /// The records used.
    public var records: [PublishedSPFRecord]

    /// Makes a check.
    public init(
      domain: DomainName?, result: SPFResult, failed: Bool, isAligned: Bool?,
      records: [PublishedSPFRecord]
    ) {
      self.domain = domain
      self.result = result
      self.failed = failed
      self.isAligned = isAligned
      self.records = records
    }
  }

  /// What became of the message, in the words of RFC 6591 section 3.2.2.
  public enum DeliveryResult: String, Sendable, Codable {
    /// It was not delivered as intended.
    case policy
    /// It was refused.
    case reject
  }

  /// What the report is about.
  public var kind: FailureReportKind
  /// The domain whose record asks for it.
  public var policyDomain: DomainName
  /// The Author Domain.
  public var authorDomain: DomainName
  /// `ruf` as published.
  public var destinations: [String]
  /// The address of the SMTP client.
  public var sourceAddress: IPAddress
  /// When the message arrived, seconds since the epoch.
  public var arrivedAt: Int64
  /// The mail host that received it.
  public var reportingHost: String
  /// The name under which results are written.
  public var authservID: String
  /// The reverse-path without angle brackets, its local part redacted.
  public var mailFrom: String
  /// The result of DMARC.
  public var dmarcResult: DMARCResult
  /// The mechanisms that did not authenticate an aligned identity.
  public var failedMechanisms: [AuthenticationMechanism]
  /// The signatures that failed.
  public var signatures: [Signature]
  /// SPF of the reverse-path.
  public var spf: SPF
  /// What became of the message; nil when it was let through, and nobody here knows where to.
  public var deliveryResult: DeliveryResult?
  /// The subject of the message, redacted; nil when it has none.
  public var subject: String?
  /// The header of the message, redacted; CRLF line ends, one at the end.
  public var header: String

  /// Makes an incident.
  public init(
    kind: FailureReportKind, policyDomain: DomainName, authorDomain: DomainName,
    destinations: [String], sourceAddress: IPAddress, arrivedAt: Int64, reportingHost: String,
    authservID: String, mailFrom: String, dmarcResult: DMARCResult,
    failedMechanisms: [AuthenticationMechanism], signatures: [Signature], spf: SPF,
    deliveryResult: DeliveryResult?, subject: String?, header: String
  ) {
    self.kind = kind
    self.policyDomain = policyDomain
    self.authorDomain = authorDomain
    self.destinations = destinations
    self.sourceAddress = sourceAddress
    self.arrivedAt = arrivedAt
    self.reportingHost = reportingHost
    self.authservID = authservID
    self.mailFrom = mailFrom
    self.dmarcResult = dmarcResult
    self.failedMechanisms = failedMechanisms
    self.signatures = signatures
    self.spf = spf
    self.deliveryResult = deliveryResult
    self.subject = subject
    self.header = header
  }
}

/// An incident that waits in the ledger.
public struct StoredIncident: Sendable, Equatable {
  /// The number of its message's row.
  public var messageID: Int64
  /// The incident; nil when this version cannot read what is stored.
  public var incident: FailureIncident?

  /// Makes a stored incident.
  public init(messageID: Int64, incident: FailureIncident?) {
    self.messageID = messageID
    self.incident = incident
  }
}
