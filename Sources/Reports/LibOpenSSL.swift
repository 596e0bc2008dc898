import COpenSSL

/// libcrypto: hashes; the only file of this module that calls it.
enum LibOpenSSL {
  /// SHA-256 as 64 lower-case hexadecimal digits; nil when the library refuses.
  static func sha256(_ octets: [UInt8]) -> String? {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard
      unsafe EVP_Digest(octets, octets.count, &digest, &length, EVP_sha256(), nil) == 1,
      length == 32
    else { return nil }
    return digest.prefix(32)
      .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      .joined()
  }
}
