/// A public key record, as published at `<selector>._domainkey.<domain>` (RFC 6376 section 3.6.1).
struct DKIMKeyRecord: Sendable, Equatable {
  /// `k=`, lower case: `rsa` or `ed25519`.
  var keyType: String
  /// `p=` decoded; empty for a revoked key.
  var keyData: [UInt8]
  /// `h=`; nil allows every hash.
  var hashes: [String]?
  /// `s=`; nil allows every service.
  var services: [String]?
  /// `t=`.
  var flags: [String]

  /// Parses a record strictly.
  ///
  /// - Throws: A ``DKIMProblem`` with cause ``DKIMCause/keySyntax`` or
  ///   ``DKIMCause/keyTypeMismatch``.
  init(_ text: [UInt8]) throws(DKIMProblem) {
    let tags: TagList
    do {
      tags = try TagList(text)
    } catch {
      throw .permerror(.keySyntax, "The key record cannot be read: \(error.sentence).")
    }
    if let version = tags["v"] {
      // v= must come first and its value is compared as it is (section 3.6.1).
      guard tags.position(of: "v") == 0, version.elementsEqual("DKIM1".utf8) else {
        throw .permerror(.keySyntax, "The key record's v= is not DKIM1, or not its first tag.")
      }
    }
    keyType = tags.compactText("k")?.asciiLowercased() ?? "rsa"
    hashes = tags.lowercasedList("h")
    services = tags.lowercasedList("s")
    flags = tags.list("t") ?? []
    guard let key = tags.compact("p") else {
      throw .permerror(.keySyntax, "The key record has no p=.")
    }
    guard let data = Base64.decode(key) else {
      throw .permerror(.keySyntax, "The key record's p= is not base64.")
    }
    keyData = data
  }

  /// Whether `t=y` says that the domain is testing DKIM.
  var isTest: Bool { flags.contains("y") }

  /// Whether `t=s` says that `i=` must be exactly in `d=`.
  var isStrictIdentity: Bool { flags.contains("s") }

  /// Judges the record for one signature.
  ///
  /// - Throws: The reason why this key cannot verify that signature.
  func check(for signature: DKIMSignature) throws(DKIMProblem) {
    try check(forAlgorithm: signature.algorithm)
    if isStrictIdentity, signature.identity != nil, let domain = signature.domain {
      guard signature.identityDomain == domain else {
        throw .permerror(
          .keyStrictIdentity, "The key record says t=s and i= is not exactly in d=\(domain).")
      }
    }
  }

  /// Judges the record for a signature of mail made with `algorithm`, which is `rsa-sha256` or
  /// `ed25519-sha256`.
  ///
  /// - Throws: The reason why this key cannot verify that signature.
  func check(forAlgorithm algorithm: String) throws(DKIMProblem) {
    guard !keyData.isEmpty else {
      throw .permerror(.keyRevoked, "The key was revoked: its record has an empty p=.")
    }
    guard keyType == (algorithm == "ed25519-sha256" ? "ed25519" : "rsa") else {
      throw .permerror(
        .keyTypeMismatch,
        "The key is of type \(keyType.utf8.printable(limit: 20)), the signature says "
          + "\(algorithm).")
    }
    if let hashes, !hashes.contains("sha256") {
      throw .permerror(.keyHashNotAllowed, "The key record does not allow SHA-256 (h=).")
    }
    if let services, !services.contains("*"), !services.contains("email") {
      throw .permerror(.keyServiceNotAllowed, "The key record does not allow mail (s=).")
    }
  }
}
