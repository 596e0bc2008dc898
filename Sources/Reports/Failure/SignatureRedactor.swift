import MailAuth

/// A DKIM-Signature, or a field of an ARC set that is written alike, as a failure report may show it:
/// the tags of RFC 6376 section 3.5 without `z=`, which repeats other fields.
struct SignatureRedactor {
  let redactor: Redactor

  func value(_ octets: [UInt8]) -> String? {
    var tags: [String] = []
    for section in octets.split(separator: UInt8(ascii: ";")) {
      guard let equals = section.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = Array(section[..<equals]).trimmingBlanks()
      let value = Array(section[(equals + 1)...]).filter { !$0.isBlank }
      let key = String(decoding: name, as: UTF8.self)
      guard let text = tag(key, value) else { continue }
      tags.append("\(key)=\(text)")
    }
    return tags.isEmpty ? nil : tags.joined(separator: ";\r\n\t")
  }

  private func tag(_ name: String, _ value: [UInt8]) -> String? {
    switch name {
    case "v", "t", "x", "l": Self.checked(value, besides: "", limit: 20)
    case "a", "cv": Self.checked(value, besides: "-", limit: 30)
    case "c": Self.checked(value, besides: "/", limit: 30)
    case "q": Self.checked(value, besides: "/:", limit: 60)
    case "d", "s": DomainName(bytes: value)?.text
    case "i": identity(value)
    case "h": Self.list(value)
    case "b", "bh": Self.base64(value)
    default: nil
    }
  }

  /// `i=` of DKIM is an address, of ARC a number.
  private func identity(_ value: [UInt8]) -> String? {
    guard let at = value.lastIndex(of: UInt8(ascii: "@")) else {
      return value.allSatisfy({ (0x30...0x39).contains($0) })
        ? Self.checked(value, besides: "", limit: 3) : nil
    }
    return identity(localPart: value[..<at], domain: Array(value[(at + 1)...]))
  }

  private func identity(localPart: ArraySlice<UInt8>, domain: [UInt8]) -> String? {
    guard let domain = DomainName(bytes: domain) else { return nil }
    return (localPart.isEmpty ? "" : redactor.word(localPart)) + "@\(domain)"
  }

  private static func checked(_ value: [UInt8], besides others: String, limit: Int) -> String? {
    guard (1...limit).contains(value.count),
      value.allSatisfy({ $0.isPlain || others.utf8.contains($0) })
    else { return nil }
    return String(decoding: value, as: UTF8.self)
  }

  /// Field names between colons, few on a line.
  private static func list(_ value: [UInt8]) -> String? {
    let names = value.split(separator: UInt8(ascii: ":"))
    guard (1...60).contains(names.count),
      names.allSatisfy({ $0.count <= 40 && $0.allSatisfy { $0.isPlain || $0 == 0x2D } })
    else { return nil }
    var lines = [""]
    for (index, name) in names.enumerated() {
      if index > 0, index % 4 == 0 { lines.append("") }
      lines[lines.count - 1] +=
        String(decoding: name, as: UTF8.self) + (index == names.count - 1 ? "" : ":")
    }
    return lines.joined(separator: "\r\n\t ")
  }

  private static func base64(_ value: [UInt8]) -> String? {
    guard (1...1_200).contains(value.count),
      value.allSatisfy({ $0.isPlain || "+/=".utf8.contains($0) })
    else { return nil }
    return stride(from: 0, to: value.count, by: 64)
      .map { String(decoding: value[$0..<min($0 + 64, value.count)], as: UTF8.self) }
      .joined(separator: "\r\n\t ")
  }
}
