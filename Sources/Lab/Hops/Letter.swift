import MailAuth

/// A message with its envelope, somewhere on its way.
struct Letter: Equatable {
  /// The host that sent it last.
  struct Client: Equatable {
    var actor: Scenario.Actor
    var helo: String
    /// Its name as the receiver verified it; nil when the DNS does not confirm it.
    var verifiedName: String?
  }

  var mailFrom: String
  var recipients: [String]
  /// Nil before the first host sends it.
  var client: Client?
  /// From the top down; folds are CRLF and white space.
  var header: [HeaderField] = []
  /// Line ends are CRLF.
  var body: [UInt8] = []
  /// What is known of the body when it is not there.
  var bodyHashes: BodyHashes?

  init(_ mail: ScenarioMail) {
    mailFrom = mail.from
    recipients = mail.to
    bodyHashes = mail.bodyHashes
    take(mail.octets ?? Array(mail.message.utf8))
  }

  /// The envelope as the receiver sees it when this client sends the letter.
  func envelope(from client: Client) -> Envelope {
    Envelope(
      clientAddress: client.actor.address, clientName: client.verifiedName,
      helo: Array(client.helo.utf8), mailFrom: Array(mailFrom.utf8),
      recipients: recipients.map { Array($0.utf8) })
  }

  /// What follows the last "@" of an address; nil when there is none.
  static func domain(of address: String) -> String? {
    address.lastIndex(of: "@").map { String(address[address.index(after: $0)...]) }
  }

  /// The text of the first field of this name, unfolded and trimmed; nil when there is none.
  func value(of name: String) -> String? {
    header.first { $0.isNamed(name) }.map(\.text)
  }

  /// Puts a field on top.
  mutating func add(_ name: String, _ value: String) {
    header.insert(HeaderField(name, " " + value), at: 0)
  }

  /// Puts a field on top that is folded already.
  mutating func add(_ field: AddedField) {
    header.insert(
      HeaderField(name: Array(field.name.utf8), value: Self.withCRLF(field.foldedValue.utf8)), at: 0
    )
  }

  /// Gives the first field of this name another value; adds it at the end when there is none.
  mutating func set(_ name: String, _ value: String) {
    let field = HeaderField(name, " " + value)
    if let index = header.firstIndex(where: { $0.isNamed(name) }) {
      header[index].value = field.value
    } else {
      header.append(field)
    }
  }

  /// Puts lines behind the body.
  mutating func append(lines text: String) {
    if !body.isEmpty, body.suffix(2) != [0x0D, 0x0A] {
      body += [0x0D, 0x0A]
    }
    body += Self.withCRLF(text.utf8)
    if body.suffix(2) != [0x0D, 0x0A] { body += [0x0D, 0x0A] }
  }

  /// The octets with CRLF where there is LF alone.
  static func withCRLF(_ octets: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for octet in octets {
      if octet == 0x0A, result.last != 0x0D { result.append(0x0D) }
      result.append(octet)
    }
    return result
  }
}

extension HeaderField {
  /// The name as text.
  var nameText: String { String(decoding: name, as: UTF8.self) }

  /// The value on one line, without blanks around it.
  var text: String {
    String(decoding: value, as: UTF8.self)
      .split(whereSeparator: { $0 == "\r\n" || $0 == "\n" || $0 == "\t" || $0 == " " })
      .joined(separator: " ")
  }
}
