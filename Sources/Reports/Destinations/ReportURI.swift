public import MailAuth

/// One destination of reports: a usable member of `rua` or `ruf` (RFC 9989 section 4.7).
///
/// There is no destination but a mailbox, and of those only the ones that every mail server takes:
/// what a domain owner publishes ends up in a header field and in an SMTP command, so that whatever
/// would need quotes or encoding there is refused. Printing a URI and parsing the text again gives
/// an equal URI.
public struct ReportURI: Hashable, Sendable, CustomStringConvertible {
  /// The part of the address in front of the "@": a dot-atom of ASCII, 1 to 64 octets.
  public let localPart: String
  /// The domain of the address: the destination host of RFC 9990 section 4.
  public let host: DomainName
  /// The most octets the report may have as attached (RFC 7489 section 6.2); nil for no limit.
  ///
  /// RFC 9990 knows no limits: there it is to be ignored.
  public let sizeLimitBytes: Int64?

  private static let longestLocalPart = 64
  private static let longestAddress = 254

  /// The address, `local@host`.
  public var address: String { "\(localPart)@\(host)" }

  /// The URI, with the size limit in octets behind a "!" if there is one.
  public var description: String {
    let text = Self.text(ofAddress: address)
    return sizeLimitBytes.map { "\(text)!\($0)" } ?? text
  }

  /// The destination of a mail address; nil when ``init(_:)`` refuses it.
  public init?(address: String) {
    do throws(ReportURIProblem) {
      try self.init(Self.text(ofAddress: address))
    } catch {
      return nil
    }
  }

  /// The URI of a mail address, without any check.
  static func text(ofAddress address: String) -> String {
    var text = "mailto:"
    for octet in address.utf8 {
      if octet.isUnreserved || octet == UInt8(ascii: "@") {
        text.unicodeScalars.append(Unicode.Scalar(octet))
      } else {
        text += "%" + (octet < 16 ? "0" : "") + String(octet, radix: 16, uppercase: true)
      }
    }
    return text
  }

  /// Parses one member of a list of URIs.
  ///
  /// White space around it is dropped, a size limit is cut off and kept, a `?...` or `#...` behind
  /// the address is ignored, U-labels of the domain become A-labels.
  ///
  /// - Throws: ``ReportURIProblem`` when it cannot be used.
  public init(_ member: String) throws(ReportURIProblem) {
    var text = member.utf8.trimmingBlanks()
    guard !text.isEmpty else { throw .empty }
    sizeLimitBytes = Self.cutSizeLimit(from: &text)
    let rest = try Self.withoutScheme(text)
    let mark = rest.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
    let octets = try Self.percentDecoded(rest[..<(mark ?? rest.endIndex)])
    guard let at = octets.lastIndex(of: UInt8(ascii: "@")) else { throw .noAddress }
    localPart = try Self.localPart(octets[..<at])
    host = try Self.host(octets[(at + 1)...])
    guard address.utf8.count <= Self.longestAddress else { throw .tooLong }
  }

  private init(_ other: ReportURI, sizeLimitBytes: Int64?) {
    localPart = other.localPart
    host = other.host
    self.sizeLimitBytes = sizeLimitBytes
  }

  /// The same destination with the weaker of two limits.
  func merged(with other: ReportURI) -> ReportURI {
    guard let sizeLimitBytes, let limit = other.sizeLimitBytes else {
      return ReportURI(self, sizeLimitBytes: nil)
    }
    return ReportURI(self, sizeLimitBytes: max(sizeLimitBytes, limit))
  }

  // MARK: - Parts

  /// Cuts `!digits[kmgt]`; units are powers of 1,024, and a limit beyond all numbers is the largest.
  private static func cutSizeLimit(from text: inout [UInt8]) -> Int64? {
    guard let mark = text.lastIndex(of: UInt8(ascii: "!")) else { return nil }
    var digits = text[(mark + 1)...]
    var shift: Int64 = 0
    if let unit = digits.last, let power = "kmgt".utf8.map(\.self).firstIndex(of: unit | 0x20) {
      digits.removeLast()
      shift = 10 * (Int64(power) + 1)
    }
    guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
    text.removeSubrange(mark...)
    var limit = Int64(String(decoding: digits, as: UTF8.self)) ?? .max
    let product = limit.multipliedReportingOverflow(by: 1 << shift)
    limit = product.overflow ? .max : product.partialValue
    return limit
  }

  /// Checks the syntax of a URI (RFC 3986 section 3) and drops `mailto:`.
  private static func withoutScheme(_ text: [UInt8]) throws(ReportURIProblem) -> ArraySlice<UInt8> {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")), let first = text.first,
      first.isLetter, colon < text.count - 1,
      text[..<colon].allSatisfy({ $0.isLetter || $0.isDigit || "+-.".utf8.contains($0) })
    else { throw .noURI }
    // "," and "!" are percent-encoded inside a URI of such a list (RFC 9989 section 4.8).
    let rest = text[(colon + 1)...]
    guard
      rest.allSatisfy({ $0.isUnreserved || "+:/?#[]@$&'()*;=%".utf8.contains($0) })
    else { throw .noURI }
    guard text[..<colon].equalsIgnoringASCIICase("mailto") else {
      throw .unsupportedScheme(text[..<colon].printable(limit: 20))
    }
    // Legal in a local part, but nobody means that by it.
    guard !rest.starts(with: "//".utf8) else { throw .noAddress }
    return rest
  }

  private static func percentDecoded(
    _ text: ArraySlice<UInt8>
  ) throws(ReportURIProblem) -> [UInt8] {
    var octets: [UInt8] = []
    var rest = text
    while let octet = rest.popFirst() {
      guard octet == UInt8(ascii: "%") else {
        octets.append(octet)
        continue
      }
      guard let high = rest.popFirst()?.hexValue, let low = rest.popFirst()?.hexValue else {
        throw .badEscape
      }
      octets.append(high << 4 | low)
    }
    return octets
  }

  private static func localPart(_ octets: ArraySlice<UInt8>) throws(ReportURIProblem) -> String {
    guard !octets.isEmpty else { throw .noAddress }
    guard octets.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .controlCharacter }
    guard octets.allSatisfy({ $0 < 0x80 }) else { throw .internationalLocalPart }
    guard octets.count <= longestLocalPart else { throw .tooLong }
    let atoms = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard atoms.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isAtomText) }) else {
      // An "@" here: more than one address, or one in quotes.
      throw octets.contains(UInt8(ascii: "@")) ? .severalAddresses : .unusualLocalPart
    }
    // A program that takes addresses as arguments could take this for an option.
    guard octets.first != UInt8(ascii: "-") else { throw .unusualLocalPart }
    return String(decoding: octets, as: UTF8.self)
  }

  private static func host(_ octets: ArraySlice<UInt8>) throws(ReportURIProblem) -> DomainName {
    guard octets.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .controlCharacter }
    // A name with one label, or a number for the last one, is nothing that the DNS delegates; a
    // mail server could take it for itself or for an address.
    guard let name = DomainName(bytes: Array(octets)), name.parent != nil,
      name.labels.last?.utf8.allSatisfy(\.isDigit) == false
    else { throw .noHost }
    return name
  }
}

/// Why a member of a list of report URIs cannot be used.
public enum ReportURIProblem: Error, Sendable, Equatable, CustomStringConvertible {
  /// Nothing between two commas.
  case empty
  /// Not a URI: no scheme, or characters that have to be percent-encoded.
  case noURI
  /// A scheme other than mailto; with its name.
  case unsupportedScheme(String)
  /// A "%" without two hexadecimal digits behind it.
  case badEscape
  /// No mail address behind the scheme.
  case noAddress
  /// More than one address, or an "@" in the local part.
  case severalAddresses
  /// A control character, such as a line break or NUL.
  case controlCharacter
  /// A local part beyond ASCII.
  case internationalLocalPart
  /// A local part that is no dot-atom, or begins with a hyphen.
  case unusualLocalPart
  /// A local part over 64 octets, or an address over 254.
  case tooLong
  /// No fully qualified domain name behind the "@".
  case noHost
  /// `ruf` of a public suffix (RFC 9991 section 2).
  case publicSuffix

  /// The problem for people, in words that need a beginning such as "not used:".
  public var description: String {
    switch self {
    case .empty: "nothing stands between two commas"
    case .noURI: "it is no URI"
    case .unsupportedScheme(let name): "reports are sent by mail only, not by \(name)"
    case .badEscape: "a \"%\" in it has no two hexadecimal digits behind it"
    case .noAddress: "it holds no mail address"
    case .severalAddresses: "it holds more than one mail address, or one in quotes"
    case .controlCharacter: "it holds a control character"
    case .internationalLocalPart: "its local part is not ASCII, which few mail servers take"
    case .unusualLocalPart: "its local part would have to be quoted"
    case .tooLong: "it is longer than a mail address can be"
    case .noHost: "it does not name a domain of the public DNS"
    case .publicSuffix: "failure reports must not be sent to a public suffix"
    }
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  fileprivate var isLetter: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) && self < 0x80
  }

  /// `unreserved` of RFC 3986 section 2.3.
  fileprivate var isUnreserved: Bool { isLetter || isDigit || "-._~".utf8.contains(self) }

  /// `atext` of RFC 5322 section 3.2.3.
  fileprivate var isAtomText: Bool {
    isLetter || isDigit || "!#$%&'*+-/=?^_`{|}~".utf8.contains(self)
  }

  fileprivate var hexValue: UInt8? {
    if isDigit { return self - UInt8(ascii: "0") }
    let lower = self | 0x20
    return (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(lower)
      ? lower - UInt8(ascii: "a") + 10 : nil
  }
}

extension BidirectionalCollection<UInt8> {
  /// The octets without SP and HTAB at either end.
  func trimmingBlanks() -> [UInt8] {
    func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }
    guard let last = lastIndex(where: { !isBlank($0) }) else { return [] }
    return Array(self[...last].drop(while: isBlank))
  }
}
