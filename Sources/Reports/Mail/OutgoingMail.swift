/// A message ready to be handed to a mail server, with its envelope.
public struct OutgoingMail: Sendable, Equatable {
  /// Names the delivery, the same in every attempt: 1 to 64 letters and digits.
  public let token: String
  /// The envelope sender; nil for the null sender.
  public let envelopeSender: MailAddress?
  /// The one envelope recipient.
  public let recipient: MailAddress
  /// The message: CRLF line ends, no line over 998 octets.
  public let octets: [UInt8]

  /// Puts a message into its envelope; nil when the token is not 1 to 64 letters and digits.
  public init?(
    token: String, envelopeSender: MailAddress?, recipient: MailAddress, octets: [UInt8]
  ) {
    guard Self.isToken(token) else { return nil }
    self.token = token
    self.envelopeSender = envelopeSender
    self.recipient = recipient
    self.octets = octets
  }

  /// Whether a text is 1 to 64 ASCII letters and digits, and so fit for a file name and an address.
  static func isToken(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { octet in
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: false
        }
      }
  }
}
