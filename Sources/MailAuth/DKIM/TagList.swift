/// A `tag=value; tag=value` list as DKIM signatures and key records have it
/// (RFC 6376 section 3.2).
struct TagList: Sendable {
  /// What breaks a tag list.
  enum Problem: Error, Equatable {
    case missingEquals(String)
    case badTagName(String)
    case badValue(tag: String)
    case duplicate(tag: String)

    var sentence: String {
      switch self {
      case .missingEquals(let text): "\"\(text)\" has no \"=\""
      case .badTagName(let text): "\"\(text)\" is no tag name"
      case .badValue(let tag):
        "the value of \(tag.utf8.printable(limit: 40))= holds an octet that is not allowed"
      case .duplicate(let tag): "\(tag.utf8.printable(limit: 40))= stands twice"
      }
    }
  }

  /// The tags in the order in which they came; values are trimmed, folds inside them kept.
  let tags: [(name: String, value: [UInt8])]

  /// With more tags than this, repeated names are found with a set; real lists are shorter, and
  /// quicker without one.
  private static let fewTags = 32

  /// Parses a list.
  ///
  /// Values may hold UTF-8, as internationalized mail has it (RFC 8616 section 5). Names are
  /// case-sensitive, but names that differ by case only are taken for a duplicate: libopendkim
  /// lets the later one replace the value of the earlier, and no signer writes them.
  ///
  /// - Throws: ``Problem`` for the first thing that breaks the grammar.
  init(_ text: some BidirectionalCollection<UInt8>) throws(Problem) {
    var tags: [(name: String, value: [UInt8])] = []
    var seen: Set<String> = []
    let specifications = Array(text).split(
      separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
    for (index, specification) in specifications.enumerated() {
      let trimmed = specification.trimmingFoldingWhitespace()
      // One ";" may end the list; any other empty tag-spec is outside the grammar.
      if trimmed.isEmpty && index == specifications.count - 1 && index > 0 { continue }
      guard let equals = trimmed.firstIndex(of: UInt8(ascii: "=")) else {
        throw .missingEquals(trimmed.printable(limit: 40))
      }
      let nameOctets = trimmed[..<equals].trimmingFoldingWhitespace()
      guard Self.isTagName(nameOctets) else {
        throw .badTagName(nameOctets.printable(limit: 40))
      }
      let name = String(decoding: nameOctets, as: UTF8.self)
      let value = trimmed[trimmed.index(after: equals)...].trimmingFoldingWhitespace()
      guard value.allSatisfy(Self.isValueOctet) else { throw .badValue(tag: name) }
      let isRepeated: Bool
      if tags.count < Self.fewTags {
        isRepeated = tags.contains { nameOctets.equalsIgnoringASCIICase($0.name) }
      } else {
        if seen.isEmpty { seen = Set(tags.map { $0.name.asciiLowercased() }) }
        isRepeated = !seen.insert(name.asciiLowercased()).inserted
      }
      guard !isRepeated else { throw .duplicate(tag: name) }
      tags.append((name, Array(value)))
    }
    self.tags = tags
  }

  /// The value of a tag; nil when it is absent, empty when it is present and empty.
  subscript(name: String) -> [UInt8]? {
    tags.first { $0.name == name }?.value
  }

  /// The value of a tag as text, without any white space; nil when it is absent or not UTF-8.
  func compactText(_ name: String) -> String? {
    guard let value = self[name] else { return nil }
    var compact: [UInt8] = []
    compact.reserveCapacity(value.count)
    for octet in value where !octet.isFoldingWhitespace { compact.append(octet) }
    return String(validating: compact, as: UTF8.self)
  }

  /// The members of a colon-separated value, trimmed; nil when the tag is absent.
  func list(_ name: String) -> [String]? {
    self[name]?.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      .map { String(decoding: $0.trimmingFoldingWhitespace(), as: UTF8.self) }
  }

  private static func isTagName(_ name: ArraySlice<UInt8>) -> Bool {
    guard let first = name.first, first.isASCIILetter else { return false }
    return name.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") }
  }

  private static func isValueOctet(_ octet: UInt8) -> Bool {
    octet.isFoldingWhitespace || octet > 0x7F
      || ((0x21...0x7E).contains(octet) && octet != UInt8(ascii: ";"))
  }
}
