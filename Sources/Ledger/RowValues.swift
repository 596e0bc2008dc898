import Foundation
import GRDB
import Glibc

/// The values of one row, made by one thread and bound by another.
///
/// Its texts lie one behind the other in one buffer: a message has about sixty, and memory of its
/// own for each would take longer than all the rest of its record.
struct RowValues: Sendable, Hashable {
  /// One value; of a text or a blob only its length, its octets are the next of ``octets``.
  enum Value: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(count: Int)
    case blob(count: Int)
  }

  /// The values in the order of their columns.
  private(set) var values: [Value] = []
  /// The octets of all texts and blobs, in the order of ``values``.
  private(set) var octets: [UInt8] = []

  /// Makes a row without values, with room for so many, and for so many octets of them.
  init(values valueCount: Int, octets octetCount: Int) {
    values.reserveCapacity(valueCount)
    octets.reserveCapacity(octetCount)
  }

  func hash(into hasher: inout Hasher) {
    // An array hashes each octet by itself. Rows of equal texts differ in little else.
    unsafe octets.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
  }

  mutating func appendNull() { values.append(.null) }

  mutating func append(_ number: Int64) { values.append(.integer(number)) }

  mutating func append(_ number: Int) { append(Int64(number)) }

  mutating func append(_ number: Int?) {
    if let number { append(number) } else { appendNull() }
  }

  mutating func append(_ flag: Bool) { append(flag ? 1 : 0 as Int64) }

  mutating func append(_ flag: Bool?) {
    if let flag { append(flag) } else { appendNull() }
  }

  /// Appends a text; SQLite's text ends at a NUL, so one becomes `\x00`.
  mutating func append(_ text: String) {
    let start = octets.count
    let hasNUL = unsafe text.utf8.span.withUnsafeBufferPointer { piece in
      guard let first = piece.baseAddress else { return false }
      unsafe octets.append(contentsOf: piece)
      // Octet by octet it would take longer than the copy.
      return unsafe memchr(first, 0, piece.count) != nil
    }
    if hasNUL {
      let escaped = octets[start...].split(separator: 0, omittingEmptySubsequences: false)
        .joined(separator: Array(#"\x00"#.utf8))
      octets.replaceSubrange(start..., with: Array(escaped))
    }
    values.append(.text(count: octets.count - start))
  }

  mutating func append(_ text: String?) {
    if let text { append(text) } else { appendNull() }
  }

  mutating func append(_ word: some RawRepresentable<String>) { append(word.rawValue) }

  mutating func append<Word: RawRepresentable<String>>(_ word: Word?) {
    if let word { append(word.rawValue) } else { appendNull() }
  }

  /// Appends octets as TEXT where they are UTF-8 without NUL, which they nearly always are, else as
  /// BLOB.
  mutating func append(_ added: [UInt8]) {
    octets += added
    let isASCII = !added.contains { $0 == 0 || $0 >= 0x80 }
    let isText =
      isASCII || !added.contains(0) && String(validating: added, as: UTF8.self) != nil
    values.append(isText ? .text(count: added.count) : .blob(count: added.count))
  }

  /// Appends the text that `write` adds to the octets it is given; it holds no NUL, as no JSON does.
  mutating func appendJSON(_ write: (inout [UInt8]) -> Void) {
    let start = octets.count
    write(&octets)
    values.append(.text(count: octets.count - start))
  }

  /// The values one by one, for what is not done with every message.
  var databaseValues: [DatabaseValue] {
    var rest = octets[...]
    func next(_ count: Int) -> ArraySlice<UInt8> {
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    return values.map { value in
      switch value {
      case .null: .null
      case .integer(let number): number.databaseValue
      case .text(let count): String(decoding: next(count), as: UTF8.self).databaseValue
      case .blob(let count): Data(next(count)).databaseValue
      }
    }
  }

  /// Makes a row of values as they were read somewhere.
  init(_ databaseValues: [DatabaseValue]) {
    for value in databaseValues {
      switch value.storage {
      case .int64(let number): values.append(.integer(number))
      case .string(let text):
        octets += text.utf8
        values.append(.text(count: text.utf8.count))
      case .blob(let data):
        octets += data
        values.append(.blob(count: data.count))
      // No column holds a broken number.
      case .null, .double: values.append(.null)
      }
    }
  }
}
