public import MailAuth

/// Which policy domains get reports.
///
/// Whoever reports to every domain that a message claims to be from mails strangers at the will of
/// spammers, and is listed for it.
public enum ReportRecipients: Sendable, Equatable {
  /// Domains for which at least one message of the period passed, aligned.
  case aligned
  /// All domains with a usable `rua`.
  case all
  /// These policy domains and those below them, whether or not anything passed.
  case domains([DomainName])

  /// Why a domain gets no report, in words; nil when it gets one.
  func refusal(of policyDomain: DomainName, alignedMessages: Int) -> String? {
    switch self {
    case .all: nil
    case .aligned:
      alignedMessages > 0 ? nil : "no message of the period passed aligned with \(policyDomain)"
    case .domains(let domains):
      domains.contains { policyDomain.isEqualOrBelow($0) }
        ? nil : "\(policyDomain) is not among the domains that get reports"
    }
  }
}
