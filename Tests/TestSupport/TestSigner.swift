import Foundation
public import MailAuth

/// A DKIM signer for tests: ed25519-sha256, simple/simple, every tag under the test's control.
///
/// It signs whatever it is told to, also what no real signer would; the key is fixed, so that
/// signatures are the same in every run.
public struct TestSigner: Sendable {
  private static let privateKey = [UInt8](1...32)

  /// `d=`.
  public var domain: String
  /// `s=`.
  public var selector: String

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
    let canonicalBody = Array(Self.simple(body).utf8)
    let bodyHash = LibOpenSSL.sha256(Array(canonicalBody.prefix(hashed ?? .max)))
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
    let unsigned = HeaderField("DKIM-Signature", " \(text)b=")
    let hash = LibOpenSSL.sha256(Self.hashInput(header, names: names, signature: unsigned))
    let signature = LibOpenSSL.ed25519(hash, privateKey: Self.privateKey).signature
    return HeaderField(
      "DKIM-Signature", " \(text)b=\(Data(signature).base64EncodedString())")
  }

  /// The header with a signature on top, and the zone's line for the key.
  public func signed(
    _ header: [HeaderField], body: String, tags: KeyValuePairs<String, String?> = [:]
  ) -> [HeaderField] {
    [sign(header, body: body, tags: tags)] + header
  }

  private static func simple(_ body: String) -> String {
    var lines = body.components(separatedBy: "\r\n")
    while lines.last == "" { lines.removeLast() }
    return lines.map { $0 + "\r\n" }.joined() + (lines.isEmpty ? "\r\n" : "")
  }

  private static func hashInput(
    _ header: [HeaderField], names: String, signature: HeaderField
  ) -> [UInt8] {
    var remaining = header
    var octets: [UInt8] = []
    for name in names.split(separator: ":") {
      let name = name.trimmingCharacters(in: .whitespaces)
      guard let index = remaining.lastIndex(where: { $0.isNamed(name) }) else { continue }
      let field = remaining.remove(at: index)
      octets += field.name + Array(":".utf8) + field.value + [0x0D, 0x0A]
    }
    return octets + signature.name + Array(":".utf8) + signature.value
  }
}
