import COpenSSL

extension LibCrypto {
  /// Signs a SHA-256 hash: PKCS#1 v1.5 with RSA (RFC 8017 section 8.2.1); with Ed25519 the hash is
  /// what is signed (RFC 8463 section 3).
  ///
  /// - Parameters:
  ///   - hash: 32 octets.
  ///   - privateKey: The key.
  /// - Returns: The value of `b=`; nil when libcrypto failed.
  static func sign(hash: [UInt8], with privateKey: DKIMPrivateKey) -> [UInt8]? {
    defer { ERR_clear_error() }
    let pem = privateKey.pem
    guard let source = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { return nil }
    defer { unsafe BIO_free(source) }
    guard let key = unsafe PEM_read_bio_PrivateKey(source, nil, nil, nil) else { return nil }
    defer { unsafe EVP_PKEY_free(key) }
    return unsafe privateKey.algorithm == .rsaSHA256
      ? signRSA(hash, key) : signEd25519(hash, key)
  }

  private static func signRSA(_ hash: [UInt8], _ key: OpaquePointer) -> [UInt8]? {
    guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { return nil }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var length = Int(unsafe EVP_PKEY_get_size(key))
    guard length > 0 else { return nil }
    var signature = [UInt8](repeating: 0, count: length)
    guard unsafe EVP_PKEY_sign_init(context) == 1,
      unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1,
      unsafe EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1,
      unsafe EVP_PKEY_sign(context, &signature, &length, hash, hash.count) == 1
    else { return nil }
    return Array(signature.prefix(length))
  }

  private static func signEd25519(_ hash: [UInt8], _ key: OpaquePointer) -> [UInt8]? {
    guard let context = unsafe EVP_MD_CTX_new() else { return nil }
    defer { unsafe EVP_MD_CTX_free(context) }
    var signature = [UInt8](repeating: 0, count: 64)
    var length = signature.count
    guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
      unsafe EVP_DigestSign(context, &signature, &length, hash, hash.count) == 1
    else { return nil }
    return Array(signature.prefix(length))
  }
}
