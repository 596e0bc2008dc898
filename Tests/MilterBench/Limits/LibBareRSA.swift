import COpenSSL
import TestSupport

/// What no verifier can do without: SHA-256 of the message, and one RSA-2048 verification.
///
/// `@unchecked Sendable`: the key is only read after `init`; libcrypto locks what it caches in it.
@safe final class LibBareRSA: Verification, @unchecked Sendable {
  private let key: OpaquePointer
  private let message: [UInt8]
  private let signature: [UInt8]

  init(_ message: [UInt8]) throws {
    self.message = message
    guard let key = unsafe RSA_new() else { throw FixtureError("libcrypto made no key") }
    unsafe self.key = key
    let exponent = unsafe BN_new()
    defer { unsafe BN_free(exponent) }
    var signature = [UInt8](repeating: 0, count: 256)
    var length: UInt32 = 0
    let hash = Self.hash(message)
    guard unsafe BN_set_word(exponent, 65_537) == 1,
      unsafe RSA_generate_key_ex(key, 2048, exponent, nil) == 1,
      unsafe RSA_sign(NID_sha256, hash, UInt32(hash.count), &signature, &length, key) == 1,
      length == 256
    else { throw FixtureError("libcrypto did not sign") }
    self.signature = signature
  }

  deinit { unsafe RSA_free(key) }

  func verify() -> Bool {
    let hash = Self.hash(message)
    return unsafe RSA_verify(NID_sha256, hash, UInt32(hash.count), signature, 256, key) == 1
  }

  private static func hash(_ octets: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    _ = unsafe EVP_Digest(octets, octets.count, &digest, &length, EVP_sha256(), nil)
    return digest
  }
}
