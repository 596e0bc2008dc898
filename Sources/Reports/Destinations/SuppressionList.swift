public import Ledger
public import MailAuth

/// The suppressions that hold at a moment.
public struct SuppressionList: Sendable {
  private let reasons: [Suppression.Subject: Suppression]

  /// Takes the entries that have not expired.
  ///
  /// - Parameters:
  ///   - entries: All entries.
  ///   - now: Seconds since the epoch.
  public init(_ entries: [Suppression], now: Int64) {
    reasons = Dictionary(
      entries.filter { $0.isActive(at: now) }.map { (Self.canonical($0.subject), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Why no report about this domain is to be sent to this destination, in words; nil when nothing
  /// is in the way.
  ///
  /// An entry for a domain also holds for the domains below it, and for policy domains as well as
  /// for hosts of destinations. Addresses are compared without regard to case: a mailbox that must
  /// not be written to has no second spelling.
  public func reason(against uri: ReportURI, about policyDomain: DomainName) -> String? {
    let subjects =
      [.address(uri.address.asciiLowercased())] + Self.domains(policyDomain)
      + Self.domains(uri.host)
    guard let entry = subjects.lazy.compactMap({ reasons[$0] }).first else { return nil }
    let subject =
      switch entry.subject {
      case .domain(let text), .address(let text): text
      }
    return "\(subject) is suppressed: \(entry.reason)"
  }

  private static func domains(_ name: DomainName) -> [Suppression.Subject] {
    sequence(first: name, next: \.parent).map { .domain($0.text) }
  }

  private static func canonical(_ subject: Suppression.Subject) -> Suppression.Subject {
    switch subject {
    case .domain(let text): .domain(DomainName(text)?.text ?? text.asciiLowercased())
    case .address(let text): .address(text.asciiLowercased())
    }
  }
}
