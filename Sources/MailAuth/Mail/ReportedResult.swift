/// One result out of somebody's Authentication-Results or ARC-Authentication-Results field
/// (RFC 8601 section 2.2): what that host says, not what is true.
public struct ReportedResult: Sendable, Codable, Equatable {
  /// A `ptype.property=pvalue` of a result.
  public struct Property: Sendable, Codable, Equatable {
    /// The ptype, lower case, such as `smtp`.
    public var type: String
    /// The property, lower case, such as `mailfrom`.
    public var name: String
    /// The value as it came, quotes and escapes resolved, octets other than printable ASCII
    /// written as `\xNN`, at most 255 characters and an ellipsis.
    public var value: String

    /// Makes a property.
    public init(type: String, name: String, value: String) {
      self.type = type
      self.name = name
      self.value = value
    }
  }

  /// The method, lower case, without a version, such as `dmarc`.
  public var method: String
  /// The result, lower case, such as `pass`.
  public var result: String
  /// The properties in the order in which they came.
  public var properties: [Property]

  /// Makes a result.
  public init(method: String, result: String, properties: [Property] = []) {
    self.method = method
    self.result = result
    self.properties = properties
  }

  /// The value of the first property of this type and name, both lower case; nil when absent.
  public func value(_ type: String, _ name: String) -> String? {
    properties.first { $0.type == type && $0.name == name }?.value
  }
}
