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
    let octets = text.utf8.span
    var place = octets.count - 1
    while place >= 0, octets[place] != UInt8(ascii: "@") { place -= 1 }
    guard place >= 0 else { return nil }
    let at = text.utf8.index(text.startIndex, offsetBy: place)
    guard let domain = DomainName(String(text[text.utf8.index(after: at)...])) else {
      return nil
    }
    self.init(localPart: String(text[..<at]), domain: domain)
  }

  /// Joins a local part and a domain; nil when the local part is no dot-atom of at most
  /// ``longestLocalPart`` octets.
  public init?(localPart: String, domain: DomainName) {
    guard localPart.utf8.count <= Self.longestLocalPart, Self.isDotAtom(localPart.utf8.span) else {
      return nil
    }
    self.localPart = localPart
    self.domain = domain
  }

  /// The address.
  public var description: String { "\(localPart)@\(domain)" }

  /// Atoms with a dot between each two.
  private static func isDotAtom(_ octets: Span<UInt8>) -> Bool {
    var isInAtom = false
    for index in octets.indices {
      if octets[index] == UInt8(ascii: ".") {
        guard isInAtom else { return false }
        isInAtom = false
      } else {
        guard isAtomText(octets[index]) else { return false }
        isInAtom = true
      }
    }
    return isInAtom
  }

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
