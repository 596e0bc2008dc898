/// A message as the MTA's side of the milter protocol sends it.
public struct MilterMessage: Sendable {
  /// A header field; the value has its leading blank, and folds are LF and white space.
  public struct Field: Sendable {
    /// The name.
    public var name: String
    /// The value.
    public var value: String
    /// The value where it is no text; nil where ``value`` is all.
    public var octets: [UInt8]?

    /// Makes a field.
    public init(_ name: String, _ value: String, octets: [UInt8]? = nil) {
      self.name = name
      self.value = value
      self.octets = octets
    }
  }

  /// The reverse-path without angle brackets.
  public var mailFrom: String
  /// The forward-paths without angle brackets.
  public var recipients: [String]
  /// The header.
  public var header: [Field]
  /// The body, CRLF line ends.
  public var body: [UInt8]
  /// The queue ID.
  public var queueID: String
  /// The SASL login name of the client; nil when it did not authenticate.
  public var authenticatedName: String?

  /// Makes a message.
  public init(
    mailFrom: String = "sender@example.com", recipients: [String] = ["rcpt@example.org"],
    header: [Field] = [
      Field("From", " Sender <sender@example.com>"), Field("Subject", " a\n\tfolded one"),
    ],
    body: [UInt8] = Array("Hello\r\n".utf8), queueID: String = "4Test1",
    authenticatedName: String? = nil
  ) {
    self.mailFrom = mailFrom
    self.recipients = recipients
    self.header = header
    self.body = body
    self.queueID = queueID
    self.authenticatedName = authenticatedName
  }
}

/// An SMTP client as the MTA describes it to a filter.
public struct MilterClientHost: Sendable {
  /// The payload of the connect command.
  public let payload: [UInt8]

  /// A client on the network; the family follows from the address's form.
  public init(name: String, address: String, port: UInt16 = 25_000) {
    let family = address.utf8.contains(UInt8(ascii: ":")) ? "6" : "4"
    payload =
      MilterPacket.octets(name) + Array(family.utf8)
      + [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)]
      + MilterPacket.octets(address)
  }

  /// A local client, as a Unix socket or of a family that the MTA does not know.
  public init(localPath: String?) {
    payload =
      MilterPacket.octets("localhost")
      + (localPath.map { Array("L".utf8) + [0, 0] + MilterPacket.octets($0) } ?? Array("U".utf8))
  }
}

/// A change that the filter asks for at the end of the message.
public enum MilterEdit: Sendable, Equatable {
  /// Inserts a field.
  case insert(index: UInt32, name: String, value: String)
  /// Changes a field, or deletes it when the value is empty.
  case change(occurrence: UInt32, name: String, value: String)
  /// Appends a field.
  case add(name: String, value: String)
  /// Puts the message on hold.
  case hold(reason: String)

  /// Reads a packet; nil when it is no edit.
  init?(_ packet: MilterPacket) {
    var reader = MilterPayloadReader(packet.payload)
    switch packet.command {
    case UInt8(ascii: "i"), UInt8(ascii: "m"):
      guard let number = reader.number(), let name = reader.text(), let value = reader.text() else {
        return nil
      }
      self =
        packet.command == UInt8(ascii: "i")
        ? .insert(index: number, name: name, value: value)
        : .change(occurrence: number, name: name, value: value)
    case UInt8(ascii: "h"):
      guard let name = reader.text(), let value = reader.text() else { return nil }
      self = .add(name: name, value: value)
    case UInt8(ascii: "q"):
      guard let reason = reader.text() else { return nil }
      self = .hold(reason: reason)
    default: return nil
    }
  }
}

/// The filter's reply to a command.
public enum MilterReplyCode: Sendable, Equatable {
  /// Go on.
  case `continue`
  /// Take the message, or the connection, without sending more of it.
  case accept
  /// Refuse for now, in the MTA's words.
  case tempfail
  /// Refuse, in the MTA's words.
  case reject
  /// Send no more commands of this kind.
  case skip
  /// Refuse with this reply.
  case reply(String)

  /// Reads a packet; nil when it is no reply.
  init?(_ packet: MilterPacket) {
    switch packet.command {
    case UInt8(ascii: "c"): self = .continue
    case UInt8(ascii: "a"): self = .accept
    case UInt8(ascii: "t"): self = .tempfail
    case UInt8(ascii: "r"): self = .reject
    case UInt8(ascii: "s"): self = .skip
    case UInt8(ascii: "y"):
      var reader = MilterPayloadReader(packet.payload)
      guard let text = reader.text() else { return nil }
      self = .reply(text)
    default: return nil
    }
  }
}

/// How the filter ended a message.
public struct MilterOutcome: Sendable, Equatable {
  /// The edits in the order in which they came.
  public var edits: [MilterEdit]
  /// The reply.
  public var reply: MilterReplyCode

  /// Makes an outcome.
  public init(edits: [MilterEdit], reply: MilterReplyCode) {
    self.edits = edits
    self.reply = reply
  }
}
