import Foundation
public import MailAuth

/// Puts words that say nothing in the place of personal ones (RFC 6590): the same word for the same
/// octets, so that a reader sees what belongs together, and valid where the original was.
public struct Redactor: Sendable {
  private let key: RedactionKey

  /// Digits of a word: 80 bits.
  private static let digits = 20

  /// Makes a redactor.
  public init(key: RedactionKey) { self.key = key }

  /// The word for a local part or another piece of text: lower-case letters and digits.
  public func word(_ octets: some Collection<UInt8>) -> String {
    // Without a code there is nothing to tell words apart by, and still nothing to betray.
    LibOpenSSL.hmacSHA256(Array(octets), key: key.octets).map { String($0.prefix(Self.digits)) }
      ?? "redacted"
  }

  /// An address with the word for its local part; a domain that is none becomes `redacted.invalid`.
  public func address(_ address: FieldAddress) -> String {
    "\(word(address.localPart))@\(Self.host(address.domain) ?? "redacted.invalid")"
  }

  /// A reverse-path without angle brackets, redacted; empty for the null one.
  public func path(_ octets: [UInt8]) -> String {
    guard !octets.isEmpty else { return "" }
    guard let at = octets.lastIndex(of: UInt8(ascii: "@")) else { return word(octets) }
    return address(
      FieldAddress(localPart: Array(octets[..<at]), domain: Array(octets[(at + 1)...])))
  }

  /// A host as header fields name it: A-labels or an address in brackets; nil when it is neither.
  static func host(_ octets: [UInt8]) -> String? {
    guard octets.first == UInt8(ascii: "["), octets.last == UInt8(ascii: "]") else {
      return DomainName(bytes: octets)?.text
    }
    var literal = String(decoding: octets.dropFirst().dropLast(), as: UTF8.self)
    let isIPv6 = literal.asciiLowercased().hasPrefix("ipv6:")
    if isIPv6 { literal = String(literal.dropFirst(5)) }
    guard let address = IPAddress(literal) else { return nil }
    return "[" + (address.isIPv4 ? "" : "IPv6:") + "\(address)]"
  }

  /// Free text that is kept: addresses redacted, links that nobody follows by accident; nil when it
  /// is not printable ASCII, or encoded, since then nobody sees what is in it.
  func text(_ octets: [UInt8]) -> String? {
    guard octets.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else { return nil }
    let text = String(decoding: octets, as: UTF8.self)
    guard !text.contains("=?") else { return nil }
    let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map { word in
      word.contains("@") ? addressInText(Array(word.utf8)) : withoutLinks(String(word))
    }
    return words.joined(separator: " ")
  }

  private func addressInText(_ octets: [UInt8]) -> String {
    let trimmed = octets.drop { "<([\"'".utf8.contains($0) }
    let core = Array(
      trimmed.reversed().drop { ">)]\"',;:.!?".utf8.contains($0) }.reversed())
    guard core.count(where: { $0 == UInt8(ascii: "@") }) == 1 else { return word(octets) }
    return path(core)
  }

  private func withoutLinks(_ word: String) -> String {
    word.replacing("http", with: "hxxp").replacing("HTTP", with: "HXXP")
      .replacing("Http", with: "Hxxp")
  }
}
