/// One header field, as octets.
public struct HeaderField: Sendable, Equatable {
  /// The field name in front of the colon, as it came.
  public var name: [UInt8]

  /// Everything behind the colon up to the CRLF that ends the field, as octets.
  ///
  /// Leading white space is kept and folds are CRLF and white space: DKIM's simple
  /// canonicalization depends on each octet.
  public var value: [UInt8]

  /// Makes a field from octets.
  public init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }

  /// Makes a field from text; `value` needs its own leading blank.
  public init(_ name: String, _ value: String) {
    self.init(name: Array(name.utf8), value: Array(value.utf8))
  }

  /// Whether the field has this name; case does not matter (RFC 5322 section 1.2.2).
  public func isNamed(_ text: String) -> Bool {
    name.equalsIgnoringASCIICase(text)
  }
}
