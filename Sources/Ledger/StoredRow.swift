import Foundation
import GRDB
import MailAuth

/// One row of a query, read with care: a value that this version does not write is an error that
/// names the place, never a trap.
struct StoredRow {
  let row: Row
  let path: String

  func text(_ column: String) throws -> String {
    guard let text = try optionalText(column) else { throw unreadable(column) }
    return text
  }

  func optionalText(_ column: String) throws -> String? {
    let value: DatabaseValue = row[column]
    switch value.storage {
    case .null: return nil
    case .string(let text): return text
    default: throw unreadable(column)
    }
  }

  func integer(_ column: String) throws -> Int {
    guard let number = try optionalInteger(column) else { throw unreadable(column) }
    return number
  }

  func optionalInteger(_ column: String) throws -> Int? {
    let value: DatabaseValue = row[column]
    switch value.storage {
    case .null: return nil
    case .int64(let number): return Int(number)
    default: throw unreadable(column)
    }
  }

  func flag(_ column: String) throws -> Bool {
    guard let flag = try optionalFlag(column) else { throw unreadable(column) }
    return flag
  }

  func optionalFlag(_ column: String) throws -> Bool? {
    try optionalInteger(column).map { $0 != 0 }
  }

  /// Octets, stored as TEXT or BLOB; nil for NULL.
  func optionalOctets(_ column: String) throws -> [UInt8]? {
    let value: DatabaseValue = row[column]
    switch value.storage {
    case .null: return nil
    case .string(let text): return Array(text.utf8)
    case .blob(let data): return Array(data)
    default: throw unreadable(column)
    }
  }

  func word<Word: RawRepresentable<String>>(_ column: String) throws -> Word {
    guard let word: Word = try optionalWord(column) else { throw unreadable(column) }
    return word
  }

  func optionalWord<Word: RawRepresentable<String>>(_ column: String) throws -> Word? {
    guard let text = try optionalText(column) else { return nil }
    guard let word = Word(rawValue: text) else { throw unreadable(column) }
    return word
  }

  func domain(_ column: String) throws -> DomainName {
    guard let name = try optionalDomain(column) else { throw unreadable(column) }
    return name
  }

  func optionalDomain(_ column: String) throws -> DomainName? {
    guard let text = try optionalText(column) else { return nil }
    guard let name = DomainName(text) else { throw unreadable(column) }
    return name
  }

  func address(_ column: String) throws -> IPAddress {
    guard let address = IPAddress(try text(column)) else { throw unreadable(column) }
    return address
  }

  func list<Element: Decodable>(_ column: String) throws -> [Element] {
    if try text(column) == "[]" { return [] }
    return try json(column) ?? []
  }

  /// A value stored as JSON; nil for NULL.
  func json<Value: Decodable>(_ column: String) throws -> Value? {
    guard let text = try optionalText(column) else { return nil }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return try decoder.decode(Value.self, from: Data(text.utf8))
    } catch {
      throw unreadable(column)
    }
  }

  /// A value stored as a JSON object; nil for NULL.
  func optionalObject<Value: Decodable>(_ column: String) throws -> Value? {
    guard let text = try optionalText(column) else { return nil }
    do {
      return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    } catch {
      throw unreadable(column)
    }
  }

  func unreadable(_ column: String) -> LedgerError {
    let value: DatabaseValue = row[column]
    let place = row["id"].map { "row \($0), " } ?? ""
    let shown = "\(value)".utf8.printable(limit: 80)
    return LedgerError(path: path, problem: .unreadable("\(place)column \(column): \(shown)"))
  }
}
