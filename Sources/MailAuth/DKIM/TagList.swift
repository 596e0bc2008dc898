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

  /// Where a tag stands in ``octets``; both trimmed, folds inside the value kept.
  private struct Place {
    var name: Range<Int>
    var value: Range<Int>
  }

  // The list as it came, and the tags in the order in which they stand there: names and values are
  // not copied out of it, since most are looked at once.
  private let octets: [UInt8]
  private let places: [Place]

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
  init(_ text: some Collection<UInt8>) throws(Problem) {
    let octets = Array(text)
    var places: [Place] = []
    places.reserveCapacity(12)
    var seen: Set<String> = []
    var start = 0
    while start <= octets.count {
      let end = octets[start...].firstIndex(of: UInt8(ascii: ";")) ?? octets.count
      defer { start = end + 1 }
      let trimmed = octets[start..<end].trimmingFoldingWhitespace()
      // One ";" may end the list; any other empty tag-spec is outside the grammar.
      if trimmed.isEmpty && end == octets.count && start > 0 { break }
      let place = try Self.place(of: trimmed)
      let isRepeated: Bool
      if places.count < Self.fewTags {
        isRepeated = places.contains {
          $0.name.count == place.name.count
            && octets[$0.name].equalsIgnoringASCIICase(octets[place.name])
        }
      } else {
        if seen.isEmpty { seen = Set(places.map { Self.text(octets[$0.name]).asciiLowercased() }) }
        isRepeated = !seen.insert(Self.text(octets[place.name]).asciiLowercased()).inserted
      }
      guard !isRepeated else { throw .duplicate(tag: Self.text(octets[place.name])) }
      places.append(place)
    }
    self.octets = octets
    self.places = places
  }

  /// Finds name and value in a tag-spec.
  private static func place(of specification: ArraySlice<UInt8>) throws(Problem) -> Place {
    guard let equals = specification.firstIndex(of: UInt8(ascii: "=")) else {
      throw .missingEquals(specification.printable(limit: 40))
    }
    let name = specification[..<equals].trimmingFoldingWhitespace()
    guard isTagName(name) else { throw .badTagName(name.printable(limit: 40)) }
    let value = specification[(equals + 1)...].trimmingFoldingWhitespace()
    let isBad = unsafe value.withUnsafeBufferPointer { unsafe $0.hasOctet { !isValueOctet($0) } }
    guard !isBad else { throw .badValue(tag: text(name)) }
    return Place(
      name: name.startIndex..<name.endIndex, value: value.startIndex..<value.endIndex)
  }

  /// The tags in the order in which they came; values are trimmed, folds inside them kept.
  var tags: [(name: String, value: [UInt8])] {
    places.map { (Self.text(octets[$0.name]), Array(octets[$0.value])) }
  }

  /// The place of a tag in the list, counted from 0; nil when it is absent.
  func position(of name: String) -> Int? {
    let wanted = name.utf8.span
    let octets = octets.span
    for index in places.indices {
      let place = places[index].name
      guard place.count == wanted.count else { continue }
      var matched = 0
      while matched < wanted.count, octets[place.lowerBound + matched] == wanted[matched] {
        matched += 1
      }
      if matched == wanted.count { return index }
    }
    return nil
  }

  /// The value of a tag; nil when it is absent, empty when it is present and empty.
  subscript(name: String) -> ArraySlice<UInt8>? {
    position(of: name).map { octets[places[$0].value] }
  }

  /// The value of a tag without any white space; nil when it is absent.
  func compact(_ name: String) -> ArraySlice<UInt8>? {
    guard let value = self[name] else { return nil }
    guard value.contains(where: \.isFoldingWhitespace) else { return value }
    var compact: [UInt8] = []
    compact.reserveCapacity(value.count)
    for octet in value where !octet.isFoldingWhitespace { compact.append(octet) }
    return compact[...]
  }

  /// The value of a tag as text, without any white space; nil when it is absent or not UTF-8.
  func compactText(_ name: String) -> String? {
    guard let value = compact(name) else { return nil }
    // Validation is for the few values that are not ASCII.
    guard value.allSatisfy({ $0 < 0x80 }) else { return String(validating: value, as: UTF8.self) }
    return Self.text(value)
  }

  /// The members of a colon-separated value, trimmed; nil when the tag is absent.
  func list(_ name: String) -> [String]? { members(of: name, Self.text) }

  /// The members of a colon-separated value, trimmed and with ASCII capitals lower-cased; nil when the
  /// tag is absent.
  func lowercasedList(_ name: String) -> [String]? {
    members(of: name) { member in
      unsafe member.withUnsafeBufferPointer { unsafe String(asciiLowercasing: $0) }
    }
  }

  @inline(__always)
  private func members(of name: String, _ text: (ArraySlice<UInt8>) -> String) -> [String]? {
    guard let value = self[name] else { return nil }
    var members: [String] = []
    members.reserveCapacity(24)
    var start = value.startIndex
    while start <= value.endIndex {
      let end = value[start...].firstIndex(of: UInt8(ascii: ":")) ?? value.endIndex
      members.append(text(value[start..<end].trimmingFoldingWhitespace()))
      start = end + 1
    }
    return members
  }

  private static func text(_ octets: ArraySlice<UInt8>) -> String {
    String(decoding: octets, as: UTF8.self)
  }

  private static func isTagName(_ name: ArraySlice<UInt8>) -> Bool {
    guard let first = name.first, first.isASCIILetter else { return false }
    return name.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") }
  }

  private static func isValueOctet(_ octet: UInt8) -> Bool {
    (octet > 0x20 && octet != 0x7F && octet != UInt8(ascii: ";")) || octet.isFoldingWhitespace
  }
}
