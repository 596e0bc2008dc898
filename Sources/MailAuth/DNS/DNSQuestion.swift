/// A DNS record type that evaluation asks for.
public enum DNSRecordType: String, Sendable, Codable, CaseIterable {
  case a = "A"
  case aaaa = "AAAA"
  case mx = "MX"
  case ptr = "PTR"
  case txt = "TXT"

  /// The type of the records that can hold an address: A or AAAA.
  public init(holding address: IPAddress) { self = address.isIPv4 ? .a : .aaaa }
}

/// One question to the DNS: an owner name and a record type, class IN.
public struct DNSQuestion: Hashable, Sendable {
  /// The owner name: ASCII, lower case, labels joined by dots, no trailing dot, no escapes.
  ///
  /// It need not be a host name: SPF macros can put any printable octet into a label. Whether the
  /// name fits the DNS (labels of 1 to 63 octets, 253 in all) is for the resolver to see; a name
  /// that does not is answered with ``DNSOutcome/invalidName``.
  public let name: String

  /// The record type asked for.
  public let type: DNSRecordType

  /// Whether the name fits the DNS: 1 to 253 octets, labels of 1 to 63 (RFC 1035 section 2.3.4).
  public let isValidName: Bool

  /// Makes a question; `name` is lower-cased and loses one trailing dot.
  public init(_ name: String, _ type: DNSRecordType) {
    self.type = type
    // Nearly every name is as it shall be.
    if DomainName.isLabels(name.utf8.span, of: { !$0.isASCIICapital }) {
      self.name = name
      isValidName = name.utf8.count <= 253
      return
    }
    var text = name.asciiLowercased()
    if text.utf8.last == UInt8(ascii: ".") { text.removeLast() }
    self.name = text
    isValidName = text.utf8.count <= 253 && DomainName.isLabels(text.utf8.span) { _ in true }
  }

  /// Hashes the name only: few names are asked for more than one type.
  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
