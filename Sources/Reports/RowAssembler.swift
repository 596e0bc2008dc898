import Ledger
import MailAuth

/// Makes of one message the row that a report counts it in (RFC 9990 section 3.1.1.7).
struct RowAssembler {
  let policy: AggregateReport.PolicyPublished

  func record(of message: ReportableMessage) -> AggregateReport.Record {
    AggregateReport.Record(
      sourceIP: message.clientAddress.unmapped.description,
      disposition: disposition(of: message),
      dkimAligned: message.dkimAligned,
      spfAligned: message.spfAligned,
      reasons: reasons(of: message),
      headerFrom: message.authorDomain.text,
      envelopeFrom: envelopeFrom(of: message),
      dkim: signatures(of: message),
      spf: spf(of: message))
  }

  /// What was done, with `pass` where an enforcing policy would have applied.
  ///
  /// Enforcing is what the record asks for this message, after sp, np and t.
  private func disposition(
    of message: ReportableMessage
  ) -> AggregateReport.ActionDisposition {
    switch message.disposition {
    case .quarantine: return .quarantine
    case .reject: return .reject
    case .none:
      let isEnforcing = (message.appliedPolicy ?? policy.policy) != .none
      return message.result == .pass && isEnforcing ? .pass : .none
    }
  }

  private func reasons(of message: ReportableMessage) -> [AggregateReport.Reason] {
    // A temperror is told once, below, and with its cause.
    let told: [OverrideReason] = [.temporaryError, .deferred]
    var reasons = message.overrideReasons.filter { !told.contains($0) }.map {
      AggregateReport.Reason(
        // The longest is that of an ARC chain, some 80 octets a set.
        type: AggregateReport.ReasonType($0.type),
        comment: $0.comment.map { ReportText.sanitized($0, limit: 4000) })
    }
    switch message.result {
    case .temperror, .permerror:
      reasons.append(
        AggregateReport.Reason(
          type: .other,
          comment: "DMARC \(message.result.rawValue): \(message.cause.undecidedComment)"
            + (message.overrideReasons.contains(.deferred) ? "; delivery was deferred" : "")))
    case .fail where reasons.isEmpty:
      // Nothing aligned and another action than the policy's: a reason must be given (RFC 9990
      // section 3.1.1.9), also where the ledger has none.
      let asked = message.policyAsked(by: policy)
      if asked.rawValue != message.disposition.rawValue {
        let isTest =
          policy.isTesting && message.appliedPolicy?.rawValue == message.disposition.rawValue
        reasons.append(
          isTest
            ? AggregateReport.Reason(type: .policyTestMode, comment: nil)
            : AggregateReport.Reason(type: .other, comment: "no reason was recorded"))
      }
    case .fail, .pass, .none: break
    }
    return reasons
  }

  private func envelopeFrom(of message: ReportableMessage) -> String? {
    message.hasNullReversePath ? "" : message.envelopeFromDomain.map { ReportText.name($0) }
  }

  /// SPF of the MAIL FROM identity; nil without any name, as the domain is required.
  ///
  /// The checked domain is the HELO name when the reverse-path is null.
  private func spf(of message: ReportableMessage) -> AggregateReport.SPF? {
    guard !message.spf.domain.isEmpty else { return nil }
    return AggregateReport.SPF(
      domain: ReportText.name(message.spf.domain), result: message.spf.result,
      humanResult: message.spf.result == .pass ? nil : message.spf.cause.humanResult)
  }

  /// The signatures in RFC 9990's order of preference (section 3.1.3), within one preference in
  /// the order of the header.
  ///
  /// A signature too broken to tell its domain or selector is left out: both are required
  /// elements, and nobody could act on an entry without them.
  private func signatures(of message: ReportableMessage) -> [AggregateReport.DKIM] {
    func preference(_ signature: ReportableMessage.DKIM) -> Int {
      guard signature.result == .pass else { return 3 }
      if signature.domain == message.authorDomain.text { return 0 }
      return signature.isAligned == true ? 1 : 2
    }
    let usable = message.dkim.filter { !$0.domain.isEmpty && !$0.selector.isEmpty }
    return (0...3)
      .flatMap { wanted in usable.filter { preference($0) == wanted } }
      .prefix(AggregateReport.maximumSignatures)
      .map { signature in
        AggregateReport.DKIM(
          domain: ReportText.name(signature.domain),
          selector: ReportText.selector(signature.selector), result: signature.result,
          humanResult: signature.result == .pass ? nil : signature.cause.humanResult)
      }
  }
}

extension ReportableMessage {
  /// What the record as published asks for this message if it fails, `t` left aside
  /// (RFC 9989 section 4.7).
  fileprivate func policyAsked(by policy: AggregateReport.PolicyPublished) -> DomainOwnerPolicy {
    if authorDomain == policy.domain { return policy.policy }
    return authorDomainExists == false
      ? policy.nonexistentSubdomainPolicy : policy.subdomainPolicy
  }
}
