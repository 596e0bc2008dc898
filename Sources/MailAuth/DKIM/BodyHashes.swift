/// What is kept of a body so that its signatures can be verified again without it: the SHA-256
/// hash of each canonical form, and of the first octets of it, that a signature covers.
public struct BodyHashes: Sendable, Equatable, Codable {
  /// One hash.
  public struct Entry: Sendable, Equatable, Codable {
    /// The canonical form: simple or relaxed.
    public var canonicalization: String
    /// How many octets of it are hashed (`l=`); nil for all.
    public var limit: Int?
    /// How many octets it has.
    public var bodyLength: Int
    /// The hash in base64; nil when the body has fewer octets than `limit`.
    public var sha256: String?

    /// Makes an entry.
    public init(canonicalization: String, limit: Int?, bodyLength: Int, sha256: String?) {
      self.canonicalization = canonicalization
      self.limit = limit
      self.bodyLength = bodyLength
      self.sha256 = sha256
    }

    /// The hash; nil when there is none.
    var hash: [UInt8]? { sha256.flatMap(Base64.decode) }
  }

  /// The hashes, each once.
  public var entries: [Entry]

  /// The words for canonical forms.
  public static let canonicalizations = Canonicalization.allCases.map(\.rawValue)

  /// Makes a collection.
  public init(entries: [Entry] = []) { self.entries = entries }

  subscript(canonicalization: Canonicalization, limit limit: Int?) -> Entry? {
    entries.first { $0.canonicalization == canonicalization.rawValue && $0.limit == limit }
  }
}

/// Makes the hashes of a body while it streams past.
public final class BodyHasher {
  private let hashes: [(canonicalization: Canonicalization, limits: [Int?], hash: BodyHash)]

  /// Makes a hasher for all signatures and ARC message signatures of a header.
  ///
  /// - Parameter header: The fields from the top down.
  public init(header: [HeaderField]) {
    var wanted: [Canonicalization: [Int?]] = [:]
    func want(_ canonicalization: Canonicalization, _ limit: Int?) {
      if wanted[canonicalization]?.contains(limit) != true {
        wanted[canonicalization, default: []].append(limit)
      }
    }
    // The most signatures that dkim.max_signatures allows.
    for field in header.lazy.filter({ $0.isNamed("DKIM-Signature") }).prefix(50) {
      let signature = DKIMSignature(field, now: 0, clockSkewSeconds: 0)
      guard let forms = signature.canonicalizations else { continue }
      want(forms.body, signature.bodyLength)
    }
    for signature in ARCChain(header).sets.compactMap(\.messageSignature) {
      for forms in signature.canonicalizations { want(forms.body, signature.bodyLength) }
    }
    hashes = Canonicalization.allCases.compactMap { canonicalization in
      wanted[canonicalization].map {
        (canonicalization, $0, BodyHash(canonicalization, lengths: $0))
      }
    }
  }

  /// Takes a piece of the body.
  public func take(_ chunk: UnsafeRawBufferPointer) {
    for item in hashes { unsafe item.hash.take(chunk) }
  }

  /// Ends the body and gives the hashes.
  public func finish() -> BodyHashes {
    BodyHashes(
      entries: hashes.flatMap { item in
        item.hash.finish()
        return item.limits.map { limit in
          BodyHashes.Entry(
            canonicalization: item.canonicalization.rawValue, limit: limit,
            bodyLength: item.hash.length, sha256: item.hash.hash(length: limit).map(Base64.encode))
        }
      })
  }
}
