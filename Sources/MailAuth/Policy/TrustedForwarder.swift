/// A host that forwards mail for recipients here.
public enum TrustedForwarder: Sendable, Equatable, CustomStringConvertible {
  /// Clients in a block of addresses.
  case network(IPNetwork)
  /// Clients whose verified name is this one or ends in it.
  ///
  /// Verified means that the MTA looked the address's name up and that name leads back to the
  /// address.
  case name(DomainName)

  /// Parses an address, `ADDRESS/LENGTH`, or a domain name of two labels or more; nil for anything
  /// else.
  public init?(_ text: String) {
    if let network = IPNetwork(text) {
      self = .network(network.unmapped)
    } else if let name = DomainName(text), name.labels.count >= 2,
      // A name that ends in a number would be a mistyped address.
      name.labels.last?.utf8.allSatisfy(\.isASCIIDigit) == false
    {
      self = .name(name)
    } else {
      return nil
    }
  }

  /// Whether a message came from this host.
  func sent(_ envelope: Envelope) -> Bool {
    switch self {
    case .network(let network): network.contains(envelope.clientAddress)
    case .name(let name):
      envelope.clientName.flatMap { DomainName($0) }?.isEqualOrBelow(name) ?? false
    }
  }

  /// The forwarder as ``init(_:)`` reads it.
  public var description: String {
    switch self {
    case .network(let network): network.description
    case .name(let name): name.text
    }
  }
}
