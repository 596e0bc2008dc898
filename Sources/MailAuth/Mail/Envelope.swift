/// What SMTP said about a message: who delivered it, in whose name, to whom.
public struct Envelope: Sendable, Equatable {
  /// The address of the SMTP client.
  public var clientAddress: IPAddress
  /// The client's name as the MTA verified it by DNS; nil when it has none.
  public var clientName: String?
  /// The argument of HELO or EHLO, as octets; empty when none was given.
  public var helo: [UInt8]
  /// The reverse-path without its angle brackets, as octets; empty for the null reverse-path.
  public var mailFrom: [UInt8]
  /// The forward-paths without angle brackets, as octets.
  public var recipients: [[UInt8]]

  /// Makes an envelope.
  public init(
    clientAddress: IPAddress, clientName: String? = nil, helo: [UInt8], mailFrom: [UInt8],
    recipients: [[UInt8]] = []
  ) {
    self.clientAddress = clientAddress
    self.clientName = clientName
    self.helo = helo
    self.mailFrom = mailFrom
    self.recipients = recipients
  }

  /// Whether the reverse-path is null, as bounces have it.
  public var hasNullReversePath: Bool { mailFrom.isEmpty }

  /// What follows the last "@" of the reverse-path; nil when it is null or has no "@".
  public var mailFromDomain: [UInt8]? { Self.domain(of: mailFrom) }

  /// The domain of each recipient that has one.
  public var recipientDomains: [[UInt8]] { recipients.compactMap(Self.domain) }

  private static func domain(of address: [UInt8]) -> [UInt8]? {
    address.lastIndex(of: UInt8(ascii: "@")).map { Array(address[($0 + 1)...]) }
  }
}
