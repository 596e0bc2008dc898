import MailAuth

/// What sealing needs of a message's header, collected while it arrives.
struct SealedHeader {
  private let sealer: ARCSealer
  private let limits: Configuration.Limits
  private var bytes = 0
  private var count = 0
  /// The fields from the top down.
  private(set) var fields: [HeaderField] = []

  /// Makes an empty header, which may become as large as `limits` say.
  init(_ sealer: ARCSealer, limits: Configuration.Limits) {
    self.sealer = sealer
    self.limits = limits
  }

  /// Whether there was more than may be; the fields are then not the header's.
  var isTooLarge: Bool { bytes > limits.headerBytes || count > limits.headerFields }

  /// Takes a field.
  mutating func add(_ field: HeaderField) {
    bytes += field.name.count + field.value.count
    count += 1
    if !isTooLarge, sealer.needs(field) { fields.append(field) }
  }

  /// Gives the fields away.
  mutating func takeFields() -> [HeaderField] {
    defer { fields = [] }
    return fields
  }
}
