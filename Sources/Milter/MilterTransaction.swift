public import MailAuth

/// What libmilter and the MTA's macros say about an SMTP connection and a message's beginning.
public struct MilterEnvelopeStart: Sendable {
  /// The client's address; nil when the MTA gives none (a local pipe, an unknown family).
  public var clientAddress: IPAddress?
  /// The client's name as the MTA verified it; nil when there is none.
  public var clientName: String?
  /// The argument of HELO or EHLO, as octets; empty when none was given.
  public var helo: [UInt8]
  /// The reverse-path without angle brackets, as octets; empty for the null reverse-path.
  public var mailFrom: [UInt8]
  /// The name of an authenticated client (`{auth_authen}`); nil when it did not authenticate.
  public var authenticatedName: String?
  /// The MTA's own name (`j`), when it gives one.
  public var hostName: String?

  /// Makes a beginning.
  public init(
    clientAddress: IPAddress?, clientName: String? = nil, helo: [UInt8], mailFrom: [UInt8],
    authenticatedName: String? = nil, hostName: String? = nil
  ) {
    self.clientAddress = clientAddress
    self.clientName = clientName
    self.helo = helo
    self.mailFrom = mailFrom
    self.authenticatedName = authenticatedName
    self.hostName = hostName
  }
}

/// A change to a message's header, in the MTA's terms.
public enum HeaderEdit: Sendable, Equatable {
  /// Puts a field at `index` (0 is the top); `value` carries its own leading blank and folds with
  /// LF and white space.
  case insert(index: Int, name: String, value: String)
  /// Deletes the `occurrence`-th field of this name, counted from 1 at the top.
  case delete(name: String, occurrence: Int)
}

/// The final answer to a message.
public enum MilterReply: Sendable, Equatable {
  /// Go on with the message.
  case accept
  /// Go on with the message and keep it in the MTA's hold queue; the reason is for the MTA's log.
  case hold(reason: String)
  /// Refuse the message: a 5yz code, an enhanced code and one line of text.
  case reject(code: String, enhancedCode: String, text: String)
  /// Ask the client to try again: a 4yz code, an enhanced code and one line of text.
  case tempfail(code: String, enhancedCode: String, text: String)
}

/// The end of a message: edits, then the answer.
public struct MilterVerdict: Sendable, Equatable {
  /// Header edits in the order in which they are made.
  public var edits: [HeaderEdit]
  /// The answer.
  public var reply: MilterReply

  /// Makes a verdict.
  public init(edits: [HeaderEdit], reply: MilterReply) {
    self.edits = edits
    self.reply = reply
  }
}

/// One message on its way through the milter.
///
/// The milter calls the methods one after another, each possibly on a different thread, in the
/// order below; `abort` may come at any point instead of the next one. Only ``endOfMessage(queueID:)``
/// may wait.
public protocol MilterTransaction: AnyObject {
  /// A recipient that the MTA accepted, without angle brackets.
  func recipient(_ address: [UInt8])
  /// A header field, from the top down.
  func header(_ field: HeaderField)
  /// The header is complete.
  func endOfHeaders()
  /// A piece of the body, CRLF line ends; the memory is valid during the call only.
  func body(_ chunk: UnsafeRawBufferPointer)
  /// The message is complete.
  ///
  /// - Parameter queueID: The MTA's queue ID (macro `i`); "NOQUEUE" when it gives none.
  /// - Returns: What to change and what to answer.
  func endOfMessage(queueID: String) -> MilterVerdict
  /// The message will not be completed: RSET, a lost connection, a refusal elsewhere.
  func abort()
}
