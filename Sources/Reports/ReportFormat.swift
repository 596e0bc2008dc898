import MailAuth

/// The XML form of an aggregate report.
public enum ReportFormat: String, Sendable, Codable, CaseIterable {
  /// RFC 9990 appendix A.
  case rfc9990
  /// RFC 7489 appendix C, for consumers that know nothing newer.
  case rfc7489

  /// The XML namespace of all elements of RFC 9990 reports.
  static let namespaceOfRFC9990 = "urn:ietf:params:xml:ns:dmarc-2.0"

  /// The XML namespace of all elements; nil for none.
  ///
  /// RFC 7489 has one for the root alone, which nobody writes and many consumers do not expect.
  public var namespace: String? {
    switch self {
    case .rfc9990: Self.namespaceOfRFC9990
    case .rfc7489: nil
    }
  }
}

extension AggregateReport.Record {
  /// The row in the words of a form.
  func inWords(
    of format: ReportFormat, under policy: AggregateReport.PolicyPublished
  ) -> Self {
    switch format {
    case .rfc9990: self
    case .rfc7489: inWordsOfRFC7489(under: policy)
    }
  }

  private func inWordsOfRFC7489(under policy: AggregateReport.PolicyPublished) -> Self {
    var record = self
    if disposition == .pass { record.disposition = .none }
    record.reasons = reasons.map(\.inWordsOfRFC7489)
    let hasFailed = !dkimAligned && !spfAligned
    let published = [policy.policy.rawValue, policy.subdomainPolicy.rawValue]
    if hasFailed, reasons.isEmpty, !published.contains(record.disposition.rawValue) {
      // The reader does not see np, which asked for this.
      let comment = "np=\(policy.nonexistentSubdomainPolicy.rawValue) applied"
      record.reasons = [AggregateReport.Reason(type: .other, comment: comment)]
    }
    // Required there; a reverse-path without a domain, or none at all, gives an empty one.
    record.envelopeFrom = envelopeFrom ?? ""
    // At least one is required: where there was no name to check the domain is empty, and `none`
    // is what a check without a domain ends in (RFC 7208 section 2.6.1).
    record.spf = spf ?? AggregateReport.SPF(domain: "", result: .none, humanResult: nil)
    record.spf?.humanResult = nil
    return record
  }
}

extension AggregateReport.Reason {
  /// The reason with a type that RFC 7489 has.
  fileprivate var inWordsOfRFC7489: Self {
    switch type {
    case .policyTestMode:
      // Not sampled_out, which is about pct.
      Self(type: .other, comment: comment ?? "policy test mode, t=y")
    case .other where comment == OverrideReason.sampledOut.comment:
      Self(type: .sampledOut, comment: nil)
    default: self
    }
  }
}
