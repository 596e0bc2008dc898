import Foundation
import GRDB

/// The rows of a message as octets of the commit log.
///
/// They are made of what lies ready for SQLite, since every message pays for it: for each row its
/// kind, its values without their octets, then all octets. Numbers are little-endian.
enum CommitLogEntry {
  /// What a row belongs to.
  private enum Kind: UInt8 {
    case message = 1
    case policyRecord, spfOutcome, dkimOutcome, incident
  }

  private enum Tag: UInt8 {
    case null = 0
    case integer, text, blob
  }

  /// The names of the values, as the process knew them that wrote the log: a later version, with
  /// other columns, reads what an earlier one wrote.
  struct Columns: Codable, Equatable {
    var message: [String]
    var policyRecord: [String]
    var spf: [String]
    var dkim: [String]

    /// Those of this version.
    static let current = Columns(
      message: MessageRow.messageColumns, policyRecord: MessageRow.policyColumns,
      spf: MessageRow.spfColumns, dkim: MessageRow.dkimColumns)
  }

  // MARK: Writing

  /// Appends a message; what is captured of it is not kept here.
  static func append(_ row: MessageRow, to octets: inout [UInt8]) {
    let start = octets.count
    octets.append(integer: UInt32(0))
    append(row.message, .message, to: &octets)
    if let policyRecord = row.policyRecord { append(policyRecord, .policyRecord, to: &octets) }
    for outcome in row.spfOutcomes { append(outcome, .spfOutcome, to: &octets) }
    for outcome in row.dkimOutcomes { append(outcome, .dkimOutcome, to: &octets) }
    if let incident = row.incident { append(RowValues([incident]), .incident, to: &octets) }
    octets.replace(integer: UInt32(octets.count - start - 4), at: start)
  }

  private static func append(_ row: RowValues, _ kind: Kind, to octets: inout [UInt8]) {
    octets.append(kind.rawValue)
    octets.append(integer: UInt16(row.values.count))
    for value in row.values {
      switch value {
      case .null: octets.append(Tag.null.rawValue)
      case .integer(let number):
        octets.append(Tag.integer.rawValue)
        octets.append(integer: UInt64(bitPattern: number))
      case .text(let count):
        octets.append(Tag.text.rawValue)
        octets.append(integer: UInt32(count))
      case .blob(let count):
        octets.append(Tag.blob.rawValue)
        octets.append(integer: UInt32(count))
      }
    }
    octets += row.octets
  }

  // MARK: Reading

  /// The messages of a batch; nil when it is not made of whole entries.
  static func rows(_ octets: [UInt8], columns: Columns) -> [MessageRow]? {
    var reader = Reader(rest: octets[...])
    var rows: [MessageRow] = []
    while !reader.rest.isEmpty {
      guard let count = reader.integer(UInt32.self), let entry = reader.take(Int(count)),
        let row = row(entry, columns)
      else { return nil }
      rows.append(row)
    }
    return rows
  }

  private static func row(_ octets: ArraySlice<UInt8>, _ columns: Columns) -> MessageRow? {
    var reader = Reader(rest: octets)
    var message: [DatabaseValue]?
    var policyRecord: [DatabaseValue]?
    var spf: [[DatabaseValue]] = []
    var dkim: [[DatabaseValue]] = []
    var incident: DatabaseValue?
    while !reader.rest.isEmpty {
      guard let kind = reader.take(1)?.first.flatMap(Kind.init(rawValue:)),
        let values = reader.values()
      else { return nil }
      switch kind {
      case .message:
        message = ordered(values, columns.message, Columns.current.message)
      case .policyRecord:
        policyRecord = ordered(values, columns.policyRecord, Columns.current.policyRecord)
      case .spfOutcome: spf.append(ordered(values, columns.spf, Columns.current.spf))
      case .dkimOutcome: dkim.append(ordered(values, columns.dkim, Columns.current.dkim))
      case .incident: incident = values.first
      }
    }
    guard let message else { return nil }
    return MessageRow(
      message: message, policyRecord: policyRecord, spfOutcomes: spf, dkimOutcomes: dkim,
      incident: incident)
  }

  /// Values in the order of other columns; NULL where there is none.
  private static func ordered(
    _ values: [DatabaseValue], _ columns: [String], _ wanted: [String]
  ) -> [DatabaseValue] {
    guard columns != wanted || values.count != wanted.count else { return values }
    let named = Dictionary(zip(columns, values)) { first, _ in first }
    return wanted.map { named[$0] ?? .null }
  }

  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
      guard count <= rest.count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }

    mutating func integer<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
      take(MemoryLayout<Number>.size).map { Number(littleEndian: $0) }
    }

    /// The values of a row.
    mutating func values() -> [DatabaseValue]? {
      guard let count = integer(UInt16.self) else { return nil }
      var made: [(tag: Tag, number: UInt64)] = []
      for _ in 0..<count {
        guard let tag = take(1)?.first.flatMap(Tag.init(rawValue:)) else { return nil }
        let number: UInt64?
        switch tag {
        case .null: number = 0
        case .integer: number = integer(UInt64.self)
        case .text, .blob: number = integer(UInt32.self).map { UInt64($0) }
        }
        guard let number else { return nil }
        made.append((tag, number))
      }
      var values: [DatabaseValue] = []
      for (tag, number) in made {
        switch tag {
        case .null: values.append(.null)
        case .integer: values.append(Int64(bitPattern: number).databaseValue)
        case .text, .blob:
          guard let octets = take(Int(number)) else { return nil }
          values.append(
            tag == .text
              ? String(decoding: octets, as: UTF8.self).databaseValue
              : Data(octets).databaseValue)
        }
      }
      return values
    }
  }
}

extension [UInt8] {
  /// Appends a number, little-endian.
  mutating func append(integer number: some FixedWidthInteger) {
    var rest = number
    for _ in 0..<(number.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Overwrites octets with a number, little-endian; they must be there.
  mutating func replace<Number: FixedWidthInteger>(integer number: Number, at index: Int) {
    for place in 0..<MemoryLayout<Number>.size {
      self[index + place] = UInt8(truncatingIfNeeded: number >> (8 * place))
    }
  }
}

extension FixedWidthInteger {
  /// The number that so many octets are, little-endian.
  init(littleEndian octets: some BidirectionalCollection<UInt8>) {
    self = octets.reversed().reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
  }
}
