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
  ///   - authorDomains: The domains of these addresses, as far as they are known.
  ///   - authors: The addresses in its From fields; asked for only where domains do not decide.
  ///   - spf: What SPF said of the reverse-path.
  /// - Returns: Whether it is.
  func covers(
    _ envelope: Envelope, authorDomains: [DomainName] = [], authors: @autoclosure () -> [String],
    spf: SPFResult
  ) -> Bool {
    if authorDomains.allSatisfy({ $0 == from?.domain }), areFrom(authors()) { return true }
    if spf == .pass, isOurs(envelope.mailFrom) { return true }
    return !envelope.recipients.isEmpty && envelope.recipients.allSatisfy(isOurs)
  }

  private func isOurs(_ octets: [UInt8]) -> Bool {
    guard mayBeOurs(octets.span), let address = MailAddress(String(decoding: octets, as: UTF8.self))
    else { return false }
    return isFrom(address) || isBounceAddress(address)
  }

  private func areFrom(_ authors: [String]) -> Bool {
    !authors.isEmpty && authors.allSatisfy { isFrom($0) }
  }

  private func isFrom(_ text: String) -> Bool {
    guard mayBeOurs(text.utf8.span), let address = MailAddress(text) else { return false }
    return isFrom(address)
  }

  private func isFrom(_ address: MailAddress) -> Bool {
    guard let from else { return false }
    return address.domain == from.domain
      && address.localPart.asciiLowercased() == from.localPart.asciiLowercased()
  }

  /// With or without a token, whichever it is.
  private func isBounceAddress(_ address: MailAddress) -> Bool {
    guard let bounces, address.domain == bounces.domain else { return false }
    let (given, base) = (address.localPart.asciiLowercased(), bounces.localPart.asciiLowercased())
    return given == base || given.hasPrefix(base + "+")
  }

  /// Whether an address has to be parsed to know: nearly all mail is between other domains, which
  /// their length or their last letter shows.
  private func mayBeOurs(_ address: Span<UInt8>) -> Bool {
    guard let from, let bounces else { return from != nil || bounces != nil }
    return mayEnd(address, in: from.domain) || mayEnd(address, in: bounces.domain)
  }

  /// Whether the last octets of an address may be those of a domain; U-labels always may.
  private func mayEnd(_ address: Span<UInt8>, in domain: DomainName) -> Bool {
    let name = domain.text.utf8.span
    var end = address.count
    // DomainName drops one dot at the end.
    if end > 0, address[end - 1] == UInt8(ascii: ".") { end -= 1 }
    guard end > name.count else { return hasOctetAboveASCII(address) }
    for index in name.indices {
      let octet = address[end - name.count + index]
      // Capitals differ from small letters in this bit; that other octets do too only costs time.
      if octet | 0x20 != name[index] | 0x20 { return hasOctetAboveASCII(address) }
    }
    return true
  }

  private func hasOctetAboveASCII(_ address: Span<UInt8>) -> Bool {
    for index in address.indices where address[index] >= 0x80 { return true }
    return false
  }
}
