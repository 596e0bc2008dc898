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
    // Most names come in the form that they have here, and then the text is kept as it is.
    if text.utf8.count <= 253, Self.isCanonical(text.utf8.span) {
      self.init(uncheckedText: text)
      return
    }
    self.init(bytes: Array(text.utf8)[...])
  }

  /// Parses a name from octets as ``init(_:)`` does; octets that are not UTF-8 give nil.
  public init?(bytes: [UInt8]) {
    self.init(bytes: bytes[...])
  }

  /// Parses a name from octets as ``init(_:)`` does; octets that are not UTF-8 give nil.
  public init?(bytes: ArraySlice<UInt8>) {
    if bytes.count <= 253, Self.isCanonical(bytes.span) {
      self.init(uncheckedText: String(decoding: bytes, as: UTF8.self))
      return
    }
    var octets = bytes
    if octets.contains(where: { $0 >= 0x80 }) {
      // Four octets a character at most; normalization takes time for long texts.
      guard octets.count <= 4 * 254 else { return nil }
      guard let ascii = LibIDN2.asciiForm(of: Array(octets)) else { return nil }
      octets = ascii[...]
    }
    if octets.last == Self.dot { octets = octets.dropLast() }
    guard octets.count <= 253, Self.isLabels(octets.span, of: Self.isAllowed) else { return nil }
    if octets.contains(where: \.isASCIICapital) { octets = octets.map(\.asciiLowercased)[...] }
    self.init(uncheckedText: String(decoding: octets, as: UTF8.self))
  }

  private init(uncheckedText text: String) {
    self.text = text
  }

  /// The labels from left to right; never empty.
  public var labels: [Substring] { text.utf8.split(separator: Self.dot).map { Substring($0) } }

  /// The number of labels, at least 1.
  var labelCount: Int {
    let octets = text.utf8.span
    var count = 1
    for index in octets.indices where octets[index] == Self.dot { count += 1 }
    return count
  }

  /// The name without its leftmost label; nil for a single label.
  public var parent: DomainName? {
    guard let dot = text.utf8.firstIndex(of: Self.dot) else { return nil }
    return DomainName(uncheckedText: String(text[text.utf8.index(after: dot)...]))
  }

  /// The rightmost `count` labels, or the whole name when it has no more; `count` is at least 1.
  public func suffix(labels count: Int) -> DomainName {
    var name = self
    for _ in 0..<max(labelCount - max(count, 1), 0) { name = name.parent ?? name }
    return name
  }

  /// The rightmost label.
  var topLabel: Substring {
    let dot = text.utf8.lastIndex(of: Self.dot)
    return text[(dot.map { text.utf8.index(after: $0) } ?? text.startIndex)...]
  }

  /// Whether this name equals `other` or lies below it.
  public func isEqualOrBelow(_ other: DomainName) -> Bool {
    let extra = text.utf8.count - other.text.utf8.count
    guard extra > 1 else { return text == other.text }
    let start = text.utf8.index(text.startIndex, offsetBy: extra)
    return text.utf8[text.utf8.index(before: start)] == Self.dot && text[start...] == other.text
  }

  /// The name itself.
  public var description: String { text }

  private static let dot = UInt8(ascii: ".")

  /// Whether these are labels of 1 to 63 octets of one kind with a dot between each two.
  @inline(__always)
  static func isLabels(_ octets: Span<UInt8>, of isWanted: (UInt8) -> Bool) -> Bool {
    var length = 0
    for index in octets.indices {
      let octet = octets[index]
      if octet == dot {
        guard length > 0 else { return false }
        length = 0
      } else {
        guard length < 63, isWanted(octet) else { return false }
        length += 1
      }
    }
    return length > 0
  }

  /// Whether these are the labels of a name without capitals, a dot at the end or anything beyond
  /// ASCII.
  private static func isCanonical(_ octets: Span<UInt8>) -> Bool {
    isLabels(octets) { isAllowed($0) && !$0.isASCIICapital }
  }

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
