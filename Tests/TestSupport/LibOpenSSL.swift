import COpenSSL

/// The two things tests need of OpenSSL: a SHA-256 hash and an Ed25519 signature.
enum LibOpenSSL {
  static func sha256(_ octets: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let status = unsafe EVP_Digest(octets, octets.count, &digest, &length, EVP_sha256(), nil)
    precondition(status == 1 && length == 32, "EVP_Digest failed")
    return digest
  }

  /// The public key and the signature of `octets` under a 32-octet Ed25519 private key.
  static func ed25519(
    _ octets: [UInt8], privateKey: [UInt8]
  ) -> (publicKey: [UInt8], signature: [UInt8]) {
    let key = unsafe EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nil, privateKey, privateKey.count)
    let context = unsafe EVP_MD_CTX_new()
    defer {
      unsafe EVP_MD_CTX_free(context)
      unsafe EVP_PKEY_free(key)
    }
    var publicKey = [UInt8](repeating: 0, count: 32)
    var publicLength = 32
    var signature = [UInt8](repeating: 0, count: 64)
    var signatureLength = 64
    let isDone =
      unsafe EVP_PKEY_get_raw_public_key(key, &publicKey, &publicLength) == 1
      && EVP_DigestSignInit(context, nil, nil, nil, key) == 1
      && EVP_DigestSign(context, &signature, &signatureLength, octets, octets.count) == 1
    precondition(isDone, "Ed25519 signing failed")
    return (publicKey, signature)
  }
}
