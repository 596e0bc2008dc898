/// The addresses in From fields.
public enum AuthorAddresses {
  /// The addresses in the value of a From field, `local@domain`, in order; empty when the field
  /// cannot be read.
  ///
  /// Octets that are not UTF-8 are replaced, so such an address equals no real one.
  public static func list(inFrom value: [UInt8]) -> [String] {
    guard value.count <= Author.mostOctets else { return [] }
    do {
      var parser = try AddressParser(value)
      return try parser.parseAddressList().map { address in
        String(decoding: address.localPart + [UInt8(ascii: "@")] + address.domain, as: UTF8.self)
      }
    } catch {
      return []
    }
  }
}
