public import MailAuth

/// A mail address that can stand anywhere without quoting: dot-atom, "@", domain (RFC 5322 section
/// 3.4.1), ASCII only.
///
/// Nothing in it can end a header field, a command line option or an SMTP command early.
public struct MailAddress: Hashable, Sendable, CustomStringConvertible {
  /// The longest local part, in octets (RFC 5321 section 4.5.3.1.1).
  public static let longestLocalPart = 64

  /// What stands in front of the "@", case kept.
  public let localPart: String
  /// What stands behind it.
  public let domain: DomainName

  /// Parses an address; nil when it is none, or one that needs quotes or UTF-8.
  ///
  /// U-labels in the domain become A-labels.
  public init?(_ text: String) {
    let octets = Array(text.utf8)
    guard let at = octets.lastIndex(of: UInt8(ascii: "@")),
      let domain = DomainName(bytes: Array(octets[(at + 1)...]))
    else { return nil }
    self.init(localPart: String(decoding: octets[..<at], as: UTF8.self), domain: domain)
  }

  /// Joins a local part and a domain; nil when the local part is no dot-atom of at most
  /// ``longestLocalPart`` octets.
  public init?(localPart: String, domain: DomainName) {
    let octets = Array(localPart.utf8)
    let atoms = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard octets.count <= Self.longestLocalPart,
      atoms.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isAtomText) })
    else { return nil }
    self.localPart = localPart
    self.domain = domain
  }

  /// The address.
  public var description: String { "\(localPart)@\(domain)" }

  /// `atext` of RFC 5322 section 3.2.3.
  private static func isAtomText(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(octet)
    }
  }
}
