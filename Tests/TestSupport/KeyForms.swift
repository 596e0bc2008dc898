import Foundation

/// Public keys in ordinary and strange forms, to be read or refused.
public struct KeyForm: Sendable, CustomStringConvertible {
  /// What is strange about it.
  public let name: String
  /// The octets that stand in `p=`.
  public let octets: [UInt8]
  /// Whether it is an RSA key of the usual form.
  public let isOrdinary: Bool

  /// The name.
  public var description: String { name }

  private init(_ name: String, _ octets: [UInt8], isOrdinary: Bool = false) {
    self.name = name
    self.octets = octets
    self.isOrdinary = isOrdinary
  }

  /// The SubjectPublicKeyInfo of ``TestKeys/rsa1024``.
  public static let rsa1024 = decode(
    """
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC/UUYc5hT2A86WWUzxkaLlWK5ABMF1GoayEzN33VoXn9BozxU8POwPnO\
    vnnoGDS7enn/M/L0UfDDpRd6eMfN2j/byCXpdiJxNwrU7Mx3XEUB2GuPe7SanNcgeyYnv+Qhx2roh/EojBNwk6GN0orH/4\
    GL5MOD8S9S5lFZpQ5+flZwIDAQAB
    """)

  /// The modulus in it, as an INTEGER's contents.
  private static let modulus = Array(rsa1024[28..<157])
  private static let exponent: [UInt8] = [1, 0, 1]
  private static let rsaEncryption: [UInt8] = [
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01,
  ]

  /// Keys of other kinds and of other forms.
  public static let kinds = [
    KeyForm("RSA", rsa1024, isOrdinary: true),
    KeyForm("RSA, put together here", info(), isOrdinary: true),
    KeyForm("RSA PKCS#1 without SubjectPublicKeyInfo", numbers()),
    KeyForm("RSA with two octets behind it", rsa1024 + [0, 0]),
    KeyForm("RSA twice", rsa1024 + rsa1024),
    KeyForm("RSA with NULL left out", info(algorithm: rsaEncryption)),
    KeyForm("RSA with other parameters", info(algorithm: rsaEncryption + [0x30, 0])),
    KeyForm("RSA with two parameters", info(algorithm: rsaEncryption + [5, 0, 5, 0])),
    KeyForm("RSA with the number of RSA in X.500", info(algorithm: [6, 4, 0x55, 8, 1, 1, 5, 0])),
    KeyForm("RSA-OAEP", info(algorithm: Array(rsaEncryption.dropLast()) + [7, 5, 0])),
    KeyForm("RSA with unused bits", info(unusedBits: 1)),
    KeyForm("RSA with 8 unused bits", info(unusedBits: 8)),
    KeyForm("an octet behind the numbers", info(numbers: numbers() + [0])),
    KeyForm("a third number", info(numbers: element(0x30, integers() + element(2, [1])))),
    KeyForm("one number", info(numbers: element(0x30, element(2, modulus)))),
    KeyForm("no numbers", info(numbers: element(0x30, []))),
    KeyForm("an empty bit string", element(0x30, algorithm() + element(3, []))),
    KeyForm("an OCTET STRING", element(0x30, algorithm() + element(4, [0] + numbers()))),
    KeyForm("a third element", element(0x30, algorithm() + bits() + [5, 0])),
    KeyForm("PKCS#8 around it", element(0x30, element(2, [0]) + algorithm() + bits(tag: 4))),
    KeyForm("nothing", []), KeyForm("an empty sequence", [0x30, 0]), KeyForm("zeros", [0, 0]),
    KeyForm("EC", decode(ellipticCurve)), KeyForm("Ed25519", decode(ed25519)),
    KeyForm("X25519", decode(x25519)), KeyForm("DSA", decode(dsa)), KeyForm("RSA-PSS", decode(pss)),
    KeyForm("RSA-PSS with parameters", decode(pssWithParameters)),
  ]

  /// RSA keys whose lengths are written in another way, which BER allows or not.
  public static let lengths = [
    KeyForm("indefinite outside", [0x30, 0x80] + rsa1024.dropFirst(3) + [0, 0]),
    KeyForm(
      "indefinite around the numbers", info(numbers: [0x30, 0x80] + integers() + [0, 0])),
    KeyForm("three octets of length outside", [0x30, 0x82, 0] + rsa1024.dropFirst(2)),
    KeyForm("five octets of length outside", [0x30, 0x84, 0, 0, 0] + rsa1024.dropFirst(2)),
    KeyForm("a length of 2^32", [0x30, 0x85, 1, 0, 0, 0, 0] + rsa1024.dropFirst(3)),
    KeyForm("a length of 2^64 - 1", [0x30, 0x88] + [UInt8](repeating: 255, count: 8) + rsa1024),
    KeyForm("a length of 2^31 - 1", [0x30, 0x84, 127, 255, 255, 255] + rsa1024.dropFirst(3)),
    KeyForm("a reserved length", [0x30, 0xFF] + rsa1024.dropFirst(3)),
    KeyForm("long length of the algorithm", longAlgorithm),
    KeyForm(
      "long length of the exponent",
      info(numbers: element(0x30, element(2, modulus) + [2, 0x81, 3] + exponent))),
    KeyForm("one too few", [0x30, 0x81, 0x9E] + rsa1024.dropFirst(3)),
    KeyForm("one too many", [0x30, 0x81, 0xA0] + rsa1024.dropFirst(3)),
    KeyForm("a tag in long form", [0x3F, 0x10] + rsa1024.dropFirst()),
    KeyForm("a set", [0x31] + rsa1024.dropFirst()),
    KeyForm("a primitive sequence", [0x10] + rsa1024.dropFirst()),
    KeyForm(
      "a constructed bit string",
      element(0x30, algorithm() + element(0x23, element(3, [0] + numbers())))),
  ]

  /// RSA keys with other numbers than usual.
  public static let numberForms = [
    KeyForm("exponent 3", info(exponent: [3]), isOrdinary: true),
    KeyForm("exponent 2^32 + 1", info(exponent: [1, 0, 0, 0, 1]), isOrdinary: true),
    KeyForm(
      "exponent of 64 bits", info(exponent: [0, 255, 0, 0, 0, 0, 0, 0, 1]), isOrdinary: true),
    KeyForm("exponent of 65 bits", info(exponent: [1, 0, 0, 0, 0, 0, 0, 0, 1])),
    KeyForm("exponent as long as the modulus", info(exponent: modulus)),
    KeyForm("exponent 0", info(exponent: [0])), KeyForm("exponent 1", info(exponent: [1])),
    KeyForm("exponent 2", info(exponent: [2])),
    KeyForm("exponent 65536", info(exponent: [1, 0, 0])),
    KeyForm("exponent -1", info(exponent: [255])), KeyForm("exponent -127", info(exponent: [129])),
    KeyForm("exponent without octets", info(exponent: [])),
    KeyForm("exponent with a zero in front", info(exponent: [0, 3])),
    KeyForm("modulus 0", info(modulus: [0])), KeyForm("modulus 1", info(modulus: [1])),
    KeyForm("modulus 3", info(modulus: [3])), KeyForm("modulus 15", info(modulus: [15])),
    KeyForm("modulus without octets", info(modulus: [])),
    KeyForm("modulus with a zero in front", info(modulus: [0] + modulus)),
    KeyForm("negative modulus", info(modulus: Array(modulus.dropFirst()))),
    KeyForm("even modulus", info(modulus: modulus.dropLast() + [2])),
    KeyForm("modulus of 63 octets", info(modulus: odd(63))),
    KeyForm("modulus of 64 octets", info(modulus: odd(64)), isOrdinary: true),
    KeyForm("modulus of 2048 bits", info(modulus: [0] + odd(256, first: 200)), isOrdinary: true),
    KeyForm(
      "modulus of 3073 bits, exponent of 505",
      info(modulus: odd(385, first: 1), exponent: [1] + odd(63))),
    KeyForm("modulus of 950 octets", info(modulus: odd(950)), isOrdinary: true),
    KeyForm("modulus of 1000 octets", info(modulus: odd(1000))),
    KeyForm("modulus of 16384 bits", info(modulus: odd(2048))),
    KeyForm("modulus of 16392 bits", info(modulus: odd(2049))),
    KeyForm("modulus of 70000 octets", info(modulus: odd(70000))),
    KeyForm("numbers swapped", info(modulus: exponent, exponent: modulus)),
  ]

  /// All of them.
  public static let all = kinds + lengths + numberForms

  private static func odd(_ count: Int, first: UInt8 = 0x7B) -> [UInt8] {
    [first] + (1..<count - 1).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) } + [0x35]
  }

  private static let longAlgorithm = element(
    0x30, [0x30, 0x81, 13] + rsaEncryption + [5, 0] + bits())

  private static func algorithm(_ contents: [UInt8] = rsaEncryption + [5, 0]) -> [UInt8] {
    element(0x30, contents)
  }

  private static func integers(
    _ modulus: [UInt8] = modulus, _ exponent: [UInt8] = exponent
  ) -> [UInt8] { element(2, modulus) + element(2, exponent) }

  private static func numbers(
    _ modulus: [UInt8] = modulus, _ exponent: [UInt8] = exponent
  ) -> [UInt8] { element(0x30, integers(modulus, exponent)) }

  private static func bits(tag: UInt8 = 3) -> [UInt8] { element(tag, [0] + numbers()) }

  private static func info(
    algorithm: [UInt8] = rsaEncryption + [5, 0], unusedBits: UInt8 = 0, numbers: [UInt8]
  ) -> [UInt8] {
    element(0x30, element(0x30, algorithm) + element(3, [unusedBits] + numbers))
  }

  private static func info(
    algorithm: [UInt8] = rsaEncryption + [5, 0], unusedBits: UInt8 = 0,
    modulus: [UInt8] = modulus, exponent: [UInt8] = exponent
  ) -> [UInt8] {
    info(algorithm: algorithm, unusedBits: unusedBits, numbers: numbers(modulus, exponent))
  }

  private static func element(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
    let count = contents.count
    guard count > 127 else { return [tag, UInt8(count)] + contents }
    let digits = [16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }.drop { $0 == 0 }
    return [tag, 0x80 + UInt8(digits.count)] + digits + contents
  }

  private static func decode(_ text: String) -> [UInt8] {
    guard let data = Data(base64Encoded: text) else { preconditionFailure("not base64: \(text)") }
    return Array(data)
  }

  private static let ellipticCurve = """
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtiSBC0TZ/nJyWfUbB/mvF4GPx8YV10H5xhpHuXla9o8i3SCzeZGq4CnDf7\
    APWPdnrvsj+fkqdQNzRdEz4iGy8g==
    """
  private static let ed25519 = "MCowBQYDK2VwAyEA8bBBDXv9FfFrxuYzqJPRLVyBk1zqnaSczzr/Ifo94o8="
  private static let x25519 = "MCowBQYDK2VuAyEAti35ZLlyfzSgoWGXsQevsZDLXMeS0BptBnt5qdZsTHo="
  private static let dsa = """
    MIIBvjCCATMGByqGSM44BAEwggEmAoGBAIXPTz7vWPjrSfR1ZWn8Fb/xdDVCtjJNBF3NuapqcNK7uRFPBm/3P6xivuOrr7\
    HSW5ZcZ2+HGL9MAAZbNqQzP3vevcwxNM9ZVaqA2zFPlgOvBs5iglr8xTozN2Tb5r/foDaFf1ilQyt1zPjSjmndt94zp4Xv\
    1cquZvJKPrWGmY3fAh0Aj6YOaXHbnUJ++7tXNscGeqbayq+N0SDEp4VTRQKBgGzxyDnkxYF2rsdepbein5/3Qefq6VmCiO\
    D27ZdhpTc01P7iSjhWiQahSI8E4oqCaNq7au5N3k1QaWfESznLzxPxxns5XelYxPErsZ0IzEaMIQu41XCGV0RubDvszNxo\
    +rfKniWvvbBQjP7YLfLe234yxMvF5JDIeB/+qPU558flA4GEAAKBgE1SN4iysyjWsbIj3CrK+kgZnU6LET01BKsmROMAlB\
    4hm77OL4BI3PMQtXL9disxu7Zb6BTEewh0EvluHrUhNVunbbKzHR5ef0qnqyJgJ7kw9CLpZf7GhbCqSQ7mWfxG8EgZ8uSQ\
    fcts2nPd8S7vLNLvuWHtWu8zJtH717clEGEQ
    """
  private static let pss = """
    MIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEAupQBi3pCifQ1D1pqNagi9tYPtKc+zplkE13q+hex6AjBhgnYyoFGfQN8if\
    5Ifo5ojbNUMI8xf5EUI6L9Q8tofT77Ptu9o2w8D+bWsJfmHGHQxbpAHQw1lvRl1IgriiAtcScaQeNAQntDFhHRla3b40ig\
    Q0xz9K4iErQTcDHrY28CAwEAAQ==
    """
  private static let pssWithParameters = """
    MIHOMDwGCSqGSIb3DQEBCjAvoA8wDQYJYIZIAWUDBAIBBQChHDAaBgkqhkiG9w0BAQgwDQYJYIZIAWUDBAIBBQADgY0AMI\
    GJAoGBAJ7/nDBpAVH09G3iEXxbuMAoAakGoHvLY+WJEza7TKdcQB+AnqWBDumTz8DOACUpj8L9/NBZQ2yvasl4e2QS510g\
    s+wvOIBlAu57ArTX69i2vWCyVo5xFe4xEQO1tA053le17HDpvMpH6FT2cC6ncjDCZnHXHpMQhh+0rK/fHZW3AgMBAAE=
    """
}
