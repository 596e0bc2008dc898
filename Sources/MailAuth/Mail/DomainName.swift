/// A domain name as mail identifiers carry it: A-labels, lower case, no trailing dot.
///
/// Labels hold letters, digits, hyphens and underscores only. Two names are equal if and only if
/// DMARC calls them identical (RFC 9989 section 5.3.1).
public struct DomainName: Hashable, Sendable, CustomStringConvertible {
  /// The name, labels joined by dots.
  public let text: String

  /// Parses a name; U-labels become A-labels (RFC 5890), one trailing dot is dropped.
  ///
  /// Nil when it is not a domain name: an empty label, a label over 63 octets, over 253 octets in
  /// all, an octet other than letter, digit, hyphen or underscore, an address literal, or U-labels
  /// that IDNA refuses.
  public init?(_ text: String) {
    self.init(bytes: Array(text.utf8))
  }

  /// Parses a name from octets as ``init(_:)`` does; octets that are not UTF-8 give nil.
  public init?(bytes: [UInt8]) {
    var octets = bytes
    if octets.contains(where: { $0 >= 0x80 }) {
      // Four octets a character at most; normalization takes time for long texts.
      guard octets.count <= 4 * 254 else { return nil }
      guard let ascii = LibIDN2.asciiForm(of: octets) else { return nil }
      octets = ascii
    }
    if octets.last == UInt8(ascii: ".") { octets.removeLast() }
    guard (1...253).contains(octets.count) else { return nil }
    let labels = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    for label in labels {
      guard (1...63).contains(label.count), label.allSatisfy(Self.isAllowed) else { return nil }
    }
    self.text = String(decoding: octets.map(\.asciiLowercased), as: UTF8.self)
  }

  private init(uncheckedText text: String) {
    self.text = text
  }

  /// The labels from left to right; never empty.
  public var labels: [Substring] { text.split(separator: ".") }

  /// The name without its leftmost label; nil for a single label.
  public var parent: DomainName? {
    guard let dot = text.firstIndex(of: ".") else { return nil }
    return DomainName(uncheckedText: String(text[text.index(after: dot)...]))
  }

  /// The rightmost `count` labels, or the whole name when it has no more; `count` is at least 1.
  public func suffix(labels count: Int) -> DomainName {
    DomainName(uncheckedText: labels.suffix(max(count, 1)).joined(separator: "."))
  }

  /// Whether this name equals `other` or lies below it.
  public func isEqualOrBelow(_ other: DomainName) -> Bool {
    text == other.text || text.hasSuffix("." + other.text)
  }

  /// The name itself.
  public var description: String { text }

  private static func isAllowed(_ octet: UInt8) -> Bool {
    octet.isASCIILetter || octet.isASCIIDigit || octet == UInt8(ascii: "-")
      || octet == UInt8(ascii: "_")
  }
}

extension DomainName: Codable {
  /// Decodes a name from its text.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let name = DomainName(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a domain name: \(text.utf8.printable())")
    }
    self = name
  }

  /// Encodes the name as its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
