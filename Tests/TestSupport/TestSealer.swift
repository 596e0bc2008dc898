import Foundation
public import MailAuth

/// An ARC sealer for tests: ed25519-sha256 with the key of ``TestSigner``, simple/simple message
/// signatures, every tag under the test's control.
///
/// Like that type it seals whatever it is told to, and it shares no code with what it tests.
public struct TestSealer: Sendable {
  /// `d=`.
  public var domain: String
  /// `s=`.
  public var selector: String

  /// Makes a sealer.
  public init(_ domain: String, selector: String = "arc") {
    self.domain = domain
    self.selector = selector
  }

  /// The owner name of the key record, which is ``TestSigner/keyRecord``.
  public var keyName: String { "\(selector)._domainkey.\(domain)" }

  /// The message with one more ARC set on top.
  ///
  /// - Parameters:
  ///   - header: The message's fields, from the top down.
  ///   - body: The body, CRLF line ends.
  ///   - instance: `i=`; the next one if nil.
  ///   - results: The payload of the ARC-Authentication-Results behind the instance.
  ///   - messageTags: Tags of the ARC-Message-Signature to add or, with a name that is there
  ///     already, to replace; nil drops a tag.
  ///   - sealTags: The same for the ARC-Seal.
  /// - Returns: The new fields and those of `header` below them.
  public func seal(
    _ header: [HeaderField], body: String = "Hello.\r\n", instance: Int? = nil,
    results: String = "mx.example; dmarc=pass header.from=example.com",
    messageTags: KeyValuePairs<String, String?> = [:],
    sealTags: KeyValuePairs<String, String?> = [:]
  ) -> [HeaderField] {
    let number = instance ?? header.filter { $0.isNamed("ARC-Seal") }.count + 1
    let common: [(String, String?)] = [
      ("i", "\(number)"), ("a", "ed25519-sha256"), ("d", domain), ("s", selector), ("t", "12345"),
    ]
    let reported = HeaderField("ARC-Authentication-Results", " i=\(number); \(results)")

    let overrides = Dictionary(messageTags.map { ($0.key, $0.value) }) { $1 }
    let names = (overrides["h"] ?? nil) ?? "From:Subject:To"
    let length = (overrides["l"] ?? nil).flatMap(Int.init) ?? .max
    let bodyHash = LibOpenSSL.sha256(Array(TestSigner.simple(body).utf8.prefix(max(length, 0))))
    let messageSignature = Self.signed(
      "ARC-Message-Signature",
      common + [
        ("c", "simple/simple"), ("h", names), ("bh", Data(bodyHash).base64EncodedString()),
      ], messageTags
    ) { unsigned in
      TestSigner.hashInput([reported] + header, names: names, signature: unsigned)
    }

    let older = Self.fields(of: header, below: number)
    let seal = Self.signed(
      "ARC-Seal", common + [("cv", number == 1 ? "none" : "pass")], sealTags
    ) { unsigned in
      Array(
        (older + [reported, messageSignature, unsigned]).map(Self.relaxed)
          .joined(separator: "\r\n").utf8)
    }
    return [seal, messageSignature, reported] + header
  }

  /// The message with a set by each of the sealers.
  public static func chain(
    _ sealers: [TestSealer], _ header: [HeaderField] = .test(), body: String = "Hello.\r\n"
  ) -> [HeaderField] {
    sealers.reduce(header) { header, sealer in sealer.seal(header, body: body) }
  }

  /// A zone in YAML with the keys of these sealers.
  public static func zone(_ sealers: [TestSealer]) -> String {
    Set(sealers.map(\.keyName)).sorted()
      .map { "\($0): [{TXT: \"\(TestSigner.keyRecord)\"}]" }.joined(separator: "\n")
  }

  private static func signed(
    _ name: String, _ tags: [(String, String?)], _ overrides: KeyValuePairs<String, String?>,
    hashInput: (HeaderField) -> [UInt8]
  ) -> HeaderField {
    var tags = tags
    for (name, value) in overrides {
      if let index = tags.firstIndex(where: { $0.0 == name }) {
        tags[index].1 = value
      } else {
        tags.append((name, value))
      }
    }
    let text = tags.compactMap { name, value in value.map { "\(name)=\($0); " } }.joined()
    let hash = LibOpenSSL.sha256(hashInput(HeaderField(name, " \(text)b=")))
    return HeaderField(name, " \(text)b=\(TestSigner.signature(ofHash: hash))")
  }

  /// The ARC fields of the older sets in the order in which a seal covers them.
  private static func fields(of header: [HeaderField], below number: Int) -> [HeaderField] {
    (1..<max(number, 1)).flatMap { instance in
      ["ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"].compactMap { name in
        header.first { field in
          // Tags can come in any order.
          field.isNamed(name)
            && String(decoding: field.value, as: UTF8.self).split(separator: ";")
              .contains { $0.filter { !$0.isWhitespace } == "i=\(instance)" }
        }
      }
    }
  }

  private static func relaxed(_ field: HeaderField) -> String {
    let words = String(decoding: field.value, as: UTF8.self).utf8
      .split { [0x20, 0x09, 0x0D, 0x0A].contains($0) }.map { String(Substring($0)) }
    return String(decoding: field.name, as: UTF8.self).lowercased() + ":"
      + words.joined(separator: " ")
  }
}
