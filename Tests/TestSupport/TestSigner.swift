import Foundation
public import MailAuth

/// A DKIM signer for tests: ed25519-sha256, simple/simple unless a `c=` tag of the test says
/// otherwise, every tag under the test's control.
///
/// It signs whatever it is told to, also what no real signer would; the key is fixed, so that
/// signatures are the same in every run.
public struct TestSigner: Sendable {
  private static let privateKey = [UInt8](1...32)

  /// `d=`.
  public var domain: String
  /// `s=`.
  public var selector: String
  /// What stands in front of the signature value: `b=`, or a spelling that means the same.
  public var signatureTag = "b="

  /// Makes a signer.
  public init(domain: String, selector: String = "s1") {
    self.domain = domain
    self.selector = selector
  }

  /// The text of the key record that verifies what this type signs.
  public static var keyRecord: String {
    let key = LibOpenSSL.ed25519([], privateKey: privateKey).publicKey
    return "v=DKIM1; k=ed25519; p=\(Data(key).base64EncodedString())"
  }

  /// The owner name of the key record.
  public var keyName: String { "\(selector)._domainkey.\(domain)" }

  /// The DKIM-Signature field for a message.
  ///
  /// - Parameters:
  ///   - header: The message's fields, from the top down.
  ///   - body: The body, CRLF line ends.
  ///   - tags: Tags to add or, with a name that is there already, to replace; nil drops a tag.
  /// - Returns: The field.
  public func sign(
    _ header: [HeaderField], body: String, tags: KeyValuePairs<String, String?> = [:]
  ) -> HeaderField {
    let overrides = Dictionary(tags.map { ($0.key, $0.value) }) { $1 }
    let names = (overrides["h"] ?? nil) ?? "From:Subject:To"
    let hashed = (overrides["l"] ?? nil).flatMap(Int.init)
    let forms = ((overrides["c"] ?? nil) ?? "simple/simple").split(separator: "/")
    let canonicalBody = forms.last == "relaxed" ? Self.relaxed(body) : Self.simple(body)
    let bodyHash = LibOpenSSL.sha256(Array(canonicalBody.utf8.prefix(hashed ?? .max)))
    var pairs: [(String, String?)] = [
      ("v", "1"), ("a", "ed25519-sha256"), ("c", "simple/simple"), ("d", domain),
      ("s", selector), ("h", names), ("bh", Data(bodyHash).base64EncodedString()),
    ]
    for (name, value) in tags {
      if let index = pairs.firstIndex(where: { $0.0 == name }) {
        pairs[index].1 = value
      } else {
        pairs.append((name, value))
      }
    }
    let text = pairs.compactMap { name, value in value.map { "\(name)=\($0); " } }.joined()
    let unsigned = HeaderField("DKIM-Signature", " \(text)\(signatureTag)")
    let input = Self.hashInput(
      header, names: names, signature: unsigned, isRelaxed: forms.first == "relaxed")
    let value = Self.signature(ofHash: LibOpenSSL.sha256(input))
    return HeaderField("DKIM-Signature", " \(text)\(signatureTag)\(value)")
  }

  /// The value of `b=` for a header hash.
  public static func signature(ofHash hash: [UInt8]) -> String {
    Data(LibOpenSSL.ed25519(hash, privateKey: privateKey).signature).base64EncodedString()
  }

  /// The header with a signature on top, and the zone's line for the key.
  public func signed(
    _ header: [HeaderField], body: String, tags: KeyValuePairs<String, String?> = [:]
  ) -> [HeaderField] {
    [sign(header, body: body, tags: tags)] + header
  }

  // MARK: - Canonicalization (RFC 6376 section 3.4)

  static func simple(_ body: String) -> String {
    var lines = body.components(separatedBy: "\r\n")
    while lines.last == "" { lines.removeLast() }
    return lines.map { $0 + "\r\n" }.joined() + (lines.isEmpty ? "\r\n" : "")
  }

  private static func relaxed(_ body: String) -> String {
    var lines = body.components(separatedBy: "\r\n")
      .map { String(decoding: squeezed(Array($0.utf8)), as: UTF8.self) }
    while lines.last == "" { lines.removeLast() }
    return lines.map { $0 + "\r\n" }.joined()
  }

  /// Runs of SP and HTAB as one SP, and none at the end; nothing else is white space.
  private static func squeezed(_ octets: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for octet in octets {
      let isBlank = octet == 0x20 || octet == 0x09
      if isBlank, result.last == 0x20 { continue }
      result.append(isBlank ? 0x20 : octet)
    }
    if result.last == 0x20 { result.removeLast() }
    return result
  }

  private static func canonical(_ field: HeaderField, isRelaxed: Bool) -> [UInt8] {
    guard isRelaxed else { return field.name + Array(":".utf8) + field.value }
    let unfolded = field.value.filter { $0 != 0x0D && $0 != 0x0A }
    let value = squeezed(Array(unfolded.drop { $0 == 0x20 || $0 == 0x09 }))
    return Array(String(decoding: field.name, as: UTF8.self).lowercased().utf8)
      + Array(":".utf8) + value
  }

  static func hashInput(
    _ header: [HeaderField], names: String, signature: HeaderField, isRelaxed: Bool = false
  ) -> [UInt8] {
    var remaining = header
    var octets: [UInt8] = []
    for name in names.split(separator: ":") {
      let name = name.trimmingCharacters(in: .whitespaces)
      guard let index = remaining.lastIndex(where: { $0.isNamed(name) }) else { continue }
      octets += canonical(remaining.remove(at: index), isRelaxed: isRelaxed) + [0x0D, 0x0A]
    }
    return octets + canonical(signature, isRelaxed: isRelaxed)
  }
}
