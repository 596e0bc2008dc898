import Foundation
public import Ledger
import MailAuth
import Reports

/// A message of the ledger as a scenario that finds again what was recorded.
///
/// It has one host that sends and one that receives; the DNS is what was answered then, and whatever
/// was not asked ends as a failure, so that other settings never see a name that only seems not to
/// exist.
public struct CapturedScenario: Sendable {
  /// The file.
  public let text: String
  /// What could not be written as it was, in sentences.
  public let notes: [String]

  /// Writes the scenario of a captured message; nil when its header was not kept.
  ///
  /// - Parameters:
  ///   - record: What was recorded.
  ///   - capture: What was kept of it.
  public init?(_ record: MessageRecord, _ capture: MessageCapture) {
    guard let header = capture.header else { return nil }
    let clientName = record.envelope.clientName.flatMap { DomainName($0)?.text }
    let zone = RecordedZone(
      capture.dns, client: clientName.map { ($0, record.envelope.clientAddress) })
    let message = CapturedMessage(header: header, capture)
    notes = zone.notes + message.notes
    let about = CapturedMessage.about(body: capture.body != nil)
    var lines = Self.title(record, about + notes)
    lines += ["time: \(UTCDay.timeText(record.receivedAt))", "dns:"] + zone.lines
    lines += Self.actors(record, clientName: clientName)
    lines += [
      "mail:", "  from: " + YAMLText.quoted(String(decoding: capture.mailFrom, as: UTF8.self)),
      "  to: " + YAMLText.list(Self.recipients(record)) + "   # their names are not recorded",
    ]
    lines += message.lines
    lines += Self.hops(record, capture.settings)
    lines += ["expect:", "  receiver:"] + RecordedExpectations(record).lines()
    text = lines.map { $0 + "\n" }.joined()
  }

  /// Comments, `title` and `why`.
  static func title(_ record: MessageRecord, _ comments: [String]) -> [String] {
    let evaluation = record.evaluation
    let author = evaluation.authorDomain?.text ?? "an unknown author"
    // With queue ID and time no two files have the same title.
    let time = UTCDay.timeText(record.receivedAt)
    let title =
      "\(record.queueID) of \(time): DMARC \(evaluation.dmarc.result.rawValue) of \(author) "
      + "from \(record.envelope.clientAddress)"
    let why = evaluation.rootCause?.explanation ?? evaluation.dmarc.explanation
    let first =
      "Message \(record.queueID), received by \(record.host) at \(time) UTC."
    return ([first] + comments).map { "# " + YAMLText.comment($0) } + [
      "title: \(YAMLText.quoted(title))", "why: \(YAMLText.quoted(why))",
    ]
  }

  static func actors(_ record: MessageRecord, clientName: String?) -> [String] {
    let client =
      clientName.map { YAMLText.quoted($0) } ?? "client.invalid"
    let host = DomainName(record.host)?.text ?? "receiver.invalid"
    return [
      "actors:",
      "  client: {name: \(client), address: \"\(record.envelope.clientAddress)\"}"
        + (clientName == nil ? "   # its name was not verified" : ""),
      "  receiver: {name: \(YAMLText.quoted(host)), address: 192.0.2.25}   # any address does",
    ]
  }

  static func recipients(_ record: MessageRecord) -> [String] {
    let domains = record.envelope.recipientDomains.map { String(decoding: $0, as: UTF8.self) }
    return domains.isEmpty ? ["recipient@\(record.host)"] : domains.map { "recipient@\($0)" }
  }

  static func hops(_ record: MessageRecord, _ settings: [MessageCapture.Setting]) -> [String] {
    let helo = YAMLText.quoted(String(decoding: record.envelope.helo, as: UTF8.self))
    let entries = settings.map { setting in
      let isOne = !setting.isList && setting.values.count == 1
      return "        \(setting.key): "
        + (isOne ? YAMLText.quoted(setting.values[0]) : YAMLText.list(setting.values))
    }
    return [
      "hops:", "  - send: {from: client, to: receiver, helo: \(helo), trace: false}",
    ]
      + (entries.isEmpty
        ? ["  - receive: receiver"] : ["  - receive:", "      config:"] + entries)
  }
}

/// What is kept of a message as the `mail` of a scenario.
struct CapturedMessage {
  /// The lines behind `to`, indented by two blanks.
  private(set) var lines: [String] = []
  /// What could not be written as it was.
  private(set) var notes: [String] = []

  init(header: [HeaderField], _ capture: MessageCapture) {
    var octets = header.flatMap { $0.name + [UInt8(ascii: ":")] + $0.value + [0x0D, 0x0A] }
    if let body = capture.body { octets += [0x0D, 0x0A] + body }
    if let block = YAMLText.block(octets, indent: 4) {
      lines = ["  message: \(block[0])"] + block.dropFirst()
    } else {
      lines = ["  # The message is no text that YAML can hold.", "  message_base64: |"]
      var rest = Data(octets).base64EncodedString()[...]
      while !rest.isEmpty {
        lines.append("    " + rest.prefix(76))
        rest = rest.dropFirst(76)
      }
    }
    var reader = MessageReader()
    let pieces = reader.read(octets) + reader.finish()
    let fields = pieces.compactMap { if case .field(let field) = $0 { field } else { nil } }
    if fields != header { notes.append("A field of the header cannot be written as it came.") }
    if capture.body == nil { lines += Self.lines(capture.bodyHashes) }
  }

  /// What a reader of the file has to know.
  static func about(body isThere: Bool) -> [String] {
    let kept = isThere ? "Header and body are as they came" : "The header is as it came"
    return [kept + ", with the addresses of people: keep this file as you keep their mail."]
      + (isThere
        ? []
        : ["The body was not kept. Its hashes were, so that its signatures can still be verified."])
  }

  private static func lines(_ hashes: BodyHashes) -> [String] {
    guard !hashes.entries.isEmpty else {
      return ["  body_hashes: []   # the body was not kept, and no signature needs it"]
    }
    return ["  body_hashes:   # of the body, which was not kept"]
      + hashes.entries.map { entry in
        "    - {canonicalization: \(entry.canonicalization), length: \(entry.bodyLength)"
          + (entry.limit.map { ", limit: \($0)" } ?? "")
          + (entry.sha256.map { ", sha256: \(YAMLText.quoted($0))" } ?? "") + "}"
      }
  }
}
