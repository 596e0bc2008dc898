public import Ledger
public import MailAuth

/// Takes down what a failure report about one message would need, while the message is there.
///
/// Mail about reports is never taken down: a report about a report could be answered by the next.
public final class FailureCapture {
  /// What is the same for all messages.
  public struct Settings: Sendable {
    /// Redacts headers.
    public var headerRedactor: HeaderRedactor
    /// The name under which results are written.
    public var authservID: String
    /// Our own report addresses: mail from or to them is about reports.
    public var ownAddresses: [String]

    /// Makes settings.
    public init(headerRedactor: HeaderRedactor, authservID: String, ownAddresses: [String]) {
      self.headerRedactor = headerRedactor
      self.authservID = authservID
      self.ownAddresses = ownAddresses
    }
  }

  /// How the message came and what was done with it.
  public struct Reception: Sendable {
    /// The SMTP envelope.
    public var envelope: Envelope
    /// The mail host that received it.
    public var host: String
    /// When, seconds since the epoch.
    public var receivedAt: Int64
    /// What was done.
    public var verdict: Verdict

    /// Makes a reception.
    public init(envelope: Envelope, host: String, receivedAt: Int64, verdict: Verdict) {
      self.envelope = envelope
      self.host = host
      self.receivedAt = receivedAt
      self.verdict = verdict
    }
  }

  private static let mostFields = 300
  private static let mostOctets = 128_000
  private static let mostFieldOctets = 8_000

  private let settings: Settings
  private var header: [HeaderField] = []
  private var octets = 0
  private var isAboutReports = false

  /// Begins a message.
  public init(_ settings: Settings) { self.settings = settings }

  /// Takes a header field, from the top down; keeps what a report has room for.
  public func add(_ field: HeaderField) {
    isAboutReports = isAboutReports || Self.tellsOfReport(field)
    let size = field.name.count + field.value.count
    guard header.count < Self.mostFields, size <= Self.mostFieldOctets,
      octets + size <= Self.mostOctets
    else { return }
    octets += size
    header.append(field)
  }

  /// What a failure report will say.
  ///
  /// - Parameters:
  ///   - evaluation: What was found out.
  ///   - reception: How the message came and what was done.
  ///   - spfRecords: ``MessageEvaluation/mailFromSPFRecords``; asked for only where it is needed.
  /// - Returns: nil when no report is wanted, or none may be sent.
  public func incident(
    _ evaluation: Evaluation, _ reception: Reception,
    spfRecords: @autoclosure () -> [PublishedSPFRecord]
  ) -> FailureIncident? {
    guard let request = FailureReportRequest(evaluation), !isAboutReports,
      !reception.envelope.hasNullReversePath, !isOurs(reception.envelope)
    else { return nil }
    // Such a message comes again, every few minutes perhaps.
    if case .tempfail = reception.verdict.answer { return nil }
    let redactor = settings.headerRedactor.redactor
    let spf = evaluation.mailFromSPF
    return FailureIncident(
      kind: request.kind, policyDomain: request.policyDomain, authorDomain: request.authorDomain,
      destinations: request.destinations,
      sourceAddress: reception.envelope.clientAddress.unmapped,
      arrivedAt: reception.receivedAt, reportingHost: reception.host,
      authservID: settings.authservID, mailFrom: redactor.path(reception.envelope.mailFrom),
      dmarcResult: evaluation.dmarc.result, failedMechanisms: request.failedMechanisms,
      signatures: request.failedSignatures.prefix(10).compactMap(signature),
      spf: FailureIncident.SPF(
        domain: DomainName(spf.domain), result: spf.result, failed: request.spfFailed,
        isAligned: spf.alignment?.isAligned,
        records: request.spfFailed ? Self.withoutLocalParts(spfRecords()) : []),
      deliveryResult: Self.deliveryResult(reception.verdict),
      subject: settings.headerRedactor.subject(header),
      header: settings.headerRedactor.text(header))
  }

  private func signature(_ outcome: DKIMOutcome) -> FailureIncident.Signature? {
    // Others cannot be written in the fields of a report.
    guard let domain = DomainName(outcome.domain), let selector = DomainName(outcome.selector)
    else { return nil }
    let identity = Array((outcome.identity ?? "").utf8)
    let localPart = identity.lastIndex(of: UInt8(ascii: "@")).map { identity[..<$0] } ?? []
    let identityDomain =
      DomainName(bytes: Array(identity.dropFirst(localPart.count + 1))) ?? domain
    let word = localPart.isEmpty ? "" : settings.headerRedactor.redactor.word(localPart)
    return FailureIncident.Signature(
      domain: domain.text, selector: selector.text, identity: "\(word)@\(identityDomain)",
      result: outcome.result, cause: outcome.cause, isAligned: outcome.alignment?.isAligned)
  }

  /// Macros can put the sender's local part into the name of a record; then only the first is kept,
  /// which stands at the domain itself.
  private static func withoutLocalParts(_ records: [PublishedSPFRecord]) -> [PublishedSPFRecord] {
    let hasMacro = records.contains { record in
      let text = record.text.asciiLowercased()
      return text.contains("%{l") || text.contains("%{s")
    }
    return hasMacro ? Array(records.prefix(1)) : records
  }

  private static func deliveryResult(_ verdict: Verdict) -> FailureIncident.DeliveryResult? {
    switch verdict.answer {
    case .reject: .reject
    case .hold: .policy
    case .accept, .tempfail: verdict.disposition == .quarantine ? .policy : nil
    }
  }

  // MARK: - Loops

  private static func tellsOfReport(_ field: HeaderField) -> Bool {
    let value = field.value.trimmingBlanks()
    if field.isNamed("Auto-Submitted") {
      return !value.prefix { $0 != UInt8(ascii: ";") && !$0.isBlank }.equalsIgnoringASCIICase("no")
    }
    if field.isNamed("Content-Type") {
      return ["multipart/report", "message/feedback-report", "message/delivery-status"]
        .contains { value.prefix($0.utf8.count).equalsIgnoringASCIICase($0) }
    }
    // Aggregate reports of many senders have nothing else that tells.
    let subject = "report domain:"
    return field.isNamed("Subject")
      && value.prefix(subject.utf8.count).equalsIgnoringASCIICase(subject)
  }

  private func isOurs(_ envelope: Envelope) -> Bool {
    ([envelope.mailFrom] + envelope.recipients).contains { address in
      settings.ownAddresses.contains { Self.is(address, at: $0) }
    }
  }

  /// Whether an address is one of ours, with or without a token behind "+".
  private static func `is`(_ address: [UInt8], at own: String) -> Bool {
    guard let at = address.lastIndex(of: UInt8(ascii: "@")) else { return false }
    let base = address[..<at].prefix { $0 != UInt8(ascii: "+") }
    let ours = Array(own.utf8)
    guard let ownAt = ours.lastIndex(of: UInt8(ascii: "@")),
      let domain = DomainName(bytes: Array(address[(at + 1)...])),
      domain == DomainName(bytes: Array(ours[(ownAt + 1)...]))
    else { return false }
    let ownLocalPart = String(decoding: ours[..<ownAt], as: UTF8.self)
    return base.equalsIgnoringASCIICase(ownLocalPart)
      || address[..<at].equalsIgnoringASCIICase(ownLocalPart)
  }
}
