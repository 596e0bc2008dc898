/// A message's lot when a policy is to be applied to a percentage of mail only (`pct`, RFC 7489
/// section 6.6.4).
///
/// It is drawn from the message and nothing else, so that a message that comes again, or is
/// evaluated again, has the same lot. A sender who knows that can choose messages that are spared;
/// what it gains is one step down in a policy whose owner asked for exactly that.
struct SamplingDraw: Equatable {
  /// The lot, 0 to 99, each equally likely.
  let value: Int

  /// Stands for a lot that nobody asks for.
  static let notDrawn = SamplingDraw(value: 0)

  private init(value: Int) { self.value = value }

  /// Draws from the fields that identify a message; white space does not matter, because relays
  /// fold anew.
  init(header: [HeaderField]) {
    // FNV-1a, then a mix of all bits into the low ones, which the remainder is made of.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for name in ["Message-ID", "Date", "From"] {
      let value = header.first { $0.isNamed(name) }?.value ?? []
      for octet in value where !octet.isFoldingWhitespace {
        hash = (hash ^ UInt64(octet)) &* 0x100_0000_01B3
      }
      hash = (hash ^ 0xFFFF) &* 0x100_0000_01B3  // Ends each field.
    }
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    hash ^= hash >> 33
    value = Int(hash % 100)
  }

  /// Whether the policy is applied in full under `pct`.
  func isSampled(percent: Int?) -> Bool { value < percent ?? 100 }
}
