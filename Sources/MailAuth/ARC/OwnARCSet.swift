/// The newest ARC set of a message that a sealer made itself.
///
/// It proves without any DNS what this host said of the message when it arrived, also after the
/// message was changed here: the seal covers the results, and only the holder of the key can have
/// made it.
public struct OwnARCSet: Sendable {
  /// The authserv-id and the results, without the instance.
  public let results: String
  /// `cv=`: how the chain was found on arrival.
  public let chainValidation: ChainValidation
  /// The header without the set.
  public let header: [HeaderField]
  /// The fields of the set, as they have to be removed.
  public let occurrences: [ForgedFields.Occurrence]

  /// Looks for the set; nil when the newest set is somebody else's, or not as it was made.
  init?(_ sealer: ARCSealer, header: [HeaderField]) {
    let chain = ARCChain(header)
    guard let newest = chain.sets.last, newest.repeated == nil,
      let results = newest.authenticationResults?.field, let seal = newest.seal,
      let messageSignature = newest.messageSignature?.field,
      let chainValidation = seal.chainValidation,
      chain.problem == nil || chain.problem?.cause == .failedBefore,
      seal.signature.domain == sealer.domain, seal.signature.selector == sealer.selector
    else { return nil }
    let stream = SHA256Stream()
    let older = chainValidation == .fail ? [] : chain.sets.dropLast().flatMap(\.fields)
    for field in older + [results, messageSignature] {
      stream.update(Canonicalization.relaxed.canonical(field))
      stream.update([0x0D, 0x0A])
    }
    let hash = stream.digest(
      adding: Canonicalization.relaxed.canonical(seal.field.withoutSignatureValue))
    // Both kinds of signature are the same each time, so making it again verifies it.
    guard let hash, let value = seal.signature.value,
      LibCrypto.sign(hash: hash, with: sealer.key) == value,
      let text = Self.text(of: results)
    else { return nil }
    self.results = text
    self.chainValidation = chainValidation
    let own = [results, messageSignature, seal.field]
    self.header = header.filter { !own.contains($0) }
    occurrences = own.compactMap { field in
      guard let index = header.firstIndex(of: field) else { return nil }
      let name = String(decoding: field.name, as: UTF8.self)
      return ForgedFields.Occurrence(
        name: name, number: header[...index].count { $0.isNamed(name) })
    }
  }

  /// The payload behind the instance on one line.
  private static func text(of field: HeaderField) -> String? {
    guard let semicolon = field.value.firstIndex(of: UInt8(ascii: ";")) else { return nil }
    let words = field.value[(semicolon + 1)...].split(whereSeparator: \.isFoldingWhitespace)
    guard !words.isEmpty else { return nil }
    return String(decoding: Array(words.joined(separator: [0x20])), as: UTF8.self)
  }
}

extension ARCSealer {
  /// The newest set of a message if this sealer made it, with this key, domain and selector.
  ///
  /// - Parameter header: The fields from the top down; those that it does not need
  ///   (``needs(_:)``) may be left out.
  /// - Returns: The set; nil when the newest one is somebody else's, or not as it was made.
  public func ownNewestSet(in header: [HeaderField]) -> OwnARCSet? {
    OwnARCSet(self, header: header)
  }
}
