/// ARC verification of one message (RFC 8617 section 5.2).
///
/// The order of calls is `init` with the whole header, `body` for each piece, `finish`. A chain
/// whose structure is wrong is decided in `init`: it costs neither DNS nor cryptography. Of a sound
/// one, at most 50 seals and 50 message signatures are verified, with at most 100 keys.
final class ARCVerifier {
  private let settings: DKIMSettings
  private let meanings: RecordMeanings
  private let chain: ARCChain
  // The following are there only while signatures are to decide.
  private var header: SignedHeader?
  private var bodyHashes: [Canonicalization: BodyHash] = [:]
  /// What was kept of the body; nil when the body itself will be given.
  private let keptHashes: BodyHashes?

  /// Reads and judges the ARC fields of a header.
  ///
  /// - Parameters:
  ///   - settings: The rules for keys and partly signed bodies, which ARC takes from DKIM.
  ///   - header: The fields from the top down.
  ///   - bodyHashes: What was kept of the body when no body will be given.
  ///   - meanings: Keeps what key records say.
  init(
    settings: DKIMSettings, header: [HeaderField], bodyHashes: BodyHashes? = nil,
    meanings: RecordMeanings = RecordMeanings()
  ) {
    self.settings = settings
    self.meanings = meanings
    keptHashes = bodyHashes
    chain = ARCChain(header)
    guard chain.problem == nil, !chain.sets.isEmpty else { return }
    self.header = SignedHeader(header)
    let signatures = chain.sets.compactMap(\.messageSignature).filter { $0.problem == nil }
    for canonicalization in Canonicalization.allCases {
      let lengths = signatures.filter { signature in
        signature.canonicalizations.contains { $0.body == canonicalization }
      }.map(\.bodyLength)
      guard !lengths.isEmpty else { continue }
      self.bodyHashes[canonicalization] = BodyHash(canonicalization, lengths: lengths)
    }
  }

  /// The key names that will be asked for, so that they can be fetched ahead.
  var keyQuestions: [DNSQuestion] {
    guard chain.problem == nil else { return [] }
    var seen: Set<DNSQuestion> = []
    return chain.sets.reversed().flatMap { set in
      [set.messageSignature?.signature.keyName, set.seal?.signature.keyName]
    }
    .compactMap { $0.map { DNSQuestion($0, .txt) } }
    .filter { seen.insert($0).inserted }
  }

  /// Takes a piece of the body.
  func body(_ chunk: UnsafeRawBufferPointer) {
    for hash in bodyHashes.values { unsafe hash.take(chunk) }
  }

  /// Fetches the keys, verifies, and gives the outcome.
  func finish(_ resolver: CheckResolver) -> ARCOutcome {
    var outcome = ARCOutcome.noSets
    outcome.sets = chain.sets.map(ARCSetOutcome.init)
    outcome.remoteAddress = chain.remoteAddress
    if let problem = chain.problem {
      outcome.fail(problem)
      return outcome
    }
    guard let newest = chain.sets.last, let header else { return outcome }
    for hash in bodyHashes.values { hash.finish() }
    var keys = ARCKeys(
      resolver, minimumRSABits: settings.minimumKeyBits, meanings: meanings)
    do throws(ARCProblem) {
      try verifyMessageSignature(newest, header, &keys)
      outcome.sets[newest.instance - 1].messageSignature = .verified
      try verifySeals(&keys, &outcome)
    } catch {
      outcome.fail(error)
      return outcome
    }
    findOldestPass(header, &keys, &outcome)
    outcome.pass()
    return outcome
  }

  // MARK: - Message signatures

  private func verifyMessageSignature(
    _ set: ARCSet, _ header: SignedHeader, _ keys: inout ARCKeys
  ) throws(ARCProblem) {
    guard let field = set.messageSignature else {
      throw ARCProblem(
        .internalError, instance: set.instance, field: .messageSignature,
        "A set without message signature came to verification.")
    }
    if let problem = field.problem { throw problem }
    var firstProblem: ARCProblem?
    for canonicalization in field.canonicalizations {
      do throws(ARCProblem) {
        try verify(field, of: set.instance, canonicalization, header, &keys)
        return
      } catch {
        firstProblem = firstProblem ?? error
      }
    }
    if let firstProblem { throw firstProblem }
  }

  private func verify(
    _ field: ARCMessageSignature, of instance: Int, _ canonicalization: SignatureCanonicalization,
    _ header: SignedHeader, _ keys: inout ARCKeys
  ) throws(ARCProblem) {
    func problem(_ cause: ARCCause, _ reason: String) -> ARCProblem {
      ARCProblem(cause, instance: instance, field: .messageSignature, reason)
    }
    try checkBody(field, canonicalization.body, problem)
    let hash = header.hash(
      signatureIndex: field.headerIndex, signedNames: field.signedNames,
      canonicalization: canonicalization.header)
    guard let hash else { throw problem(.internalError, "libcrypto computed no hash.") }
    let isVerified: Bool
    do throws(DKIMProblem) {
      isVerified = try keys.verifies(field.signature, hash: hash)
    } catch {
      throw ARCProblem(error, instance: instance, field: .messageSignature)
    }
    guard isVerified else {
      throw problem(
        .messageSignatureMismatch,
        "A header field that \(field.signature.signer) signed was changed, or another key made "
          + "the signature.")
    }
  }

  private func checkBody(
    _ field: ARCMessageSignature, _ canonicalization: Canonicalization,
    _ problem: (ARCCause, String) -> ARCProblem
  ) throws(ARCProblem) {
    let body: (length: Int, hash: [UInt8]?)
    if let keptHashes {
      guard let kept = keptHashes[canonicalization, limit: field.bodyLength] else {
        throw problem(.internalError, "The hash of the body was not recorded.")
      }
      body = (kept.bodyLength, kept.hash)
    } else if let hashed = bodyHashes[canonicalization] {
      body = (hashed.length, hashed.hash(length: field.bodyLength))
    } else {
      throw problem(.internalError, "The body was not hashed.")
    }
    if let signed = field.bodyLength, signed > body.length {
      throw problem(
        .bodyLengthLimit, "The signature covers more body (l=\(signed)) than the message has.")
    }
    guard let hash = body.hash else {
      throw problem(.internalError, "libcrypto computed no hash.")
    }
    guard hash == field.bodyHash else {
      throw problem(
        .bodyHashMismatch, "The body was changed after \(field.signature.signer) signed it.")
    }
    if let signed = field.bodyLength, signed < body.length, settings.partialBody == .policy {
      throw problem(
        .bodyLengthLimit,
        "\(body.length - signed) of \(body.length) octets of the body are not signed "
          + "(l=\(signed)).")
    }
  }

  /// Section 5.2, step 5: how far down message signatures still verify.
  private func findOldestPass(
    _ header: SignedHeader, _ keys: inout ARCKeys, _ outcome: inout ARCOutcome
  ) {
    for set in chain.sets.dropLast().reversed() {
      do throws(ARCProblem) {
        try verifyMessageSignature(set, header, &keys)
        outcome.sets[set.instance - 1].messageSignature = .verified
      } catch {
        outcome.sets[set.instance - 1].messageSignature = .failed
        outcome.oldestPass = set.instance + 1
        return
      }
    }
    outcome.oldestPass = 0
  }

  // MARK: - Seals

  private func verifySeals(
    _ keys: inout ARCKeys, _ outcome: inout ARCOutcome
  ) throws(ARCProblem) {
    let hashes = sealHashes()
    for (set, hash) in zip(chain.sets, hashes).reversed() {
      func problem(_ cause: ARCCause, _ reason: String) -> ARCProblem {
        ARCProblem(cause, instance: set.instance, field: .seal, reason)
      }
      guard let seal = set.seal, let hash else {
        throw problem(.internalError, "libcrypto computed no hash.")
      }
      let isVerified: Bool
      do throws(DKIMProblem) {
        isVerified = try keys.verifies(seal.signature, hash: hash)
      } catch {
        throw ARCProblem(error, instance: set.instance, field: .seal)
      }
      guard isVerified else {
        throw problem(
          .sealMismatch,
          "An ARC field that \(seal.signature.signer) sealed was changed, or another key made the "
            + "seal.")
      }
      outcome.sets[set.instance - 1].seal = .verified
    }
  }

  /// The hash that each seal signs, by ascending instance (section 5.1.1): all fields of all sets
  /// up to its own, the seal itself without its `b=` and without a line end.
  private func sealHashes() -> [[UInt8]?] {
    let stream = SHA256Stream()
    func add(_ field: HeaderField) {
      stream.update(Canonicalization.relaxed.canonical(field))
      stream.update([0x0D, 0x0A])
    }
    return chain.sets.map { set in
      guard let results = set.authenticationResults, let signature = set.messageSignature,
        let seal = set.seal
      else { return nil }
      add(results.field)
      add(signature.field)
      let hash = stream.digest(
        adding: Canonicalization.relaxed.canonical(seal.field.withoutSignatureValue))
      add(seal.field)
      return hash
    }
  }
}

extension ARCChain {
  /// `smtp.remote-ip` of set 1: of its `arc` result, or of whichever has one.
  fileprivate var remoteAddress: IPAddress? {
    guard let first = sets.first, first.instance == 1,
      let results = first.authenticationResults?.results
    else { return nil }
    let ordered = results.filter { $0.method == "arc" } + results.filter { $0.method != "arc" }
    return ordered.lazy.compactMap { $0.value("smtp", "remote-ip") }.first
      .flatMap(IPAddress.init)
  }
}

extension ARCSetOutcome {
  fileprivate init(_ set: ARCSet) {
    self.init(instance: set.instance)
    sealDomain = set.seal?.signature.domain
    sealSelector = set.seal?.signature.selector?.text
    chainValidation = set.seal?.chainValidation
    messageSignatureDomain = set.messageSignature?.signature.domain
    messageSignatureSelector = set.messageSignature?.signature.selector?.text
    authservID = set.authenticationResults?.authservID
    results = set.authenticationResults?.results ?? []
  }
}

extension ARCOutcome {
  fileprivate mutating func fail(_ problem: ARCProblem) {
    result = .fail
    cause = problem.cause
    explanation = problem.explanation
    failedInstance = problem.instance
    failedField = problem.field
    guard let index = sets.firstIndex(where: { $0.instance == problem.instance }) else { return }
    switch problem.field {
    case .messageSignature: sets[index].messageSignature = .failed
    case .seal: sets[index].seal = .failed
    case .authenticationResults, nil: break
    }
  }

  fileprivate mutating func pass() {
    result = .pass
    cause = .verified
    let sealer = sets.last?.sealDomain?.text ?? "the last sealer"
    let count = sets.count == 1 ? "one set" : "\(sets.count) sets"
    let change =
      switch oldestPass {
      case nil, 0: "the message is as the first sealer saw it"
      case let oldest?:
        "the message was last changed after set \(oldest - 1) was added and before set \(oldest) "
          + "was"
      }
    explanation = "The ARC chain of \(count), last sealed by \(sealer), is intact; \(change)."
  }
}
