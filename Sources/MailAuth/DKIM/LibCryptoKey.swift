import COpenSSL
import Glibc

/// A private key as libcrypto reads it, taken apart into values.
struct LibCryptoKey {
  /// What a PEM text turned out to be.
  enum Parsed {
    case key(LibCryptoKey)
    case encrypted
    case notAKey
    case otherType(String)
  }

  var algorithm: DKIMAlgorithm
  var bits: Int
  /// What `p=` holds: SubjectPublicKeyInfo for RSA, the 32 octets for Ed25519 (RFC 8463 section 4).
  var publicKey: [UInt8]
  /// The key alone, as PKCS#8 PEM: libopendkim takes a text for PEM only if it begins like that.
  var pem: [UInt8]

  /// Reads the first private key of a PEM text; asks nobody for a passphrase.
  static func parse(pem: [UInt8]) -> Parsed {
    defer { ERR_clear_error() }
    guard let source = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else {
      return .notAKey
    }
    defer { unsafe BIO_free(source) }
    var isEncrypted = false
    let key = unsafe withUnsafeMutablePointer(to: &isEncrypted) { flag in
      unsafe PEM_read_bio_PrivateKey(source, nil, refusePassphrase, flag)
    }
    guard let key = unsafe key else { return isEncrypted ? .encrypted : .notAKey }
    defer { unsafe EVP_PKEY_free(key) }
    let algorithm: DKIMAlgorithm
    switch unsafe EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_RSA: algorithm = .rsaSHA256
    case EVP_PKEY_ED25519: algorithm = .ed25519SHA256
    default: return .otherType(unsafe typeName(of: key))
    }
    let publicKey = unsafe algorithm == .rsaSHA256 ? subjectPublicKey(key) : rawPublicKey(key)
    guard let publicKey, let pem = unsafe privateText(key) else { return .notAKey }
    return .key(
      LibCryptoKey(
        algorithm: algorithm, bits: Int(unsafe EVP_PKEY_get_bits(key)), publicKey: publicKey,
        pem: pem))
  }

  private static func typeName(of key: OpaquePointer) -> String {
    guard let name = unsafe EVP_PKEY_get0_type_name(key) else { return "unknown" }
    return unsafe UnsafeRawBufferPointer(start: name, count: strlen(name)).printable(limit: 40)
  }

  private static func subjectPublicKey(_ key: OpaquePointer) -> [UInt8]? {
    let length = unsafe i2d_PUBKEY(key, nil)
    guard length > 0 else { return nil }
    var octets = [UInt8](repeating: 0, count: Int(length))
    let written = unsafe octets.withUnsafeMutableBufferPointer { buffer in
      var position = buffer.baseAddress
      return unsafe i2d_PUBKEY(key, &position)
    }
    return written == length ? octets : nil
  }

  private static func rawPublicKey(_ key: OpaquePointer) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: 32)
    var length = octets.count
    guard unsafe EVP_PKEY_get_raw_public_key(key, &octets, &length) == 1, length == 32 else {
      return nil
    }
    return octets
  }

  private static func privateText(_ key: OpaquePointer) -> [UInt8]? {
    guard let sink = unsafe BIO_new(BIO_s_mem()) else { return nil }
    defer { unsafe BIO_free(sink) }
    guard unsafe PEM_write_bio_PKCS8PrivateKey(sink, key, nil, nil, 0, nil, nil) == 1 else {
      return nil
    }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe BIO_read(sink, &piece, Int32(piece.count))
      guard count > 0 else { return text }
      text += piece.prefix(Int(count))
    }
  }
}

/// OpenSSL's own answer to an encrypted key is to ask on the terminal.
private func refusePassphrase(
  buffer: UnsafeMutablePointer<CChar>?, size: Int32, isWriting: Int32,
  flag: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe flag?.assumingMemoryBound(to: Bool.self).pointee = true
  return -1
}
