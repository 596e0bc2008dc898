import COpenSSL

/// A SHA-256 hash that grows, and whose value can be read on the way.
@safe final class SHA256Stream {
  private let context: OpaquePointer?
  private var isUsable: Bool

  /// Begins a hash.
  init() {
    let context = unsafe EVP_MD_CTX_new()
    unsafe self.context = context
    isUsable = unsafe context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Adds octets.
  func update(_ octets: UnsafeRawBufferPointer) {
    guard isUsable, octets.count > 0 else { return }
    isUsable = unsafe EVP_DigestUpdate(context, octets.baseAddress, octets.count) == 1
  }

  /// Adds octets.
  func update(_ octets: [UInt8]) {
    unsafe octets.withUnsafeBytes { unsafe update($0) }
  }

  /// The hash of everything added so far and `last`; nil when libcrypto failed.
  ///
  /// The stream itself stays as it is and can be added to.
  func digest(adding last: [UInt8] = []) -> [UInt8]? {
    guard isUsable, let copy = unsafe EVP_MD_CTX_new() else { return nil }
    defer { unsafe EVP_MD_CTX_free(copy) }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard unsafe EVP_MD_CTX_copy_ex(copy, context) == 1,
      unsafe EVP_DigestUpdate(copy, last, last.count) == 1,
      unsafe EVP_DigestFinal_ex(copy, &digest, &length) == 1, length == 32
    else { return nil }
    return Array(digest.prefix(32))
  }
}

/// libcrypto's signatures; with ``SHA256Stream`` the only code of this module that calls it.
enum LibCrypto {
  /// How a signature compares with a key.
  enum Verification {
    /// The key's owner signed this hash.
    case verified
    /// Another hash was signed, or with another key.
    case mismatch
    /// libcrypto does not take the key.
    case unusableKey
  }

  /// RSA exponents beyond this make a verification as slow as a signature.
  private static let longestExponentBits: Int32 = 64

  /// Verifies an RSA signature (PKCS#1 v1.5, RFC 8017 section 8.2.2) of a SHA-256 hash.
  ///
  /// - Parameters:
  ///   - hash: 32 octets.
  ///   - signature: The value of `b=`.
  ///   - publicKey: A DER SubjectPublicKeyInfo.
  /// - Returns: How they compare.
  static func verifyRSA(hash: [UInt8], signature: [UInt8], publicKey: [UInt8]) -> Verification {
    defer { ERR_clear_error() }
    // d2i_PUBKEY would do the same through OpenSSL's decoders, for 200 µs instead of 2.
    let rsa = unsafe publicKey.withUnsafeBufferPointer { buffer in
      var position = buffer.baseAddress
      return unsafe d2i_RSA_PUBKEY(nil, &position, buffer.count)
    }
    guard let rsa = unsafe rsa else { return .unusableKey }
    guard unsafe BN_num_bits(RSA_get0_e(rsa)) <= longestExponentBits,
      let key = unsafe EVP_PKEY_new()
    else {
      unsafe RSA_free(rsa)
      return .unusableKey
    }
    defer { unsafe EVP_PKEY_free(key) }
    guard unsafe EVP_PKEY_set1_RSA(key, rsa) == 1 else {
      unsafe RSA_free(rsa)
      return .unusableKey
    }
    unsafe RSA_free(rsa)
    guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { return .unusableKey }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    guard unsafe EVP_PKEY_verify_init(context) == 1,
      unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1,
      unsafe EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
    else { return .unusableKey }
    let status = unsafe EVP_PKEY_verify(context, signature, signature.count, hash, hash.count)
    return status == 1 ? .verified : .mismatch
  }

  /// Verifies an Ed25519 signature of a hash (RFC 8463 section 3: the hash is what is signed).
  ///
  /// - Parameters:
  ///   - hash: 32 octets.
  ///   - signature: The value of `b=`.
  ///   - publicKey: The 32 octets of the key.
  /// - Returns: How they compare.
  static func verifyEd25519(
    hash: [UInt8], signature: [UInt8], publicKey: [UInt8]
  ) -> Verification {
    defer { ERR_clear_error() }
    guard
      let key = unsafe EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
    else { return .unusableKey }
    defer { unsafe EVP_PKEY_free(key) }
    guard let context = unsafe EVP_MD_CTX_new() else { return .unusableKey }
    defer { unsafe EVP_MD_CTX_free(context) }
    guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else {
      return .unusableKey
    }
    let status = unsafe EVP_DigestVerify(
      context, signature, signature.count, hash, hash.count)
    return status == 1 ? .verified : .mismatch
  }
}
