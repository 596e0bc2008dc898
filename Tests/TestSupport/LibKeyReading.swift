import CDirectKeys
import COpenSSL

/// What became of some octets that were read as a public key, and what was left behind.
public struct KeyReading: Equatable, Sendable {
  /// Where the octets come from.
  public enum Source: CaseIterable, Sendable {
    /// A read-only buffer, as libopendkim makes it.
    case buffer
    /// A buffer that can be written.
    case writableBuffer
    /// A buffer of which three octets in front were read before.
    case readBuffer
    /// Another source, behind a filter.
    case filter
  }

  /// OpenSSL's number for the kind of key; nil when there is no key.
  public var type: Int32?
  /// The size of the key.
  public var bits: Int32 = 0
  /// The key as SubjectPublicKeyInfo.
  public var encoded: [UInt8] = []
  /// Octets read from the source.
  public var octetsRead: UInt64 = 0
  /// Octets left in it.
  public var octetsLeft = 0
  /// Whether it says that it has come to its end.
  public var isAtEnd = false
  /// The codes in OpenSSL's error queue.
  public var errors: [UInt] = []
  /// What `RSA_verify` says of a signature; nil when the key is no RSA key.
  public var verification: Int32?
  /// The error codes of that.
  public var verificationErrors: [UInt] = []
  /// Whether the place for the key holds what was returned, or what was there before.
  public var isPlaceRight = false

  /// Whether a reading gave a key that verifies the signature.
  public var isVerified: Bool { verification == 1 }
}

/// The same octets read in both ways.
public struct KeyReadings: Sendable {
  /// As libopendkim has it read.
  public let ours: KeyReading
  /// By libcrypto alone.
  public let libcrypto: KeyReading
  /// Whether ours did without libcrypto's decoders.
  public let isDirect: Bool

  /// Reads octets.
  ///
  /// - Parameters:
  ///   - octets: What is a key or not.
  ///   - source: How they are given.
  ///   - signature: What is verified with the key; nil for octets of the right number that are no
  ///     signature.
  ///   - hasErrors: Whether there are errors in OpenSSL's queue before.
  ///   - hasPlace: Whether there is a place for the key, with another key in it.
  public init(
    _ octets: [UInt8], source: KeyReading.Source = .buffer, signature: [UInt8]? = nil,
    hasErrors: Bool = false, hasPlace: Bool = false
  ) {
    func reading(_ read: (OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>?) -> OpaquePointer?)
      -> KeyReading
    {
      ERR_clear_error()
      if hasErrors {
        let noKey: [UInt8] = [0x30, 0x01, 0x00]
        unsafe noKey.withUnsafeBufferPointer { octets in
          var position = octets.baseAddress
          _ = unsafe d2i_X509_ALGOR(nil, &position, octets.count)
        }
      }
      return unsafe KeyReading(
        octets, source: source, signature: signature, hasPlace: hasPlace, read: read)
    }
    libcrypto = unsafe reading { unsafe plumbline_libcrypto_key($0, $1) }
    plumbline_direct_keys_begin()
    ours = unsafe reading { unsafe d2i_PUBKEY_bio($0, $1) }
    isDirect = plumbline_direct_keys_end() > 0
  }
}

extension KeyReading {
  fileprivate init(
    _ octets: [UInt8], source: Source, signature: [UInt8]?, hasPlace: Bool,
    read: (OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>?) -> OpaquePointer?
  ) {
    self = unsafe octets.withUnsafeBytes { octets in
      let buffer = unsafe Self.source(source, octets)
      defer { unsafe BIO_free_all(buffer) }
      let before = unsafe hasPlace ? EVP_PKEY_new() : nil
      var place = unsafe before
      let key = unsafe hasPlace ? read(buffer, &place) : read(buffer, nil)
      defer {
        if unsafe !hasPlace || (key == nil && place == before) { unsafe EVP_PKEY_free(key) }
        unsafe EVP_PKEY_free(place)
      }
      var reading = unsafe KeyReading(key, signature: signature)
      reading.isPlaceRight = unsafe place == (hasPlace ? key ?? before : nil)
      unsafe reading.octetsRead = BIO_number_read(buffer)
      unsafe reading.octetsLeft = BIO_ctrl(buffer, BIO_CTRL_PENDING, 0, nil)
      unsafe reading.isAtEnd = BIO_ctrl(buffer, BIO_CTRL_EOF, 0, nil) == 1
      return reading
    }
  }

  private init(_ key: OpaquePointer?, signature: [UInt8]?) {
    errors = Self.errors()
    guard let key = unsafe key else { return }
    type = unsafe EVP_PKEY_get_id(key)
    bits = unsafe EVP_PKEY_get_bits(key)
    encoded = [UInt8](repeating: 0, count: max(0, Int(unsafe i2d_PUBKEY(key, nil))))
    unsafe encoded.withUnsafeMutableBufferPointer { buffer in
      var position = buffer.baseAddress
      _ = unsafe i2d_PUBKEY(key, &position)
    }
    ERR_clear_error()
    // As libopendkim does it.
    if let rsa = unsafe EVP_PKEY_get1_RSA(key) {
      let signature =
        signature ?? [0] + [UInt8](repeating: 7, count: max(0, Int(unsafe RSA_size(rsa)) - 1))
      verification = unsafe RSA_verify(
        NID_sha256, LibOpenSSL.sha256([]), 32, signature, UInt32(signature.count), rsa)
      unsafe RSA_free(rsa)
    }
    verificationErrors = Self.errors()
  }

  private static func source(_ source: Source, _ octets: UnsafeRawBufferPointer) -> OpaquePointer? {
    let count = Int32(octets.count)
    switch source {
    case .buffer: return unsafe BIO_new_mem_buf(octets.baseAddress, count)
    case .filter:
      return unsafe BIO_push(BIO_new(BIO_f_buffer()), BIO_new_mem_buf(octets.baseAddress, count))
    case .writableBuffer, .readBuffer:
      let buffer = unsafe BIO_new(BIO_s_mem())
      if source == .readBuffer {
        var front: [UInt8] = [0x30, 0x81, 0x9F]
        unsafe BIO_write(buffer, front, 3)
        unsafe BIO_write(buffer, octets.baseAddress, count)
        unsafe BIO_read(buffer, &front, 3)
      } else {
        unsafe BIO_write(buffer, octets.baseAddress, count)
      }
      return unsafe buffer
    }
  }

  private static func errors() -> [UInt] {
    var errors: [UInt] = []
    while case let code = ERR_get_error(), code != 0 { errors.append(code) }
    return errors
  }
}

/// An RSA key made for one test, with a signature of the hash of nothing.
public struct GeneratedRSAKey: Sendable {
  /// SubjectPublicKeyInfo.
  public let publicKey: [UInt8]
  /// PKCS#1, SHA-256.
  public let signature: [UInt8]

  /// Makes a key.
  ///
  /// - Parameters:
  ///   - bits: The size of the modulus.
  ///   - exponent: The public exponent.
  public init(bits: Int32, exponent: UInt) {
    let rsa = unsafe RSA_new()
    let number = unsafe BN_new()
    defer {
      unsafe RSA_free(rsa)
      unsafe BN_free(number)
    }
    let isMade =
      unsafe BN_set_word(number, exponent) == 1 && RSA_generate_key_ex(rsa, bits, number, nil) == 1
    precondition(isMade, "RSA_generate_key_ex failed")
    var octets = [UInt8](repeating: 0, count: Int(unsafe i2d_RSA_PUBKEY(rsa, nil)))
    unsafe octets.withUnsafeMutableBufferPointer { buffer in
      var position = buffer.baseAddress
      _ = unsafe i2d_RSA_PUBKEY(rsa, &position)
    }
    publicKey = octets
    var signed = [UInt8](repeating: 0, count: Int(unsafe RSA_size(rsa)))
    var count: UInt32 = 0
    let status = unsafe RSA_sign(
      NID_sha256, LibOpenSSL.sha256([]), 32, &signed, &count, rsa)
    precondition(status == 1, "RSA_sign failed")
    signature = Array(signed.prefix(Int(count)))
  }
}
