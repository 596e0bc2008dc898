import COpenSSL
import MailAuth
import TestSupport

/// New keys, made by libcrypto.
enum LibKeyGeneration {
  /// An RSA key of 2048 bits.
  static func rsa2048() throws -> DKIMPrivateKey { try generate(EVP_PKEY_RSA) }

  /// An Ed25519 key.
  static func ed25519() throws -> DKIMPrivateKey { try generate(EVP_PKEY_ED25519) }

  private static func generate(_ type: Int32) throws -> DKIMPrivateKey {
    let context = unsafe EVP_PKEY_CTX_new_id(type, nil)
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard unsafe EVP_PKEY_keygen_init(context) == 1,
      unsafe type != EVP_PKEY_RSA || EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1,
      unsafe EVP_PKEY_keygen(context, &key) == 1
    else { throw FixtureError("libcrypto made no key") }
    defer { unsafe EVP_PKEY_free(key) }
    let output = unsafe BIO_new(BIO_s_mem())
    defer { unsafe BIO_free(output) }
    var pem = [UInt8](repeating: 0, count: 8192)
    guard unsafe PEM_write_bio_PrivateKey(output, key, nil, nil, 0, nil, nil) == 1 else {
      throw FixtureError("libcrypto wrote no key")
    }
    let count = unsafe BIO_read(output, &pem, Int32(pem.count))
    return try DKIMPrivateKey(pem: Array(pem.prefix(Int(max(count, 0)))), source: "a new key")
  }
}
