/// A public key in the one form that libopendkim is given, with its size.
struct DKIMPublicKey: Sendable, Equatable {
  /// Size of the key: bits of the RSA modulus, or 256 for Ed25519.
  let bits: Int
  /// A key record with nothing in it but `v=`, `k=` and `p=`, made by us: no text of the domain's
  /// owner reaches libopendkim's own parser.
  let recordText: String
  /// The key itself: a SubjectPublicKeyInfo for RSA, 32 octets for Ed25519.
  let encoded: [UInt8]

  /// libopendkim cuts a key record to this many characters.
  private static let longestRecord = 1024

  /// Reads the key of a record; whether that may be used at all ``DKIMKeyRecord/check(for:)`` says.
  ///
  /// RSA keys come as SubjectPublicKeyInfo or as PKCS#1 RSAPublicKey (RFC 6376 section 3.6.1
  /// names the second, practice is the first); Ed25519 keys as 32 raw octets (RFC 8463 section 4).
  ///
  /// - Throws: A ``DKIMProblem`` with cause ``DKIMCause/keySyntax``.
  init(_ record: DKIMKeyRecord) throws(DKIMProblem) {
    if record.keyType == "ed25519" {
      guard record.keyData.count == 32 else {
        throw .permerror(
          .keySyntax, "The Ed25519 key has \(record.keyData.count) octets instead of 32.")
      }
      bits = 256
      encoded = record.keyData
      recordText = "v=DKIM1; k=ed25519; p=\(Base64.encode(record.keyData))"
      return
    }
    guard let key = Self.subjectPublicKeyInfo(record.keyData) else {
      throw .permerror(.keySyntax, "The key record's p= holds no RSA public key.")
    }
    bits = key.bits
    encoded = key.encoded
    recordText = "v=DKIM1; k=rsa; p=\(Base64.encode(key.encoded))"
    guard recordText.utf8.count < Self.longestRecord else {
      throw .permerror(
        .keySyntax, "The RSA key has \(bits) bits; keys beyond about 5,500 cannot be verified here."
      )
    }
  }

  private static func subjectPublicKeyInfo(_ data: [UInt8]) -> (encoded: [UInt8], bits: Int)? {
    var outer = DERReader(data[...])
    guard let sequence = outer.read(tag: 0x30), outer.isAtEnd else { return nil }
    var inner = DERReader(sequence)
    if inner.nextTag == 0x02 {
      guard let bits = modulusBits(data[...]) else { return nil }
      return (DERReader.subjectPublicKeyInfo(rsaPublicKey: data), bits)
    }
    guard inner.read(tag: 0x30)?.starts(with: DERReader.rsaEncryption) == true,
      let bitString = inner.read(tag: 0x03), inner.isAtEnd, bitString.first == 0,
      let bits = modulusBits(bitString.dropFirst())
    else { return nil }
    return (data, bits)
  }

  /// The number of bits of the modulus of a PKCS#1 RSAPublicKey; nil when it is none.
  private static func modulusBits(_ data: ArraySlice<UInt8>) -> Int? {
    var outer = DERReader(data)
    guard let sequence = outer.read(tag: 0x30), outer.isAtEnd else { return nil }
    var inner = DERReader(sequence)
    guard let modulus = inner.read(tag: 0x02), inner.read(tag: 0x02) != nil, inner.isAtEnd
    else { return nil }
    let digits = modulus.drop { $0 == 0 }
    guard let first = digits.first else { return nil }
    return digits.count * 8 - first.leadingZeroBitCount
  }
}

/// Just enough DER to see what kind of RSA key a record holds and how large it is.
private struct DERReader {
  private var rest: ArraySlice<UInt8>

  /// The contents of the AlgorithmIdentifier of an RSA key begin with this object identifier.
  static let rsaEncryption: [UInt8] = [
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01,
  ]

  init(_ data: ArraySlice<UInt8>) { rest = data }

  var isAtEnd: Bool { rest.isEmpty }
  var nextTag: UInt8? { rest.first }

  /// Reads one element; nil when it is not of this tag or its length is wrong.
  mutating func read(tag: UInt8) -> ArraySlice<UInt8>? {
    guard rest.popFirst() == tag, let first = rest.popFirst() else { return nil }
    var length = Int(first)
    if first >= 0x80 {
      let count = Int(first & 0x7F)
      guard (1...3).contains(count), rest.count >= count else { return nil }
      length = rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
      rest.removeFirst(count)
    }
    guard rest.count >= length else { return nil }
    defer { rest.removeFirst(length) }
    return rest.prefix(length)
  }

  /// A SubjectPublicKeyInfo around a PKCS#1 RSAPublicKey.
  static func subjectPublicKeyInfo(rsaPublicKey: [UInt8]) -> [UInt8] {
    let algorithm = element(0x30, rsaEncryption + [0x05, 0x00])
    return element(0x30, algorithm + element(0x03, [0x00] + rsaPublicKey))
  }

  private static func element(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
    let count = contents.count
    let length: [UInt8] =
      switch count {
      case ..<0x80: [UInt8(count)]
      case ..<0x100: [0x81, UInt8(count)]
      case ..<0x10000: [0x82, UInt8(count >> 8), UInt8(count & 0xFF)]
      default: [0x83, UInt8(count >> 16 & 0xFF), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
      }
    return [tag] + length + contents
  }
}
