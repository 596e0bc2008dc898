import COpenSSL

/// New key pairs; this is the only file of the module that calls libcrypto.
enum LibKeyGeneration {
  /// A new private key as PEM; nil when libcrypto fails.
  static func pem(_ kind: KeyKind) -> [UInt8]? {
    defer { ERR_clear_error() }
    let type = kind == .ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_RSA
    guard let context = unsafe EVP_PKEY_CTX_new_id(type, nil) else { return nil }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    guard unsafe EVP_PKEY_keygen_init(context) == 1 else { return nil }
    if let bits = kind.bits, unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) != 1 {
      return nil
    }
    var key: OpaquePointer?
    guard unsafe EVP_PKEY_keygen(context, &key) == 1, let key = unsafe key else { return nil }
    defer { unsafe EVP_PKEY_free(key) }
    return unsafe text(key)
  }

  private static func text(_ key: OpaquePointer) -> [UInt8]? {
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

extension KeyKind {
  /// The size of an RSA key; nil for others.
  fileprivate var bits: Int32? {
    switch self {
    case .rsa2048: 2048
    case .rsa1024: 1024
    case .ed25519: nil
    }
  }
}
