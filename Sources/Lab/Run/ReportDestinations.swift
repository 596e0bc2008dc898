public import Ledger
public import MailAuth
import Reports

/// Where the report with a message's row may go: what its policy record names and the hosts agree to
/// (RFC 9990 section 4).
///
/// Choices of the receiver that depend on the day's other mail, such as `report.to`, are left aside.
public enum ReportDestinations {
  /// The addresses; one with `later` in front is not decided yet because the DNS failed.
  ///
  /// - Parameters:
  ///   - message: What a receiver recorded.
  ///   - resolver: Whom to ask for the consent of hosts.
  ///   - discovery: How Organizational Domains are found.
  /// - Returns: The addresses in the order of the record; empty when no report may be sent.
  /// - Throws: Nothing as yet: there is no ledger of kept answers that could not be read.
  public static func addresses(
    of message: MessageRecord, resolver: any Resolver, discovery: DiscoveryMode
  ) throws -> [String] {
    let dmarc = message.evaluation.dmarc
    guard ReportRow(message) != nil, let record = dmarc.record, let domain = dmarc.policyDomain
    else { return [] }
    let verifier = DestinationVerifier(resolver: resolver, discovery: discovery, store: nil)
    return try ReportURIList(record.aggregateReportURIs).uris.flatMap { uri in
      let verdict = try verifier.verdict(
        on: uri.host, about: domain, tag: .rua, now: message.receivedAt)
      return verdict.decision == .undecided
        ? ["later \(uri.address)"] : verdict.destinations(of: uri).map(\.address)
    }
  }
}
