/// One address of an address list, as octets.
public struct FieldAddress: Sendable, Equatable {
  /// The local part, quotes and quoted pairs resolved.
  public var localPart: [UInt8]
  /// The domain as it came, comments and white space dropped; in brackets for a literal.
  public var domain: [UInt8]

  /// Makes an address.
  public init(localPart: [UInt8], domain: [UInt8]) {
    self.localPart = localPart
    self.domain = domain
  }

  /// The addresses in the value of a field such as To (RFC 5322 section 3.4), without display names
  /// and comments; nil when the value is outside the grammar.
  public static func list(_ value: [UInt8]) -> [FieldAddress]? {
    do throws(AddressParser.Problem) {
      var parser = try AddressParser(value)
      return try parser.parseAddressList().map {
        FieldAddress(localPart: $0.localPart, domain: $0.domain)
      }
    } catch {
      return nil
    }
  }
}
