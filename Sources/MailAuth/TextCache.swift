import Synchronization

/// What texts mean, by their octets, for texts that come again and again.
///
/// A text's meaning must depend on its octets and on nothing else. Size is bounded by two
/// generations: meanings are kept in the younger one; when that is full, the older one is dropped
/// and takes its place. What is used stays.
final class TextCache<Meaning: Sendable>: Sendable {
  /// A text, hashed as a whole instead of octet by octet.
  private struct Text: Hashable {
    let octets: [UInt8]

    func hash(into hasher: inout Hasher) {
      unsafe octets.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
  }

  private struct Generations {
    var young: [Text: Meaning] = [:]
    var old: [Text: Meaning] = [:]
    var youngOctets = 0
  }

  /// Longer texts are read anew each time: they are rare, and nobody shall fill the cache with them.
  static var longestText: Int { 2048 }

  private let octetsPerGeneration: Int
  private let generations = Mutex(Generations())

  /// Makes an empty cache.
  ///
  /// - Parameter octets: How much text is kept, roughly. Its meaning takes several times that, of
  ///   texts made for the purpose up to thirty times.
  init(octets: Int = 512 * 1024) { octetsPerGeneration = max(octets / 2, 1) }

  /// The meaning of a text, kept from an earlier call or found by `read`.
  ///
  /// Callers that come at the same time may each read it. What `read` throws is not kept.
  func meaning<Failure>(
    of octets: [UInt8], read: ([UInt8]) throws(Failure) -> Meaning
  ) throws(Failure) -> Meaning {
    guard octets.count <= Self.longestText else { return try read(octets) }
    let text = Text(octets: octets)
    // What is dropped dies out here: many texts take long to free, and others wait for the lock.
    let (known, _) = generations.withLock { kept(text, in: &$0) }
    if let known { return known }
    let meaning = try read(octets)
    _ = generations.withLock { keep(meaning, of: text, in: &$0) }
    return meaning
  }

  /// How many meanings are kept.
  var count: Int { generations.withLock { $0.young.count + $0.old.count } }

  private func kept(
    _ text: Text, in generations: inout Generations
  ) -> (meaning: Meaning?, dropped: [Text: Meaning]) {
    if let meaning = generations.young[text] { return (meaning, [:]) }
    guard let meaning = generations.old.removeValue(forKey: text) else { return (nil, [:]) }
    return (meaning, keep(meaning, of: text, in: &generations))
  }

  /// Keeps a meaning; gives what had to go for it.
  private func keep(
    _ meaning: Meaning, of text: Text, in generations: inout Generations
  ) -> [Text: Meaning] {
    var dropped: [Text: Meaning] = [:]
    // With what surrounds it in memory.
    let octets = text.octets.count + 128
    if generations.youngOctets + octets > octetsPerGeneration {
      dropped = generations.old
      generations.old = generations.young
      generations.young = [:]
      generations.youngOctets = 0
    }
    if generations.young.updateValue(meaning, forKey: text) == nil {
      generations.youngOctets += octets
    }
    return dropped
  }
}
