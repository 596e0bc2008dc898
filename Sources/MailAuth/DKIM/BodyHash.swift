/// SHA-256 of a canonical body, for any number of signatures that differ in `l=` only: the body is
/// hashed once, however many they are.
final class BodyHash {
  private var canonicalizer: BodyCanonicalizer
  private let stream = SHA256Stream()
  private let wantsWhole: Bool
  // The lengths not reached yet, ascending.
  private var limits: ArraySlice<Int>
  private var hashes: [Int: [UInt8]] = [:]
  private var wholeHash: [UInt8]?
  private var hashed = 0

  /// Makes a hash.
  ///
  /// - Parameters:
  ///   - canonicalization: The body's.
  ///   - lengths: The `l=` of each signature; nil for a signature of the whole body.
  init(_ canonicalization: Canonicalization, lengths: [Int?]) {
    canonicalizer = BodyCanonicalizer(canonicalization)
    wantsWhole = lengths.contains(nil)
    limits = Set(lengths.compactMap { $0 }).sorted()[...]
  }

  /// Octets of the canonical body; complete after ``finish()``.
  var length: Int { canonicalizer.length }

  /// Takes a piece of the body.
  func take(_ chunk: UnsafeRawBufferPointer) {
    unsafe canonicalizer.take(chunk) { unsafe absorb($0) }
  }

  /// Ends the body.
  func finish() {
    unsafe canonicalizer.finish { unsafe absorb($0) }
    takeSnapshots()
    if wantsWhole { wholeHash = stream.digest() }
  }

  /// The hash of the first `length` octets, or of all for nil; nil when the body is shorter, or
  /// when libcrypto failed.
  func hash(length: Int?) -> [UInt8]? {
    guard let length else { return wholeHash }
    return hashes[length]
  }

  private func absorb(_ piece: UnsafeRawBufferPointer) {
    var start = 0
    takeSnapshots()
    while let limit = limits.first, limit - hashed <= piece.count - start {
      let end = start + limit - hashed
      unsafe stream.update(UnsafeRawBufferPointer(rebasing: piece[start..<end]))
      hashed = limit
      start = end
      takeSnapshots()
    }
    guard wantsWhole || !limits.isEmpty else { return }
    unsafe stream.update(UnsafeRawBufferPointer(rebasing: piece[start...]))
    hashed += piece.count - start
  }

  private func takeSnapshots() {
    while let limit = limits.first, limit == hashed {
      limits.removeFirst()
      hashes[limit] = stream.digest()
    }
  }
}
