/// The ARC set that this host put on a message.
public struct AddedARCSet: Sendable, Codable, Equatable {
  /// `i=`.
  public var instance: Int
  /// `cv=`: how the chain was found on arrival; none for the first set.
  public var chainValidation: ChainValidation
  /// `d=`.
  public var domain: DomainName
  /// `s=`.
  public var selector: DomainName

  /// Makes a description of a set.
  public init(
    instance: Int, chainValidation: ChainValidation, domain: DomainName, selector: DomainName
  ) {
    self.instance = instance
    self.chainValidation = chainValidation
    self.domain = domain
    self.selector = selector
  }
}
