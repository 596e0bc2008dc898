import MailAuth
import Reports

/// Knows mail that is about our own reports: where they come back, their bounces, answers to them.
///
/// It is left out of reports, or reports would be about reports.
///
/// What anybody can write does not suffice where it would hide a message from the report of another
/// domain: all authors, or all recipients, have to be ours, or a reverse-path that SPF backs.
struct ReportTraffic: Sendable, Equatable {
  private let from: MailAddress?
  private let bounces: MailAddress?

  /// Takes the addresses from the settings.
  init(_ settings: Configuration.Report) {
    from = settings.from.flatMap { MailAddress($0) }
    bounces = settings.envelopeFrom.flatMap { MailAddress($0) }
  }

  /// Whether a message is about our own reports.
  ///
  /// - Parameters:
  ///   - envelope: Its envelope.
  ///   - authors: The addresses in its From fields.
  ///   - spf: What SPF said of the reverse-path.
  /// - Returns: Whether it is.
  func covers(_ envelope: Envelope, authors: [String], spf: SPFResult) -> Bool {
    if !authors.isEmpty, authors.allSatisfy(isFrom) { return true }
    if spf == .pass, isOurs(envelope.mailFrom) { return true }
    return !envelope.recipients.isEmpty && envelope.recipients.allSatisfy(isOurs)
  }

  private func isOurs(_ octets: [UInt8]) -> Bool {
    let text = String(decoding: octets, as: UTF8.self)
    return isFrom(text) || isBounceAddress(text)
  }

  private func isFrom(_ text: String) -> Bool {
    guard let from, let address = MailAddress(text) else { return false }
    return address.domain == from.domain
      && address.localPart.asciiLowercased() == from.localPart.asciiLowercased()
  }

  /// With or without a token, whichever it is.
  private func isBounceAddress(_ text: String) -> Bool {
    guard let bounces, let address = MailAddress(text), address.domain == bounces.domain else {
      return false
    }
    let (given, base) = (address.localPart.asciiLowercased(), bounces.localPart.asciiLowercased())
    return given == base || given.hasPrefix(base + "+")
  }
}
