import TestSupport

/// An SMTP session's connections to the filters, in the order in which Postfix calls them.
///
/// Each event of the SMTP session goes to one filter after the other. Header and body go to the
/// first one completely, and to the next one with the edits of those before.
final class MilterChain {
  /// What came of one message.
  struct Passage {
    /// From MAIL to the last reply.
    var whole: Duration
    /// From the first header packet to the last reply.
    var content: Duration
    /// A reply that refused the message, or took it early; nil where all filters saw all of it.
    var ended: String?
    /// The values of the Authentication-Results fields that were added.
    var results: [String]
  }

  /// How many messages went this way.
  private(set) var sent = 0
  private let clients: [MilterClient]

  init(_ sockets: [String], _ client: Load.Client, timeoutSeconds: Int) throws {
    clients = try sockets.map {
      let filter = try MilterClient(.unix($0), timeoutSeconds: timeoutSeconds)
      try filter.negotiate()
      return filter
    }
    for command in [client.connect, client.helo] {
      if let reply = try event(command) {
        throw FixtureError("the filter answered \(reply) to the connection")
      }
    }
  }

  /// What the filters agreed to.
  var agreements: [MilterClient.Agreement] { clients.map(\.agreement) }

  func send(_ letter: Load.Letter, queueID: String) throws -> Passage {
    sent += 1
    let start = ContinuousClock.now
    let data = EncodedCommand("T", macros: ["i": queueID])
    for command in [letter.mail, letter.recipient, data] {
      if let reply = try event(command) {
        abort()
        let duration = start.duration(to: .now)
        return Passage(whole: duration, content: .zero, ended: "\(reply)", results: [])
      }
    }
    let contentStart = ContinuousClock.now
    var header = letter.header
    var results: [String] = []
    var ended: String?
    for (number, client) in clients.enumerated() {
      let outcome = try client.sendContent(header: header, body: letter.body, queueID: queueID)
      results += outcome.edits.compactMap(\.results)
      guard outcome.reply == .continue || outcome.reply == .accept else {
        ended = "\(outcome.reply)"
        break
      }
      if number < clients.count - 1, !outcome.edits.isEmpty {
        header = header.applying(
          outcome.edits, isSpaced: client.agreement.wantsLeadingSpace)
      }
    }
    let end = ContinuousClock.now
    abort()
    return Passage(
      whole: start.duration(to: end), content: contentStart.duration(to: end), ended: ended,
      results: results)
  }

  func quit() throws {
    for client in clients { try client.quit() }
  }

  /// Postfix ends each message so, also one that was answered; it goes out with the next command.
  private func abort() {
    for client in clients { client.abort() }
  }

  /// Tells each filter; the first reply that is not "continue" ends the session or message.
  private func event(_ command: EncodedCommand) throws -> MilterReplyCode? {
    for client in clients {
      if let reply = try client.send(command), reply != .continue { return reply }
    }
    return nil
  }
}

extension MilterEdit {
  /// The value of an Authentication-Results field that is added.
  fileprivate var results: String? {
    switch self {
    case .insert(_, let name, let value), .add(let name, let value):
      name == "Authentication-Results" ? value : nil
    case .change, .hold: nil
    }
  }
}
