import Foundation
import GRDB

/// The rows of one message as a line of the journal: a JSON object whose values stand by the names
/// of their columns, so that a later version, with other columns, reads what an earlier one wrote.
///
///     {"dkim":[…],"message":{"host":"mx.example",…},"policy":{…},"spf":[…],"version":1}
enum JournalLine {
  /// Why a line cannot become rows again.
  struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// The line, with its line end.
  static func octets(_ row: MessageRow) throws -> Data {
    let content = Content(
      version: 1,
      message: named(row.message, MessageRow.messageColumns),
      policy: row.policyRecord.map { named($0, MessageRow.policyColumns) },
      spf: row.spfOutcomes.map { named($0, MessageRow.spfColumns) },
      dkim: row.dkimOutcomes.map { named($0, MessageRow.dkimColumns) },
      incident: row.incident.map(Value.init))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(content) + [UInt8(ascii: "\n")]
  }

  /// The rows of a line, without its line end.
  static func row(_ line: Data) throws(Unreadable) -> MessageRow {
    let content: Content
    do {
      content = try JSONDecoder().decode(Content.self, from: line)
    } catch {
      throw Unreadable(description: "not a whole record (\(line.count) octets)")
    }
    guard content.version == 1 else {
      throw Unreadable(description: "written by a newer version (\(content.version))")
    }
    return MessageRow(
      message: values(content.message, MessageRow.messageColumns),
      policyRecord: content.policy.map { values($0, MessageRow.policyColumns) },
      spfOutcomes: content.spf.map { values($0, MessageRow.spfColumns) },
      dkimOutcomes: content.dkim.map { values($0, MessageRow.dkimColumns) },
      incident: content.incident?.stored)
  }

  private static func named(_ row: RowValues, _ columns: [String]) -> [String: Value] {
    let values = row.databaseValues
    precondition(values.count == columns.count, "a value for each column")
    return Dictionary(uniqueKeysWithValues: zip(columns, values.map(Value.init)))
      .filter { !$0.value.stored.isNull }
  }

  private static func values(_ named: [String: Value], _ columns: [String]) -> [DatabaseValue] {
    columns.map { named[$0]?.stored ?? .null }
  }

  private struct Content: Codable {
    var version: Int
    var message: [String: Value]
    var policy: [String: Value]?
    var spf: [[String: Value]]
    var dkim: [[String: Value]]
    var incident: Value?
  }

  /// A value of a column: a text or a number as it is, octets as `{"octets":"<base64>"}`.
  private struct Value: Codable {
    let stored: DatabaseValue

    init(_ stored: DatabaseValue) { self.stored = stored }

    private enum CodingKeys: String, CodingKey { case octets }

    init(from decoder: any Decoder) throws {
      if let box = try? decoder.singleValueContainer() {
        if let number = try? box.decode(Int64.self) {
          stored = number.databaseValue
          return
        }
        if let text = try? box.decode(String.self) {
          stored = text.databaseValue
          return
        }
      }
      let box = try decoder.container(keyedBy: CodingKeys.self)
      stored = try box.decode(Data.self, forKey: .octets).databaseValue
    }

    func encode(to encoder: any Encoder) throws {
      switch stored.storage {
      case .int64(let number):
        var box = encoder.singleValueContainer()
        try box.encode(number)
      case .string(let text):
        var box = encoder.singleValueContainer()
        try box.encode(text)
      case .blob(let data):
        var box = encoder.container(keyedBy: CodingKeys.self)
        try box.encode(data, forKey: .octets)
      case .null, .double:
        // NULL is left out, and no column holds a broken number.
        throw EncodingError.invalidValue(
          stored, .init(codingPath: encoder.codingPath, debugDescription: "not kept"))
      }
    }
  }
}
