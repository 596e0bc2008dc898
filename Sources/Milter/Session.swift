internal import MailAuth

/// One connection of the MTA, which is one SMTP connection of a client; any number of messages.
///
/// libmilter calls back one at a time for a connection, on changing threads, so nothing here is
/// locked; the only reference lies with libmilter between ``xxfi_negotiate`` and ``xxfi_close``.
/// Every call is answered whatever came before: libmilter checks the order of commands only
/// loosely, and the other end of the socket may not be an MTA at all.
final class Session {
  /// The protocol's "no reply" bits that were granted in negotiation; none before it.
  var waivedReplies: UInt = 0
  /// Whether the MTA passes on, and expects, the white space in front of a field's value.
  var keepsLeadingSpace = false

  let server: MilterServer
  private var clientAddress: IPAddress?
  private var clientName: String?
  private var helo: [UInt8] = []
  private var message: Message?
  /// What became of a message that is not followed, where only its end is answered.
  ///
  /// One that is refused is not counted as in flight: else mail that goes on coming would keep a
  /// milter that drains.
  private var held: Beginning?  // Never `followed`.

  private struct Message {
    enum Part { case envelope, header, body }

    var transaction: any MilterTransaction
    var part = Part.envelope
    /// Something came that has no place in a message, so what was seen is not the message.
    var isBroken = false
  }

  /// What becomes of a message at its MAIL command.
  enum Beginning: Equatable {
    /// It is followed to its end.
    case followed
    /// The MTA need not send it.
    case skipped
    /// It is refused for now.
    case refused(MilterReply)
  }

  init(server: MilterServer) {
    self.server = server
    server.sessionBegan()
  }

  deinit {
    dropMessage()
    server.sessionEnded()
  }

  /// The SMTP client that connected.
  func connected(address: IPAddress?, name: [UInt8]) {
    dropMessage()
    clientAddress = address
    clientName = Self.verifiedName(name)
    helo = []
  }

  /// HELO or EHLO.
  func greeted(_ argument: [UInt8]) {
    helo = argument
  }

  /// MAIL: a message begins.
  ///
  /// - Parameters:
  ///   - path: The reverse-path.
  ///   - authenticatedName: Whom the client has shown itself to be.
  ///   - hostName: The MTA's own name.
  ///   - isAnswered: Whether the MTA waits for an answer; if not, there is none but at the end.
  /// - Returns: What becomes of it.
  func mail(
    from path: [UInt8], authenticatedName: String?, hostName: String?, isAnswered: Bool = true
  ) -> Beginning {
    dropMessage()
    let isTaken = server.messageBegan()
    let start = MilterEnvelopeStart(
      clientAddress: clientAddress, clientName: clientName, helo: helo,
      mailFrom: Self.withoutAngleBrackets(path), authenticatedName: authenticatedName,
      hostName: hostName)
    if isTaken, let transaction = server.beginMessage(start) {
      message = Message(transaction: transaction)
      return .followed
    }
    let beginning = isTaken ? Beginning.skipped : .refused(MilterServer.drainingReply)
    guard isAnswered else {
      held = beginning
      return .followed
    }
    if isTaken { server.messageEnded() }
    return beginning
  }

  /// RCPT.
  func recipient(_ path: [UInt8]) {
    guard let message else { return }
    guard message.part == .envelope else { return markBroken() }
    message.transaction.recipient(Self.withoutAngleBrackets(path))
  }

  /// A header field, the value as libmilter gives it: folded with bare LF; its memory belongs to
  /// libmilter.
  func header(name: [UInt8], value: UnsafeRawBufferPointer) {
    guard let message else { return }
    guard message.part != .body else { return markBroken() }
    self.message?.part = .header
    let value = unsafe Self.messageValue(value, keepsLeadingSpace: keepsLeadingSpace)
    message.transaction.header(HeaderField(name: name, value: value))
  }

  /// The empty line behind the header.
  func endOfHeaders() {
    guard let message else { return }
    guard message.part != .body else { return markBroken() }
    self.message?.part = .body
    message.transaction.endOfHeaders()
  }

  /// A piece of the body; the memory belongs to libmilter.
  func body(_ chunk: UnsafeRawBufferPointer) {
    guard message != nil else { return }
    endHeadersIfOpen()
    unsafe message?.transaction.body(chunk)
  }

  /// The end of the message: edits first, then the answer.
  ///
  /// - Parameters:
  ///   - queueID: The MTA's queue ID.
  ///   - edit: Makes one edit; returns what went wrong, nil for success.
  /// - Returns: The answer.
  func endOfMessage(queueID: String, edit: (HeaderEdit) -> String?) -> MilterReply {
    if let held {
      dropMessage()
      if case .refused(let reply) = held { return reply }
      return .accept
    }
    guard message != nil else { return Self.outOfOrderReply }
    endHeadersIfOpen()
    guard let message, !message.isBroken else {
      dropMessage()
      return Self.outOfOrderReply
    }
    self.message = nil
    let verdict = message.transaction.endOfMessage(queueID: queueID)
    for change in verdict.edits {
      guard let problem = edit(change) else { continue }
      server.report("header edit not made: \(change.label): \(problem)", queueID: queueID)
    }
    server.messageEnded()
    return verdict.reply
  }

  /// RSET, a lost connection, or a refusal by somebody else.
  func abort() {
    dropMessage()
  }

  /// Text for the MTA: the field value of an edit as this MTA wants it.
  func editValue(_ value: String) -> String {
    // An MTA that does not keep the leading blank adds one itself.
    keepsLeadingSpace || !value.hasPrefix(" ") ? value : String(value.dropFirst())
  }

  private func dropMessage() {
    if held == .skipped { server.messageEnded() }
    held = nil
    guard let message else { return }
    self.message = nil
    message.transaction.abort()
    server.messageEnded()
  }

  private func markBroken() {
    message?.isBroken = true
  }

  private func endHeadersIfOpen() {
    if message?.part != .body { endOfHeaders() }
  }

  /// A field's value as the message had it: folds are CRLF again, and it begins with its blank.
  ///
  /// - Parameters:
  ///   - value: The value as libmilter gives it.
  ///   - keepsLeadingSpace: Whether the MTA passes on the white space in front of it.
  /// - Returns: The octets behind the field's colon.
  static func messageValue(
    _ value: UnsafeRawBufferPointer, keepsLeadingSpace: Bool
  ) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(value.count + 16)
    // An MTA without SMFIP_HDR_LEADSPC has eaten one blank; nearly every field has exactly one.
    let first = unsafe value.first
    if !keepsLeadingSpace, first != 0x20, first != 0x09 { octets.append(0x20) }
    var rest = unsafe value
    while let end = unsafe rest.place(of: 0x0A) {
      unsafe octets.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[..<end]))
      if octets.last != 0x0D { octets.append(0x0D) }
      octets.append(0x0A)
      unsafe rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
    }
    unsafe octets.append(contentsOf: rest)
    return octets
  }

  /// The reply to a message whose commands came in an order that no MTA uses.
  static let outOfOrderReply = MilterReply.tempfail(
    code: "451", enhancedCode: "4.3.0", text: "Milter commands out of order, try again later")

  private static func withoutAngleBrackets(_ path: [UInt8]) -> [UInt8] {
    guard path.count >= 2, path.first == UInt8(ascii: "<"), path.last == UInt8(ascii: ">") else {
      return path
    }
    return Array(path[1..<(path.count - 1)])
  }

  /// Nil for what the MTA writes when the client has no verified name: the address in brackets
  /// (also Postfix, which translates its own "unknown") or "unknown".
  private static func verifiedName(_ name: [UInt8]) -> String? {
    guard !name.isEmpty, name.first != UInt8(ascii: "["), !name.equalsIgnoringASCIICase("unknown"),
      name.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    return String(decoding: name, as: UTF8.self)
  }
}
