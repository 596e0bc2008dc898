/// A message's header as signatures see it: `h=` names fields, and each name takes the lowest
/// field of that name that it has not taken yet (RFC 6376 section 5.4.2).
final class SignedHeader {
  private let header: [HeaderField]
  // Where the fields of a name stand, from the top down.
  private let places: [String: [Int]]
  // Canonical forms already made: many signatures cover the same fields.
  private var canonical: [Canonicalization: [Int: [UInt8]]] = [:]

  /// Makes the index of a header.
  init(_ header: [HeaderField]) {
    self.header = header
    places = Dictionary(grouping: header.indices) { index in
      String(decoding: header[index].name.map(\.asciiLowercased), as: UTF8.self)
    }
  }

  /// The header hash of a signature (RFC 6376 section 3.7).
  ///
  /// - Parameters:
  ///   - signatureIndex: The place of the signature's own field, which `h=` cannot cover.
  ///   - signedNames: The names in `h=`, lower case.
  ///   - canonicalization: The header's.
  /// - Returns: 32 octets; nil when libcrypto failed.
  func hash(
    signatureIndex: Int, signedNames: [String], canonicalization: Canonicalization
  ) -> [UInt8]? {
    let stream = SHA256Stream()
    var taken: [String: Int] = [:]
    for name in signedNames {
      guard let places = places[name] else { continue }
      var next = places.count - 1 - taken[name, default: 0]
      if next >= 0, places[next] == signatureIndex {
        taken[name, default: 0] += 1
        next -= 1
      }
      // A name listed more often than it stands there covers that there is no more of it.
      guard next >= 0 else { continue }
      taken[name, default: 0] += 1
      stream.update(form(of: places[next], canonicalization))
      stream.update([0x0D, 0x0A])
    }
    return stream.digest(
      adding: canonicalization.canonical(header[signatureIndex].withoutSignatureValue))
  }

  private func form(of index: Int, _ canonicalization: Canonicalization) -> [UInt8] {
    if let form = canonical[canonicalization]?[index] { return form }
    let form = canonicalization.canonical(header[index])
    canonical[canonicalization, default: [:]][index] = form
    return form
  }
}
