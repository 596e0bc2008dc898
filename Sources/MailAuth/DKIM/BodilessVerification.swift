/// Verifies DKIM signatures with the hashes of a body that is not there any more.
///
/// libopendkim wants the body itself, so this is done here, with the same code as ARC's message
/// signatures, which are made like DKIM's.
final class BodilessVerification {
  private let header: [HeaderField]
  private let signed: SignedHeader
  private let places: [Int]
  private let bodyHashes: BodyHashes

  /// Takes the whole header and what was kept of the body.
  init(header: [HeaderField], bodyHashes: BodyHashes) {
    // libopendkim is not given fields with a NUL either.
    let hashed = header.filter { $0.isNamed("DKIM-Signature") || !$0.value.contains(0) }
    self.header = hashed
    signed = SignedHeader(hashed)
    places = hashed.indices.filter { hashed[$0].isNamed("DKIM-Signature") }
    self.bodyHashes = bodyHashes
  }

  /// Octets of the canonical body; nil when that was not recorded.
  func bodyLength(_ canonicalization: Canonicalization) -> Int? {
    bodyHashes.entries.first { $0.canonicalization == canonicalization.rawValue }?.bodyLength
  }

  /// Verifies one signature.
  ///
  /// - Parameters:
  ///   - position: Which DKIM-Signature field, from the top down.
  ///   - signature: What stands in it.
  ///   - key: The key that must have made it.
  /// - Returns: What libopendkim would say; nil when the hash of the body was not recorded.
  func result(
    position: Int, _ signature: DKIMSignature, key: DKIMPublicKey
  ) -> LibOpenDKIMVerification.Result? {
    guard places.indices.contains(position), let forms = signature.canonicalizations,
      let body = bodyHashes[forms.body, limit: signature.bodyLength]
    else { return nil }
    typealias Result = LibOpenDKIMVerification.Result
    if let limit = signature.bodyLength, limit > body.bodyLength {
      return Result(error: DKIMLibraryError.bodyLengthTooLarge, isHeaderVerified: false)
    }
    let isHeaderVerified = verifiesHeader(position, signature, forms.header, key)
    let isBodyVerified = body.hash != nil && body.hash == bodyHash(position)
    return Result(
      error: isHeaderVerified && isBodyVerified ? 0 : DKIMLibraryError.badSignature,
      isHeaderVerified: isHeaderVerified, isBodyVerified: isBodyVerified)
  }

  private func tag(_ name: String, _ position: Int) -> [UInt8]? {
    guard let tags = try? TagList(header[places[position]].value) else { return nil }
    return tags.compactText(name).flatMap { Base64.decode($0) }
  }

  private func bodyHash(_ position: Int) -> [UInt8]? { tag("bh", position) }

  private func verifiesHeader(
    _ position: Int, _ signature: DKIMSignature, _ canonicalization: Canonicalization,
    _ key: DKIMPublicKey
  ) -> Bool {
    let hash = signed.hash(
      signatureIndex: places[position], signedNames: signature.signedNames,
      canonicalization: canonicalization)
    guard let hash, let value = tag("b", position) else { return false }
    let verification =
      signature.algorithm == "ed25519-sha256"
      ? LibCrypto.verifyEd25519(hash: hash, signature: value, publicKey: key.encoded)
      : LibCrypto.verifyRSA(hash: hash, signature: value, publicKey: key.encoded)
    return if case .verified = verification { true } else { false }
  }
}
