/// The header field that marks a quarantined message: `X-Name: value`.
public struct QuarantineField: Sendable, Equatable, CustomStringConvertible {
  /// The name, which begins with `X-`.
  public let name: String
  /// The value: printable ASCII without blanks around it.
  public let value: String

  /// The field unless configured otherwise.
  public static let standard = QuarantineField(
    name: "X-Plumbline-Disposition", value: "quarantine")

  private init(name: String, value: String) {
    self.name = name
    self.value = value
  }

  /// Parses `X-Name: value`; nil for anything else.
  ///
  /// Names that do not begin with `X-` are refused, because incoming fields of the name are
  /// removed; so are names of more than 70 octets and values of more than 200.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let name = Array(parts[0].utf8)
    let value = Array(parts[1].utf8).trimmingFoldingWhitespace()
    guard name.count > 2, name.prefix(2).equalsIgnoringASCIICase("X-"), name.count <= 70,
      name.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || "-_".utf8.contains($0) }),
      (1...200).contains(value.count), value.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    self.init(
      name: String(decoding: name, as: UTF8.self), value: String(decoding: value, as: UTF8.self))
  }

  /// The field as ``init(_:)`` reads it.
  public var description: String { "\(name): \(value)" }
}
