import Ledger
import MailAuth

/// How rows are written out for counting, and ordered: by address, then From domain, then the rest.
///
/// Fields end in a control character that no text of a report holds (``ReportText``).
enum RowKey {
  typealias Line = Tally<AggregateReport.Record>.Line

  private static let end = UInt8(0x1F)
  private static let hexadecimal = Array("0123456789abcdef".utf8)

  static func line(of record: AggregateReport.Record) -> Line {
    Line(sortKey: sortKey(of: record), text: text(of: record))
  }

  private static func sortKey(of record: AggregateReport.Record) -> String {
    let address = IPAddress(record.sourceIP)?.bytes ?? []
    var octets = Array(address.count < 16 ? "4 ".utf8 : "6 ".utf8)
    octets.reserveCapacity(48 + record.headerFrom.utf8.count)
    for octet in address {
      octets.append(hexadecimal[Int(octet >> 4)])
      octets.append(hexadecimal[Int(octet & 0x0F)])
    }
    octets.append(UInt8(ascii: " "))
    octets.append(contentsOf: record.headerFrom.utf8)
    return String(decoding: octets, as: UTF8.self)
  }

  private static func text(of record: AggregateReport.Record) -> String {
    var writer = Writer()
    writer.add(record.sourceIP)
    writer.add(record.disposition.rawValue)
    writer.add(record.dkimAligned ? "1" : "0")
    writer.add(record.spfAligned ? "1" : "0")
    writer.add(record.headerFrom)
    writer.add(optional: record.envelopeFrom)
    writer.add(String(record.reasons.count))
    for reason in record.reasons {
      writer.add(reason.type.rawValue)
      writer.add(optional: reason.comment)
    }
    writer.add(String(record.dkim.count))
    for signature in record.dkim {
      writer.add(signature.domain)
      writer.add(signature.selector)
      writer.add(signature.result.rawValue)
      writer.add(optional: signature.humanResult)
    }
    writer.add(optional: record.spf?.domain)
    if let spf = record.spf {
      writer.add(spf.result.rawValue)
      writer.add(optional: spf.humanResult)
    }
    return String(decoding: writer.octets, as: UTF8.self)
  }

  static func record(of line: Line) throws -> AggregateReport.Record {
    var reader = Reader(line.text)
    var record = AggregateReport.Record(
      sourceIP: try reader.text(), disposition: try reader.word(), dkimAligned: try reader.flag(),
      spfAligned: try reader.flag(), reasons: [], headerFrom: try reader.text(),
      envelopeFrom: try reader.optionalText(), dkim: [], spf: nil)
    for _ in 0..<(try reader.count()) {
      record.reasons.append(
        AggregateReport.Reason(type: try reader.word(), comment: try reader.optionalText()))
    }
    for _ in 0..<(try reader.count()) {
      record.dkim.append(
        AggregateReport.DKIM(
          domain: try reader.text(), selector: try reader.text(), result: try reader.word(),
          humanResult: try reader.optionalText()))
    }
    if let domain = try reader.optionalText() {
      record.spf = AggregateReport.SPF(
        domain: domain, result: try reader.word(), humanResult: try reader.optionalText())
    }
    return record
  }

  private struct Writer {
    var octets: [UInt8] = []

    init() { octets.reserveCapacity(512) }

    mutating func add(_ text: String) {
      octets.append(contentsOf: text.utf8)
      octets.append(RowKey.end)
    }

    mutating func add(optional text: String?) {
      octets.append(UInt8(ascii: text == nil ? "-" : "+"))
      add(text ?? "")
    }
  }

  private struct Reader {
    private let fields: [Substring.UTF8View]
    private var next = 0

    init(_ text: String) {
      fields = Substring(text).utf8.split(separator: RowKey.end, omittingEmptySubsequences: false)
    }

    mutating func text() throws -> String {
      guard next < fields.count else { throw ReportError.unreadableRow }
      defer { next += 1 }
      return String(Substring(fields[next]))
    }

    mutating func optionalText() throws -> String? {
      let field = try text()
      return field.utf8.first == UInt8(ascii: "+") ? String(field.dropFirst()) : nil
    }

    mutating func word<Word: RawRepresentable<String>>() throws -> Word {
      guard let word = Word(rawValue: try text()) else { throw ReportError.unreadableRow }
      return word
    }

    mutating func flag() throws -> Bool { try text() == "1" }

    mutating func count() throws -> Int {
      guard let count = Int(try text()), count >= 0 else { throw ReportError.unreadableRow }
      return count
    }
  }
}
