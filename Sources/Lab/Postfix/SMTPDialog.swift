import MailAuth

/// A server's reply (RFC 5321 section 4.2).
struct SMTPAnswer: Equatable, CustomStringConvertible {
  var code: Int
  /// The text of each line, without code.
  var lines: [String]

  var isPositive: Bool { (200..<400).contains(code) }
  var description: String { "\(code) \(lines.joined(separator: " "))" }
}

/// One side of an SMTP or LMTP connection: lines, replies and the dots of DATA.
struct SMTPDialog {
  let socket: TCPSocket
  private var received: [UInt8] = []
  private var hasEnded = false

  init(_ socket: TCPSocket) { self.socket = socket }

  /// The next line with its line end; nil at the end.
  private mutating func readOctets() throws(LabFailure) -> [UInt8]? {
    while true {
      if let end = received.firstIndex(of: 0x0A) {
        let line = Array(received[...end])
        received.removeFirst(line.count)
        return line
      }
      let more = try socket.receive()
      if more.isEmpty { return nil }
      received += more
    }
  }

  /// The next line without its line end; nil at the end.
  mutating func readLine() throws(LabFailure) -> String? {
    guard let line = try readOctets() else { return nil }
    return String(decoding: line.filter { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
  }

  /// What was received behind the last line read.
  mutating func takeRest() -> [UInt8] {
    defer { received = [] }
    return received
  }

  mutating func readAnswer() throws(LabFailure) -> SMTPAnswer {
    var lines: [String] = []
    while let line = try readLine() {
      guard let code = Int(line.prefix(3)) else { throw LabFailure("not an SMTP reply: \(line)") }
      lines.append(String(line.dropFirst(4)))
      if line.dropFirst(3).first != "-" { return SMTPAnswer(code: code, lines: lines) }
    }
    throw LabFailure("the server closed the connection")
  }

  /// The lines behind DATA up to the dot, CRLF line ends, dots removed.
  mutating func readMessage() throws(LabFailure) -> [UInt8] {
    var message: [UInt8] = []
    while let line = try readOctets() {
      if line == Array(".\r\n".utf8) || line == Array(".\n".utf8) { return message }
      message += line.first == UInt8(ascii: ".") ? line.dropFirst() : line[...]
    }
    throw LabFailure("a connection ended within a message")
  }

  func send(_ line: String) throws(LabFailure) { try socket.send("\(line)\r\n".utf8) }

  mutating func command(_ line: String) throws(LabFailure) -> SMTPAnswer {
    try send(line)
    return try readAnswer()
  }

  /// A command that has to be agreed to.
  private mutating func demand(_ line: String) throws(LabFailure) {
    let answer = try command(line)
    guard answer.isPositive else { throw LabFailure("\(line): refused with \(answer)") }
  }

  /// Says a client address and name other than the connection's: Postfix's XCLIENT.
  mutating func pretend(_ client: Letter.Client) throws(LabFailure) -> SMTPAnswer {
    let address = client.actor.address
    let shown = address.isIPv4 ? "\(address)" : "IPV6:\(address)"
    let answer = try command(
      "XCLIENT ADDR=\(shown) NAME=\(client.verifiedName ?? "[UNAVAILABLE]")")
    guard answer.code == 220 else { throw LabFailure("XCLIENT was refused: \(answer)") }
    return answer
  }

  /// Sends a letter and gives the answer to it; the greeting was read.
  mutating func deliver(_ letter: Letter, helo: String) throws(LabFailure) -> SMTPAnswer {
    try demand("EHLO \(helo)")
    let isInternational = !([letter.mailFrom] + letter.recipients).allSatisfy {
      $0.utf8.allSatisfy { $0 < 0x80 }
    }
    try demand(
      "MAIL FROM:<\(letter.mailFrom)> BODY=8BITMIME" + (isInternational ? " SMTPUTF8" : ""))
    for recipient in letter.recipients { try demand("RCPT TO:<\(recipient)>") }
    try demand("DATA")
    var stuffed: [UInt8] = []
    var isLineStart = true
    for octet in letter.octets {
      if isLineStart, octet == UInt8(ascii: ".") { stuffed.append(octet) }
      stuffed.append(octet)
      isLineStart = octet == 0x0A
    }
    if !isLineStart { stuffed += [0x0D, 0x0A] }
    try socket.send(stuffed + Array(".\r\n".utf8))
    let answer = try readAnswer()
    try send("QUIT")
    return answer
  }
}

extension Letter {
  /// Header, empty line and body.
  var octets: [UInt8] {
    var octets: [UInt8] = []
    for field in header { octets += field.name + [0x3A] + field.value + [0x0D, 0x0A] }
    return octets + [0x0D, 0x0A] + body
  }

  /// Takes header and body from a message.
  mutating func take(_ message: [UInt8]) {
    header = []
    body = []
    var reader = MessageReader()
    for piece in reader.read(message) + reader.finish() {
      switch piece {
      case .field(let field): header.append(field)
      case .endOfHeaders: break
      case .body(let octets): body += octets
      }
    }
  }
}
