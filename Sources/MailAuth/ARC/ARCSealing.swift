/// The sealing of one message: `body` for each piece, then `finish`.
public final class ARCSealing {
  private let sealer: ARCSealer
  private var header: [HeaderField]
  private let chain: ARCChain
  private let bodyHash = BodyHash(.relaxed, lengths: [nil])

  init(_ sealer: ARCSealer, header: [HeaderField]) throws(ARCSealingRefusal) {
    self.sealer = sealer
    self.header = header
    chain = ARCChain(header)
    switch chain.problem?.cause {
    case .failedBefore: throw .chainHasEnded
    case .tooManySets: throw .tooManySets
    default: break
    }
    guard instance <= ARCChain.mostSets else { throw .tooManySets }
    guard header.contains(where: { $0.isNamed("From") }) else { throw .noFrom }
  }

  /// The instance of the new set.
  public var instance: Int { (chain.sets.last?.instance ?? 0) + 1 }

  /// Takes a piece of the body, CRLF line ends; the memory is not kept.
  public func body(_ chunk: UnsafeRawBufferPointer) { unsafe bodyHash.take(chunk) }

  /// Ends the message and makes the set.
  ///
  /// - Parameters:
  ///   - results: The authserv-id and the results of this host, as Authentication-Results has
  ///     them (RFC 8617 section 4.1.1): printable ASCII on one line.
  ///   - chainValidation: How the chain was found on arrival; not used for the first set.
  ///   - now: `t=`, seconds since the epoch.
  ///   - above: Fields that will stand between the set and the header, from the top down.
  /// - Returns: ARC-Seal, ARC-Message-Signature and ARC-Authentication-Results, to be put on top of
  ///   the header in this order.
  /// - Throws: ``ARCSealingRefusal/noSignature``.
  public func finish(
    results: String, chainValidation: ChainValidation, now: Int64, above: [AddedField] = []
  ) throws(ARCSealingRefusal) -> [AddedField] {
    bodyHash.finish()
    header = above.map(\.field) + header
    let status = self.status(found: chainValidation)
    let reported = AddedField(
      name: ARCField.authenticationResults.rawValue, value: "i=\(instance); \(results)",
      layout: .entries)
    let messageSignature = try messageSignature(now: now)
    let seal = try seal(status, [reported, messageSignature], now: now)
    return [seal, messageSignature, reported]
  }

  /// The `cv=` of the new set: a chain that did not pass has failed, for good (section 5.1, step 5).
  ///
  /// - Parameter found: How the chain was found on arrival.
  /// - Returns: none for the first set, else pass or fail.
  public func status(found: ChainValidation) -> ChainValidation {
    if chain.sets.isEmpty, chain.problem == nil { return .none }
    return chain.problem == nil && found == .pass ? .pass : .fail
  }

  private func messageSignature(now: Int64) throws(ARCSealingRefusal) -> AddedField {
    guard let bodyHash = bodyHash.hash(length: nil) else { throw .noSignature }
    let tags = [
      ("b", ""), ("bh", Base64.encode(bodyHash)), ("c", "relaxed/relaxed"),
      ("h", signedNames.joined(separator: sealer.writesPublishedForm ? ":" : ": ")),
      ("i", "\(instance)"),
    ]
    return try signed(.messageSignature, tags, now: now) { unsigned in
      SignedHeader([unsigned] + header).hash(
        signatureIndex: 0, signedNames: signedNames, canonicalization: .relaxed)
    }
  }

  /// The names in `h=`: each as often as the message has the field, up to a bound.
  private var signedNames: [String] {
    var names: [String] = []
    for name in sealer.signedNames.map({ $0.asciiLowercased() })
    where !names.contains(name) && ARCSealer.maySign(name) {
      let count = header.count { $0.isNamed(name) }
      names += [String](repeating: name, count: min(count, Self.mostRepetitions))
    }
    return names
  }

  /// A name is listed at most so often: each makes `h=` longer for all who read it.
  private static let mostRepetitions = 10

  /// The seal of the whole chain, or, of a failed one, of this set alone (section 5.1.2).
  private func seal(
    _ status: ChainValidation, _ own: [AddedField], now: Int64
  ) throws(ARCSealingRefusal) -> AddedField {
    let older = status == .fail ? [] : chain.sets.flatMap(\.fields)
    let tags = [("b", ""), ("cv", status.rawValue), ("i", "\(instance)")]
    return try signed(.seal, tags, now: now) { unsigned in
      let stream = SHA256Stream()
      for field in older + own.map(\.field) {
        stream.update(Canonicalization.relaxed.canonical(field))
        stream.update([0x0D, 0x0A])
      }
      return stream.digest(adding: Canonicalization.relaxed.canonical(unsigned))
    }
  }

  /// Instance and algorithm first, what is long last.
  ///
  /// dkimpy 1.1.8 finds a message signature only
  /// if a blank stands in front of `i=`, so it must not come where the field may be folded.
  private static let tagOrder = ["i", "a", "c", "cv", "d", "s", "t", "h", "bh", "b"]

  private func ordered(_ tags: [(String, String)]) -> [(String, String)] {
    guard !sealer.writesPublishedForm else { return tags.sorted { $0.0 < $1.0 } }
    return Self.tagOrder.compactMap { name in tags.first { $0.0 == name } }
  }

  /// A field with the tags that both signatures have.
  private func signed(
    _ kind: ARCField, _ tags: [(String, String)], now: Int64,
    hash: (_ unsigned: HeaderField) -> [UInt8]?
  ) throws(ARCSealingRefusal) -> AddedField {
    let common = [
      ("a", sealer.key.algorithm.rawValue), ("d", sealer.domain.text),
      ("s", sealer.selector.text), ("t", "\(now)"),
    ]
    let ordered = ordered(common + tags)
    func field(_ signature: String) -> AddedField {
      let text = ordered.map { "\($0.0)=\($0.0 == "b" ? signature : $0.1)" }
      return AddedField(name: kind.rawValue, value: text.joined(separator: "; "))
    }
    guard let hash = hash(field("").field),
      let signature = LibCrypto.sign(hash: hash, with: sealer.key)
    else { throw .noSignature }
    return field(split(Base64.encode(signature)))
  }

  /// The signature with blanks, which do not count in it (RFC 6376 section 3.5).
  private func split(_ signature: String) -> String {
    guard !sealer.writesPublishedForm else { return signature }
    let octets = Array(signature.utf8)
    return stride(from: 0, to: octets.count, by: 64)
      .map { String(decoding: octets[$0..<min($0 + 64, octets.count)], as: UTF8.self) }
      .joined(separator: " ")
  }
}

extension ARCSet {
  /// The fields in the order in which a seal covers them (section 5.1.1).
  var fields: [HeaderField] {
    [authenticationResults?.field, messageSignature?.field, seal?.field].compactMap { $0 }
  }
}

extension AddedField {
  /// The field as the message will have it.
  fileprivate var field: HeaderField {
    HeaderField(name: Array(name.utf8), value: Array(foldedValue.utf8))
  }
}
