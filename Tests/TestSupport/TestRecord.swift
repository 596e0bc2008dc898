public import Ledger
public import MailAuth

// Records as the milter would hand them to the ledger, with what a test does not care about
// filled in.

/// A domain name in a test; names in tests are right, or the test is wrong.
public func domain(_ text: String) -> DomainName {
  guard let name = DomainName(text) else { preconditionFailure("not a domain name: \(text)") }
  return name
}

extension SPFOutcome {
  /// An SPF outcome.
  public static func test(
    _ result: SPFResult, _ cause: SPFCause = .matched, domain: String = "example.com",
    identity: SPFIdentity = .mailFrom, isAligned: Bool? = true
  ) -> SPFOutcome {
    SPFOutcome(
      identity: identity, domain: domain, result: result, cause: cause,
      explanation: "SPF of \(domain) is \(result)",
      alignment: Alignment(isAligned: isAligned, mode: .relaxed))
  }
}

extension DKIMOutcome {
  /// The outcome of one signature.
  public static func test(
    _ result: DKIMResult, _ cause: DKIMCause = .verified, domain: String = "example.com",
    selector: String = "s1", isAligned: Bool? = true
  ) -> DKIMOutcome {
    DKIMOutcome(
      domain: domain, selector: selector, algorithm: "rsa-sha256", result: result, cause: cause,
      explanation: "DKIM of \(domain) is \(result)",
      alignment: Alignment(isAligned: isAligned, mode: .relaxed))
  }
}

extension DMARCPolicyRecord {
  /// The record of `v=DMARC1` and a policy.
  public static func test(
    _ policy: DomainOwnerPolicy, configure: (inout DMARCPolicyRecord) -> Void = { _ in }
  ) -> DMARCPolicyRecord {
    var record = DMARCPolicyRecord()
    record.policy = policy
    record.aggregateReportURIs = ["mailto:dmarc@example.com"]
    configure(&record)
    return record
  }
}

extension DMARCOutcome {
  /// The outcome under a record found at `policyDomain`.
  public static func test(
    _ result: DMARCResult, _ cause: DMARCCause = .aligned, policyDomain: String = "example.com",
    record: DMARCPolicyRecord = .test(.reject), applied: DomainOwnerPolicy? = nil,
    discovery: PolicyDiscovery = .treewalk, spfAligned: Bool = false, dkimAligned: Bool = false
  ) -> DMARCOutcome {
    DMARCOutcome(
      result: result, cause: cause, explanation: "DMARC is \(result)", discovery: discovery,
      policyDomain: domain(policyDomain), record: record,
      recordText: "v=DMARC1; p=\(record.policy)", organizationalDomain: domain(policyDomain),
      appliedPolicy: applied ?? record.policy, spfAligned: spfAligned, dkimAligned: dkimAligned)
  }

  /// The outcome where no record applies.
  public static let testWithoutRecord = DMARCOutcome(
    result: .none, cause: .noPolicyRecord, explanation: "no policy record", discovery: .treewalk)
}

extension MessageRecord {
  /// A record; by default an aligned pass of example.com by SPF and DKIM.
  public static func test(
    queueID: String = "4c1", at receivedAt: Int64 = testTime, host: String = "mx.receiver.example",
    envelope: Envelope = .test(), authorDomain: String? = "example.com",
    spf: SPFOutcome = .test(.pass),
    helo: SPFOutcome = .test(.none, .noRecord, domain: "mail.example.com", identity: .helo),
    dkim: [DKIMOutcome] = [.test(.pass)],
    dmarc: DMARCOutcome = .test(.pass, spfAligned: true, dkimAligned: true),
    dns: [DNSEvidence] = [], disposition: Disposition = .none, reasons: [OverrideReason] = []
  ) -> MessageRecord {
    MessageRecord(
      host: host, queueID: queueID, receivedAt: receivedAt, envelope: envelope,
      evaluation: Evaluation(
        authorDomain: authorDomain.map(domain), mailFromSPF: spf, heloSPF: helo, dkim: dkim,
        dmarc: dmarc, dns: dns),
      verdict: Verdict(
        disposition: disposition, overrideReasons: reasons,
        authenticationResults: "mx.receiver.example; dmarc=\(dmarc.result)"))
  }
}
