/// A key record with the public key in it: all that its text says, whatever signature it is for.
struct DKIMKey: Sendable {
  /// The record.
  let record: DKIMKeyRecord
  /// The key, whatever its size; otherwise why the record holds none.
  let publicKey: Result<DKIMPublicKey, DKIMProblem>

  /// Reads the text of a record.
  ///
  /// - Throws: A ``DKIMProblem`` when it is no key record.
  init(_ text: [UInt8]) throws(DKIMProblem) {
    let record = try DKIMKeyRecord(text)
    self.record = record
    publicKey = Result { () throws(DKIMProblem) in try DKIMPublicKey(record) }
  }

  /// The public key to verify with.
  ///
  /// - Throws: A ``DKIMProblem``: why there is none, or that it is an RSA key with fewer bits.
  func publicKey(minimumRSABits: Int) throws(DKIMProblem) -> DKIMPublicKey {
    let key = try publicKey.get()
    guard record.keyType == "ed25519" || key.bits >= minimumRSABits else {
      throw .permerror(
        .keyTooSmall,
        "The RSA key has \(key.bits) bits; fewer than \(minimumRSABits) are not accepted.")
    }
    return key
  }

  /// The key record in a DNS answer (RFC 6376 section 6.1.2).
  ///
  /// - Parameters:
  ///   - answer: The answer to the question for `name`.
  ///   - name: The name of the key record.
  ///   - known: Keeps what texts mean.
  /// - Throws: A ``DKIMProblem``: why there is no key record, or none that can be read.
  init(
    in answer: DNSAnswer, name: String, known: TextCache<Result<DKIMKey, DKIMProblem>>
  ) throws(DKIMProblem) {
    switch answer.outcome {
    case .answer: break
    case .nxdomain, .nodata, .invalidName:
      let why = answer.outcome == .nxdomain ? "the name does not exist" : "it has no TXT record"
      throw .permerror(.noKey, "There is no key at \(name): \(why).")
    case .timeout:
      throw DKIMProblem(
        result: .temperror, cause: .dnsTimeout,
        explanation: "The DNS did not answer in time for the key at \(name).")
    case .servfail, .refused:
      throw DKIMProblem(
        result: .temperror, cause: .dnsServfail,
        explanation: "The DNS failed (\(answer.outcome.rawValue)) for the key at \(name).")
    case .bogus:
      throw DKIMProblem(
        result: .temperror, cause: .dnsBogus,
        explanation: "The key at \(name) did not pass DNSSEC validation.")
    }
    // Several records: the RFC leaves it open; text that is no key record at all is passed over,
    // two keys at one selector are the owner's mistake.
    var found: DKIMKey?
    var count = 0
    var firstProblem: DKIMProblem?
    for text in answer.joinedTexts {
      let meaning = known.meaning(of: text) { text in
        Result { () throws(DKIMProblem) in try DKIMKey(text) }
      }
      switch meaning {
      case .success(let key):
        found = found ?? key
        count += 1
      case .failure(let problem): firstProblem = firstProblem ?? problem
      }
    }
    guard let found else {
      throw firstProblem ?? .permerror(.noKey, "There is no key at \(name): no usable TXT record.")
    }
    guard count == 1 else {
      throw .permerror(.keySyntax, "There are \(count) key records at \(name).")
    }
    self = found
  }
}
