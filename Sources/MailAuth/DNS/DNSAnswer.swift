/// How a DNS question ended: NXDOMAIN, SERVFAIL and a timeout are never the same thing.
public enum DNSOutcome: String, Sendable, Codable {
  /// Records of the type asked for.
  case answer
  /// The name exists but has no record of this type.
  case nodata
  /// The name does not exist (rcode 3).
  case nxdomain
  /// A server failure (rcode 2), whatever its origin.
  case servfail
  /// The server refused to answer (rcode 5).
  case refused
  /// DNSSEC validation failed; the answer is withheld.
  case bogus
  /// No answer in time.
  case timeout
  /// The name cannot be asked for: an empty label, one over 63 octets, or over 253 in all.
  case invalidName

  /// Whether a later attempt may end differently; never to be read as "there is no record".
  public var isTemporaryFailure: Bool {
    switch self {
    case .servfail, .refused, .bogus, .timeout: true
    case .answer, .nodata, .nxdomain, .invalidName: false
    }
  }

  /// Whether this counts as a void lookup for SPF: an answer without records, or NXDOMAIN
  /// (RFC 7208 section 4.6.4).
  public var isVoid: Bool { self == .nodata || self == .nxdomain }
}

/// The data of one DNS record.
public enum DNSRecord: Sendable, Equatable {
  /// A or AAAA.
  case address(IPAddress)
  /// MX; `host` as in ``DNSQuestion/name``, empty for the null MX (RFC 7505).
  case mx(preference: UInt16, host: String)
  /// PTR; the name as in ``DNSQuestion/name``.
  case ptr(String)
  /// TXT; its character-strings in order, as bytes.
  case txt([[UInt8]])
}

/// What a ``Resolver`` says to one ``DNSQuestion``.
public struct DNSAnswer: Sendable {
  /// How the question ended.
  public var outcome: DNSOutcome
  /// The records; empty unless `outcome` is ``DNSOutcome/answer``.
  public var records: [DNSRecord]
  /// Seconds the answer may be kept; 0 when unknown.
  public var ttlSeconds: Int
  /// Time between question and answer as this caller saw it, in milliseconds.
  public var milliseconds: Double
  /// Whether the answer came from a cache.
  public var isCached: Bool
  /// Whether DNSSEC proved the answer.
  public var isSecure: Bool
  /// What the resolver has to add to a failure, for people; nil when there is nothing.
  public var detail: String?

  /// Makes an answer.
  public init(
    outcome: DNSOutcome, records: [DNSRecord] = [], ttlSeconds: Int = 0, milliseconds: Double = 0,
    isCached: Bool = false, isSecure: Bool = false, detail: String? = nil
  ) {
    self.outcome = outcome
    self.records = records
    self.ttlSeconds = ttlSeconds
    self.milliseconds = milliseconds
    self.isCached = isCached
    self.isSecure = isSecure
    self.detail = detail
  }

  /// The TXT records, each with its character-strings joined without a separator
  /// (RFC 7208 section 3.3, RFC 6376 section 3.6.2.2, RFC 9989 section 4.5).
  public var joinedTexts: [[UInt8]] {
    records.compactMap { record in
      guard case .txt(let strings) = record else { return nil }
      return strings.count == 1 ? strings[0] : strings.reduce(into: []) { $0 += $1 }
    }
  }
}
