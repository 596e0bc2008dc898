import MailAuth

/// Envelope senders that name the delivery, so that a bounce tells which one it is about: the
/// token stands behind the local part, `report-bounce+TOKEN@example.org` (VERP).
public struct BounceAddress: Hashable, Sendable {
  /// The address without a token.
  public let base: MailAddress
  /// What separates local part and token; Postfix calls it `recipient_delimiter`.
  public let delimiter: Character

  /// Makes the addresses of a mailbox.
  public init(_ base: MailAddress, delimiter: Character = "+") {
    self.base = base
    self.delimiter = delimiter
  }

  /// The address for a delivery; nil when the token is not letters and digits, or too long.
  public func address(for token: String) -> MailAddress? {
    guard OutgoingMail.isToken(token) else { return nil }
    return MailAddress(localPart: "\(base.localPart)\(delimiter)\(token)", domain: base.domain)
  }

  /// The token in an address that ``address(for:)`` made; nil for any other address.
  ///
  /// Case does not matter in what stands in front of the token; the token comes as it stands
  /// there. Angle brackets around the address are allowed.
  public func token(in text: String) -> String? {
    var text = Substring(text)
    if text.hasPrefix("<"), text.hasSuffix(">") { text = text.dropFirst().dropLast() }
    guard let address = MailAddress(String(text)), address.domain == base.domain else { return nil }
    let prefix = Array("\(base.localPart)\(delimiter)".utf8)
    let octets = Array(address.localPart.utf8)
    guard octets.count > prefix.count,
      octets.prefix(prefix.count).equalsIgnoringASCIICase(
        String(decoding: prefix, as: UTF8.self))
    else { return nil }
    let token = String(decoding: octets.dropFirst(prefix.count), as: UTF8.self)
    return OutgoingMail.isToken(token) ? token : nil
  }
}
