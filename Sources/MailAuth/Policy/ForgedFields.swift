/// Finds the incoming header fields that speak in our name: they are removed once the message has
/// been verified with them (RFC 8601 section 5).
public struct ForgedFields: Sendable {
  /// A field that has to go.
  public struct Occurrence: Sendable, Equatable {
    /// The field's name, as we write it.
    public let name: String
    /// Which field of that name it is, counted from 1 at the top; case does not matter.
    public let number: Int
  }

  private let settings: VerdictSettings
  private var counts: [String: Int] = [:]
  private var found: [Occurrence] = []

  /// Makes a finder for one message.
  public init(_ settings: VerdictSettings) {
    self.settings = settings
  }

  /// Looks at a field; fields come from the top down.
  ///
  /// - Returns: Whether it has to go.
  @discardableResult public mutating func add(_ field: HeaderField) -> Bool {
    let before = found.count
    let quarantineName = settings.policy.quarantineField.name
    if field.isNamed(AuthenticationResults.fieldName) {
      count(
        AuthenticationResults.fieldName,
        AuthenticationResults.speaksFor(authservID: settings.authservID, value: field.value))
    } else if field.isNamed(quarantineName) {
      // Whatever it says: the mail store acts on the name.
      count(quarantineName, true)
    } else if settings.writesReceivedSPF, field.isNamed(ReceivedSPF.fieldName) {
      count(
        ReceivedSPF.fieldName,
        ReceivedSPF.speaksFor(authservID: settings.authservID, value: field.value))
    }
    return found.count > before
  }

  private mutating func count(_ name: String, _ isForged: Bool) {
    let number = counts[name, default: 0] + 1
    counts[name] = number
    if isForged { found.append(Occurrence(name: name, number: number)) }
  }

  /// The fields that have to go, from the bottom up, so that no removal moves another.
  public var occurrences: [Occurrence] { found.reversed() }
}
