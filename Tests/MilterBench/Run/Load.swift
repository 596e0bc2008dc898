import TestSupport

/// A mix in memory, encoded for the wire.
struct Load: Sendable {
  /// A message with its envelope.
  struct Letter: Sendable {
    var mail: EncodedCommand
    var recipient: EncodedCommand
    var header: EncodedHeader
    var body: EncodedBody
    var expected: [Expectation]
  }

  /// What the results of a message have to contain, and how often.
  struct Expectation: Sendable {
    var text: String
    var count: Int
  }

  /// The start of an SMTP session.
  struct Client: Sendable {
    var connect: EncodedCommand
    var helo: EncodedCommand
  }

  private struct Content {
    var header: EncodedHeader
    var body: EncodedBody
  }

  /// The messages in the order in which they are sent; behind the last one it begins anew.
  let letters: [Letter]
  let clients: [Client]

  init(_ corpus: Corpus, mix: String, alsoExpected: [String]) throws {
    var contents: [String: Content] = [:]
    letters = try corpus.letters(of: mix).map { letter in
      let content =
        try contents[letter.file] ?? Self.content(corpus.octets(of: letter.file), letter.file)
      contents[letter.file] = content
      return Self.letter(letter, content, alsoExpected)
    }
    clients = try corpus.clients(of: mix).map(Self.client)
  }

  private static func letter(
    _ letter: Corpus.Letter, _ content: Content, _ alsoExpected: [String]
  ) -> Letter {
    let counts = Dictionary(
      (letter.expected + alsoExpected).map { ($0, 1) }, uniquingKeysWith: +)
    let from = letter.mailFrom
    let to = letter.recipient
    return Letter(
      mail: EncodedCommand(
        "M", MilterPacket.octets("<\(from)>") + MilterPacket.octets("SIZE=4096"),
        macros: [
          "{mail_addr}": from, "{mail_host}": "\(from.split(separator: "@").last ?? "")",
          "{mail_mailer}": "smtp",
        ]),
      recipient: EncodedCommand(
        "R", MilterPacket.octets("<\(to)>"),
        macros: [
          "{rcpt_addr}": to, "{rcpt_host}": "receiver.example", "{rcpt_mailer}": "local",
        ]),
      header: content.header, body: content.body,
      expected: counts.map { Expectation(text: $0.key, count: $0.value) })
  }

  private static func client(_ client: Corpus.Client) -> Client {
    Client(
      connect: EncodedCommand(
        "C", MilterClientHost(name: client.name, address: client.address).payload,
        macros: [
          "j": "mx.receiver.example", "{daemon_name}": "mx.receiver.example",
          "{daemon_addr}": "192.0.2.1", "v": "Postfix 3.7.11",
          "_": "\(client.name) [\(client.address)]",
        ]),
      helo: EncodedCommand("H", MilterPacket.octets(client.name)))
  }

  /// Splits a message file; folds become LF, as Postfix has them.
  private static func content(_ octets: [UInt8], _ file: String) throws -> Content {
    var fields: [MilterMessage.Field] = []
    var rest = octets[...]
    while let end = rest.firstIndex(of: 0x0A) {
      let line = rest[..<end].filter { $0 != 0x0D }
      rest = rest[(end + 1)...]
      if line.isEmpty {
        return Content(header: EncodedHeader(fields), body: EncodedBody(rest))
      }
      let isFold = line.first == 0x20 || line.first == 0x09
      let colon = line.firstIndex(of: UInt8(ascii: ":"))
      if isFold, !fields.isEmpty {
        fields[fields.count - 1].octets? += [0x0A] + line
      } else if let colon {
        fields.append(
          MilterMessage.Field(
            String(decoding: line[..<colon], as: UTF8.self), "",
            octets: Array(line[(colon + 1)...])))
      } else {
        break
      }
    }
    throw FixtureError("\(file) is no message")
  }
}
