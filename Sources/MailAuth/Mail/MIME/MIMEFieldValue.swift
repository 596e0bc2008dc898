/// A structured value with parameters, as Content-Type and Content-Disposition have
/// (RFC 2045 section 5.1, RFC 2183 section 2), long and encoded parameters put together (RFC 2231).
///
/// A parameter that cannot be read is left out; of two with one name the first counts. Values that
/// senders forgot to quote go up to the next semicolon.
public struct MIMEFieldValue: Sendable, Equatable {
  /// The value in front of the parameters, ASCII letters in lower case.
  public let value: String
  /// The parameters, their names in lower case.
  public let parameters: [String: String]

  /// How many parameters are read; more are left out.
  static let maximumParameters = 100

  init(_ value: String) {
    self.value = value
    parameters = [:]
  }

  /// Reads `type/subtype`; nil when it is not that.
  init?(mediaType octets: [UInt8]) {
    self.init(octets) { value in
      let halves = value.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      return halves.count == 2 && halves.allSatisfy { FieldText.isToken($0) }
    }
  }

  /// Reads a single word; nil when it is not that.
  init?(token octets: [UInt8]) {
    self.init(octets) { FieldText.isToken($0) }
  }

  private init?(_ octets: [UInt8], accepts: ([UInt8]) -> Bool) {
    var pieces = MIMEFieldPieces(octets)
    guard let head = pieces.next() else { return nil }
    let value = head.filter { !$0.isFoldingWhitespace }
    guard accepts(value) else { return nil }
    self.value = String(decoding: value.map(\.asciiLowercased), as: UTF8.self)
    var sections = ParameterSections()
    var count = 0
    while let piece = pieces.next(), count < Self.maximumParameters {
      count += 1
      sections.add(piece)
    }
    parameters = sections.joined
  }
}

/// The pieces of a structured value between its semicolons, comments left out.
private struct MIMEFieldPieces {
  private var rest: ArraySlice<UInt8>

  init(_ octets: [UInt8]) { rest = octets[...] }

  /// The next piece, quotes kept; nil at the end.
  ///
  /// What is not closed goes to the end.
  mutating func next() -> [UInt8]? {
    guard !rest.isEmpty else { return nil }
    var piece: [UInt8] = []
    var isQuoted = false
    var comments = 0
    while let octet = rest.popFirst() {
      if octet == UInt8(ascii: "\\"), isQuoted || comments > 0 {
        if comments == 0 { piece.append(octet) }
        if let escaped = rest.popFirst(), comments == 0 { piece.append(escaped) }
      } else if comments > 0 {
        if octet == UInt8(ascii: "(") { comments += 1 }
        if octet == UInt8(ascii: ")") { comments -= 1 }
      } else if isQuoted {
        piece.append(octet)
        isQuoted = octet != UInt8(ascii: "\"")
      } else {
        switch octet {
        case UInt8(ascii: ";"): return piece
        case UInt8(ascii: "("): comments = 1
        default:
          piece.append(octet)
          isQuoted = octet == UInt8(ascii: "\"")
        }
      }
    }
    return piece
  }
}

/// Parameters and sections of parameters, until all of them are there.
private struct ParameterSections {
  /// One section of a value (RFC 2231 section 3 and 4).
  private struct Section {
    var octets: [UInt8]
    var isEncoded: Bool
  }

  private var plain: [String: [UInt8]] = [:]
  private var sections: [String: [Int: Section]] = [:]

  /// Takes `name=value`; anything else is left out.
  mutating func add(_ piece: [UInt8]) {
    guard let equals = piece.firstIndex(of: UInt8(ascii: "=")) else { return }
    let fullName = piece[..<equals].trimmingFoldingWhitespace().map(\.asciiLowercased)
    guard FieldText.isToken(fullName) else { return }
    let value = Self.unquoted(piece[(equals + 1)...].trimmingFoldingWhitespace())
    var parts = fullName.split(
      separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
    let isEncoded = parts.count > 1 && parts.last?.isEmpty == true
    if isEncoded { parts.removeLast() }
    guard let first = parts.first, !first.isEmpty else { return }
    let name = String(decoding: first, as: UTF8.self)
    switch parts.count {
    case 1 where !isEncoded:
      if plain[name] == nil { plain[name] = value }
    case 1: add(Section(octets: value, isEncoded: true), to: name, at: 0)
    case 2:
      guard let number = Int(String(decoding: parts[1], as: UTF8.self)), number >= 0 else {
        return
      }
      add(Section(octets: value, isEncoded: isEncoded), to: name, at: number)
    default: return
    }
  }

  private mutating func add(_ section: Section, to name: String, at number: Int) {
    guard sections[name]?[number] == nil else { return }
    sections[name, default: [:]][number] = section
  }

  /// All parameters; one that is given in sections too counts as these say (RFC 2231 section 3).
  var joined: [String: String] {
    var all = plain.mapValues { String(decoding: $0, as: UTF8.self) }
    for (name, numbered) in sections {
      if let text = Self.join(numbered) { all[name] = text }
    }
    return all
  }

  /// The sections from 0 up to the first that is missing; nil without section 0.
  private static func join(_ numbered: [Int: Section]) -> String? {
    guard let first = numbered[0] else { return nil }
    var octets: [UInt8] = []
    var charset = ""
    if first.isEncoded {
      // charset'language'text
      let parts = first.octets.split(
        separator: UInt8(ascii: "'"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      charset = String(decoding: parts[0].map(\.asciiLowercased), as: UTF8.self)
      octets = percentDecoded(parts[2])
    } else {
      octets = first.octets
    }
    var number = 1
    while let section = numbered[number] {
      octets += section.isEncoded ? percentDecoded(section.octets[...]) : section.octets
      number += 1
    }
    let isLatin1 = charset == "iso-8859-1"
    guard isLatin1 else { return String(decoding: octets, as: UTF8.self) }
    return String(String.UnicodeScalarView(octets.map { Unicode.Scalar($0) }))
  }

  /// Undoes `%NN`; a percent sign without digits behind it stays.
  private static func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    var rest = text
    while let octet = rest.popFirst() {
      let digits = rest.prefix(2).compactMap(\.hexadecimalValue)
      if octet == UInt8(ascii: "%"), digits.count == 2 {
        decoded.append(digits[0] << 4 | digits[1])
        rest = rest.dropFirst(2)
      } else {
        decoded.append(octet)
      }
    }
    return decoded
  }

  private static func unquoted(_ value: ArraySlice<UInt8>) -> [UInt8] {
    guard value.first == UInt8(ascii: "\"") else { return Array(value) }
    var result: [UInt8] = []
    var rest = value.dropFirst()
    while let octet = rest.popFirst() {
      if octet == UInt8(ascii: "\"") { break }
      // A fold inside quotes is no part of the value.
      if octet == 0x0D || octet == 0x0A { continue }
      if octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
        result.append(escaped)
      } else {
        result.append(octet)
      }
    }
    return result
  }
}
