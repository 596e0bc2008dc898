/// Reads the payload of an Authentication-Results field, which is also that of an
/// ARC-Authentication-Results field behind its instance (RFC 8601 section 2.2).
///
/// It reads as far as it understands: what comes before a broken place counts, what follows does
/// not, nor does what lies beyond ``mostOctets``. Comments may stand wherever the grammar allows
/// them.
struct ReportedResultsParser {
  /// The most results that are read from one field.
  static let mostResults = 50
  /// The most properties that are read of one result.
  static let mostProperties = 20

  /// The most octets that are read of one field; results are recorded, and a message can have
  /// fifty such fields.
  static let mostOctets = 8192

  private var rest: ArraySlice<UInt8>

  init(_ value: some Collection<UInt8>) {
    rest = Array(value.prefix(Self.mostOctets))[...]
  }

  /// Reads `i=N;` with comments and blanks wherever RFC 8617 section 4.2.1 allows them.
  ///
  /// - Returns: The digits of the instance; nil when the field does not begin with one.
  mutating func instance() -> [UInt8]? {
    skipBlanks()
    guard rest.popFirst() == UInt8(ascii: "i") else { return nil }
    skipBlanks()
    guard rest.popFirst() == UInt8(ascii: "=") else { return nil }
    skipBlanks()
    let digits = Array(rest.prefix(while: \.isASCIIDigit))
    rest = rest.dropFirst(digits.count)
    skipBlanks()
    guard !digits.isEmpty, rest.popFirst() == UInt8(ascii: ";") else { return nil }
    return digits
  }

  /// Reads the authserv-id, and the version if there is one; nil when there is no authserv-id.
  mutating func authservID() -> String? {
    skipBlanks()
    let identifier = value()
    guard !identifier.isEmpty else { return nil }
    skipBlanks()
    if rest.first?.isASCIIDigit == true { _ = value() }
    return identifier.printable(limit: 255)
  }

  /// Reads the results; `none` alone gives no result.
  mutating func results() -> [ReportedResult] {
    var results: [ReportedResult] = []
    skipBlanks()
    while results.count < Self.mostResults, rest.popFirst() == UInt8(ascii: ";") {
      skipBlanks()
      // An empty entry stands at the end of many fields, though the grammar has none.
      if rest.isEmpty || rest.first == UInt8(ascii: ";") { continue }
      guard let result = result() else { break }
      results.append(result)
    }
    return results
  }

  // MARK: - Parts

  private mutating func result() -> ReportedResult? {
    let method = keyword()
    skipBlanks()
    if rest.first == UInt8(ascii: "/") {
      rest.removeFirst()
      skipBlanks()
      _ = keyword()
      skipBlanks()
    }
    guard !method.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return nil }
    skipBlanks()
    let word = value()
    guard !word.isEmpty else { return nil }
    var result = ReportedResult(
      method: Self.text(method), result: Self.text(word), properties: [])
    while true {
      skipBlanks()
      guard let next = rest.first, next != UInt8(ascii: ";") else { return result }
      let type = keyword()
      skipBlanks()
      if rest.first == UInt8(ascii: "=") {
        // `reason=value`, or a property without a type, which some hosts write.
        rest.removeFirst()
        skipBlanks()
        _ = value()
        continue
      }
      guard !type.isEmpty, let property = property(type) else {
        skipEntry()
        return result
      }
      if result.properties.count < Self.mostProperties { result.properties.append(property) }
    }
  }

  private mutating func property(_ type: [UInt8]) -> ReportedResult.Property? {
    guard rest.popFirst() == UInt8(ascii: ".") else { return nil }
    skipBlanks()
    let name = keyword()
    skipBlanks()
    guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return nil }
    skipBlanks()
    return ReportedResult.Property(
      type: Self.text(type), name: Self.text(name), value: value().printable(limit: 255))
  }

  private static func text(_ octets: [UInt8]) -> String {
    octets.map(\.asciiLowercased).printable(limit: 60)
  }

  /// A Keyword of RFC 5321 section 4.1.2, and the underscore.
  private mutating func keyword() -> [UInt8] {
    let octets = rest.prefix { octet in
      octet.isASCIILetter || octet.isASCIIDigit || octet == UInt8(ascii: "-")
        || octet == UInt8(ascii: "_")
    }
    rest = rest.dropFirst(octets.count)
    return Array(octets)
  }

  /// A token, a quoted string, or an address made of both, without quotes and escapes.
  private mutating func value() -> [UInt8] {
    var octets: [UInt8] = []
    while let octet = rest.first {
      if octet == UInt8(ascii: "\"") {
        octets += quotedString()
      } else if octet.isFoldingWhitespace || octet == UInt8(ascii: ";")
        || octet == UInt8(ascii: "(")
      {
        break
      } else {
        octets.append(octet)
        rest.removeFirst()
      }
    }
    return octets
  }

  private mutating func quotedString() -> [UInt8] {
    var octets: [UInt8] = []
    rest.removeFirst()
    while let octet = rest.popFirst(), octet != UInt8(ascii: "\"") {
      if octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
        octets.append(escaped)
      } else {
        octets.append(octet)
      }
    }
    return octets
  }

  private mutating func skipEntry() {
    while let octet = rest.first, octet != UInt8(ascii: ";") {
      switch octet {
      case UInt8(ascii: "\""): _ = quotedString()
      case UInt8(ascii: "("): skipBlanks()
      default: rest.removeFirst()
      }
    }
  }

  /// Skips white space and comments, which may be nested; an unclosed one takes all.
  private mutating func skipBlanks() {
    var depth = 0
    while let octet = rest.first {
      if octet == UInt8(ascii: "(") {
        depth += 1
      } else if depth > 0 {
        if octet == UInt8(ascii: ")") { depth -= 1 }
        if octet == UInt8(ascii: "\\") { rest.removeFirst() }
      } else if !octet.isFoldingWhitespace {
        return
      }
      rest = rest.dropFirst()
    }
  }
}
