/// What stands for a body that libopendkim does not get: its hashes.
///
/// libopendkim still verifies what was signed of the header, and with it `bh=`, as it does for every
/// message; whether the body fits `bh=` the hashes say, since the library takes nothing but a body.
/// The hashes are of the forms that RFC 6376 describes, so for a relaxed body with a CR that no LF
/// follows, which the library reads in another way, the outcome can be another.
struct BodilessVerification {
  /// One hash of a canonical form.
  private struct Hash {
    var canonicalization: Canonicalization
    /// How many octets of it are hashed; nil for all.
    var limit: Int?
    /// How many octets it has.
    var bodyLength: Int
    var hash: [UInt8]?
  }

  private let hashes: [Hash]
  /// `bh=` of each DKIM-Signature field, from the top down.
  private let signedHashes: [[UInt8]?]

  /// Takes what was kept of a body that is not there any more.
  init(_ kept: BodyHashes, signatures: [DKIMSignature]) {
    hashes = kept.entries.compactMap { entry in
      Canonicalization(rawValue: entry.canonicalization).map {
        Hash(
          canonicalization: $0, limit: entry.limit, bodyLength: entry.bodyLength, hash: entry.hash)
      }
    }
    signedHashes = signatures.map(\.bodyHash)
  }

  /// Hashes a whole body in each form that signatures without `l=` name.
  init(of body: [UInt8], signatures: [DKIMSignature]) {
    let forms = Canonicalization.allCases.filter { form in
      signatures.contains { $0.problem == nil && $0.canonicalizations?.body == form }
    }
    hashes = forms.map { form in
      let hash = BodyHash(form, lengths: [nil])
      unsafe body.withUnsafeBytes { unsafe hash.take($0) }
      hash.finish()
      return Hash(
        canonicalization: form, limit: nil, bodyLength: hash.length, hash: hash.hash(length: nil))
    }
    signedHashes = signatures.map(\.bodyHash)
  }

  /// Octets of the canonical body; nil when that was not recorded.
  func length(_ canonicalization: Canonicalization) -> Int? {
    hashes.first { $0.canonicalization == canonicalization }?.bodyLength
  }

  /// Gives libopendkim some body that is as long as the real one, so that it does not stop at `l=`.
  func feed(_ verification: LibOpenDKIMVerification) throws(LibOpenDKIMError) {
    let lengths = hashes.filter { $0.limit != nil }.map(\.bodyLength)
    var left = min(lengths.max() ?? 0, Self.mostOctets)
    let filler = [UInt8](repeating: UInt8(ascii: "x"), count: min(left, 65_536))
    while left > 0 {
      let count = min(left, filler.count)
      // A typed throw does not come out of the closure of withUnsafeBytes.
      let failure = unsafe filler.withUnsafeBytes { buffer -> LibOpenDKIMError? in
        do throws(LibOpenDKIMError) {
          try unsafe verification.body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          return nil
        } catch {
          return error
        }
      }
      if let failure { throw failure }
      left -= count
    }
  }

  /// No mail server takes a longer message; a file that says so could keep us busy for ever.
  private static let mostOctets = 1 << 31

  /// What libopendkim would say of a signature with the body.
  ///
  /// - Parameters:
  ///   - result: What it says with another body.
  ///   - position: Which DKIM-Signature field, from the top down.
  ///   - signature: What stands in it.
  /// - Returns: nil when the hash that the signature needs was not recorded.
  func completed(
    _ result: LibOpenDKIMVerification.Result, position: Int, _ signature: DKIMSignature
  ) -> LibOpenDKIMVerification.Result? {
    guard let forms = signature.canonicalizations, signedHashes.indices.contains(position),
      let body = hashes.first(where: {
        $0.canonicalization == forms.body && $0.limit == signature.bodyLength
      })
    else { return nil }
    // Anything else the library found before it looked at the body.
    let bodyErrors = [0, DKIMLibraryError.badSignature, DKIMLibraryError.bodyLengthTooLarge]
    guard bodyErrors.contains(result.error) else { return result }
    var result = result
    if let limit = signature.bodyLength, limit > body.bodyLength {
      result.error = DKIMLibraryError.bodyLengthTooLarge
      result.isHeaderVerified = false
    } else if result.isHeaderVerified {
      let isMatch = body.hash != nil && body.hash == signedHashes[position]
      result.isBodyVerified = isMatch
      result.error = isMatch ? 0 : DKIMLibraryError.badSignature
    }
    return result
  }
}
