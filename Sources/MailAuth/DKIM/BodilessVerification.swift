/// What stands for a body that is not there any more: its hashes.
///
/// libopendkim still verifies what was signed of the header, and with it `bh=`, as it does for every
/// message; whether the body fits `bh=` the hashes say, since the library takes nothing but a body.
/// The hashes are of the forms that RFC 6376 describes, so for a relaxed body with a CR that no LF
/// follows, which the library reads in another way, the outcome can be another.
struct BodilessVerification {
  private let bodyHashes: BodyHashes
  /// `bh=` of each DKIM-Signature field, from the top down.
  private let signedHashes: [[UInt8]?]

  /// Takes the whole header and what was kept of the body.
  init(header: [HeaderField], bodyHashes: BodyHashes) {
    self.bodyHashes = bodyHashes
    signedHashes = header.filter { $0.isNamed("DKIM-Signature") }.map { field in
      guard let tags = try? TagList(field.value) else { return nil }
      return tags.compact("bh").flatMap { Base64.decode($0) }
    }
  }

  /// Octets of the canonical body; nil when that was not recorded.
  func length(_ canonicalization: Canonicalization) -> Int? {
    bodyHashes.entries.first { $0.canonicalization == canonicalization.rawValue }?.bodyLength
  }

  /// Gives libopendkim some body that is as long as the real one, so that it does not stop at `l=`.
  func feed(_ verification: LibOpenDKIMVerification) throws(LibOpenDKIMError) {
    let lengths = bodyHashes.entries.filter { $0.limit != nil }.map(\.bodyLength)
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
      let body = bodyHashes[forms.body, limit: signature.bodyLength]
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
