import COpenSSL

/// libcrypto: hashes and random octets; the only file of this module that calls it.
enum LibOpenSSL {
  /// SHA-256 as 64 lower-case hexadecimal digits; nil when the library refuses.
  static func sha256(_ octets: [UInt8]) -> String? {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard
      unsafe EVP_Digest(octets, octets.count, &digest, &length, EVP_sha256(), nil) == 1,
      length == 32
    else { return nil }
    return hexadecimal(digest.prefix(32))
  }

  /// HMAC-SHA-256 (RFC 2104) as 64 lower-case hexadecimal digits; nil when the library refuses.
  static func hmacSHA256(_ octets: [UInt8], key: [UInt8]) -> String? {
    var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length = 0
    guard
      unsafe EVP_Q_mac(
        nil, "HMAC", nil, "SHA256", nil, key, key.count, octets, octets.count, &code, code.count,
        &length) != nil, length == 32
    else { return nil }
    return hexadecimal(code.prefix(32))
  }

  /// Octets that nobody can guess; nil when the library has none.
  static func random(_ count: Int) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: count)
    return unsafe RAND_bytes(&octets, Int32(clamping: count)) == 1 ? octets : nil
  }

  private static func hexadecimal(_ octets: some Sequence<UInt8>) -> String {
    octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
