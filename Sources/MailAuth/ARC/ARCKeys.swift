/// The public keys of one message's chain: each is asked for once, however many fields it made.
struct ARCKeys {
  private let resolver: CheckResolver
  private let minimumRSABits: Int
  private let meanings: RecordMeanings
  private var keys: [String: Result<DKIMKey, DKIMProblem>] = [:]

  /// Makes an empty collection; `meanings` keeps what records say beyond this message.
  init(_ resolver: CheckResolver, minimumRSABits: Int, meanings: RecordMeanings) {
    self.resolver = resolver
    self.meanings = meanings
    self.minimumRSABits = minimumRSABits
  }

  /// Verifies a signature of `hash`.
  ///
  /// - Returns: Whether the key's owner made it.
  /// - Throws: Why there is no key to verify it with.
  mutating func verifies(
    _ signature: ARCSignature, hash: [UInt8]
  ) throws(DKIMProblem) -> Bool {
    guard let name = signature.keyName, let value = signature.value else {
      throw .internalError("A field without d=, s= or b= came to verification.")
    }
    let found = try key(name)
    try found.record.check(forAlgorithm: signature.algorithm)
    let key = try found.publicKey(minimumRSABits: minimumRSABits)
    let verification =
      found.record.keyType == "ed25519"
      ? LibCrypto.verifyEd25519(hash: hash, signature: value, publicKey: key.encoded)
      : LibCrypto.verifyRSA(hash: hash, signature: value, publicKey: key.encoded)
    switch verification {
    case .verified: return true
    case .mismatch: return false
    case .unusableKey:
      throw .permerror(.keySyntax, "The key at \(name) holds no public key that can be used.")
    }
  }

  private mutating func key(_ name: String) throws(DKIMProblem) -> DKIMKey {
    if let known = keys[name] { return try known.get() }
    let answer = resolver.answer(name, .txt)
    let result = Result { () throws(DKIMProblem) in
      try DKIMKey(in: answer, name: name, known: meanings.keys)
    }
    keys[name] = result
    return try result.get()
  }
}
