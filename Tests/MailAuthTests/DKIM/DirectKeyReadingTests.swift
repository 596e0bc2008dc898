import Foundation
import TestSupport
import Testing

/// Keys read without OpenSSL's decoders: nobody can tell by a result.
@Suite struct DirectKeyReadingTests {
  /// Compares both ways of reading and gives the way that ours took.
  @discardableResult private func compare(
    _ octets: [UInt8], source: KeyReading.Source = .buffer, signature: [UInt8]? = nil,
    hasErrors: Bool = false, hasPlace: Bool = false, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> KeyReadings {
    let readings = KeyReadings(
      octets, source: source, signature: signature, hasErrors: hasErrors, hasPlace: hasPlace)
    #expect(readings.ours == readings.libcrypto, "\(what)", sourceLocation: sourceLocation)
    return readings
  }

  @Test(arguments: KeyForm.all) func everyFormIsReadAlike(_ form: KeyForm) {
    for source in KeyReading.Source.allCases {
      for hasErrors in [false, true] {
        for hasPlace in [false, true] {
          let what = "\(source), errors before: \(hasErrors), place for the key: \(hasPlace)"
          let readings = compare(
            form.octets, source: source, hasErrors: hasErrors, hasPlace: hasPlace, what)
          let isBuffer = source == .buffer || source == .writableBuffer
          #expect(readings.isDirect == (form.isOrdinary && isBuffer), "\(what)")
          #expect(readings.ours.isPlaceRight, "\(what)")
        }
      }
    }
  }

  @Test func theFormsAreReadAsTheirNamesSay() {
    let types = KeyForm.all.reduce(into: [:]) { types, form in
      types[form.name] = KeyReadings(form.octets).libcrypto.type
    }
    #expect(types["RSA"] == 6 && types["RSA with two octets behind it"] == 6)
    #expect(types["RSA-PSS with parameters"] == 912 && types["Ed25519"] == 1087)
    #expect(types["RSA PKCS#1 without SubjectPublicKeyInfo"] == nil)
    #expect(types["PKCS#8 around it"] == nil && types["nothing"] == nil)
    #expect(KeyForm.all.allSatisfy { !$0.isOrdinary || types[$0.name] == 6 })
  }

  struct Size: Sendable, CustomTestStringConvertible {
    var bits: Int32
    var exponent: UInt
    var testDescription: String { "\(bits) bits, exponent \(exponent)" }
  }

  static let sizes =
    [512, 768, 1024, 1032, 2048].flatMap { bits in
      [3, 17, 65537].map { Size(bits: bits, exponent: $0) }
    } + [Size(bits: 4096, exponent: 65537)]

  @Test(arguments: sizes) func madeKeysVerifyAlike(_ size: Size) {
    let key = GeneratedRSAKey(bits: size.bits, exponent: size.exponent)
    let readings = compare(key.publicKey, signature: key.signature, "signature")
    #expect(readings.isDirect)
    #expect(readings.ours.isVerified)
    #expect(readings.ours.bits == size.bits)
    #expect(readings.ours.encoded == key.publicKey)
    #expect(readings.ours.octetsLeft == 0)
    var forged = key.signature
    forged[forged.count / 2] ^= 1
    #expect(!compare(key.publicKey, signature: forged, "forged signature").ours.isVerified)
  }

  /// Also while others take its place in memory.
  @Test func aKeyIsReadAlikeEachTime() {
    let keys = (0..<3).map { _ in GeneratedRSAKey(bits: 1024, exponent: 65537) }
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for round in 0..<150 {
        let key = keys[(thread + round) % keys.count]
        let other = keys[(thread + round + 1) % keys.count]
        #expect(compare(key.publicKey, signature: key.signature, "again").ours.isVerified)
        #expect(!compare(key.publicKey, signature: other.signature, "wrong").ours.isVerified)
      }
    }
  }

  /// More keys than are kept.
  @Test func manyKeysAreReadAlike() {
    var random = SystemRandomNumberGenerator()
    let key = GeneratedRSAKey(bits: 512, exponent: 65537).publicKey
    for _ in 0..<2000 {
      var octets = key
      // Within the modulus, which stays odd and as long.
      for index in 30..<80 { octets[index] = UInt8.random(in: 0...255, using: &random) }
      let readings = compare(octets, "another modulus")
      #expect(readings.isDirect)
      #expect(readings.ours.encoded == octets)
    }
  }

  @Test func keysThatEndTooEarlyAreReadAlike() {
    for count in 0..<KeyForm.rsa1024.count {
      let readings = compare(Array(KeyForm.rsa1024.prefix(count)), "\(count) octets")
      #expect(readings.ours.type == nil && !readings.isDirect)
    }
  }

  @Test(arguments: [0x01, 0x02, 0x04, 0x20, 0x40, 0x80, 0xFF] as [UInt8])
  func keysWithOneWrongOctetAreReadAlike(_ change: UInt8) {
    var direct = 0
    for index in KeyForm.rsa1024.indices {
      var octets = KeyForm.rsa1024
      octets[index] ^= change
      if compare(octets, "octet \(index)").isDirect { direct += 1 }
    }
    // Most of the modulus may hold anything; the structure around it may not.
    #expect((120...132).contains(direct), "\(direct)")
  }

  @Test func randomChangesAreReadAlike() {
    var random = FixedRandomNumbers(state: 0x9E37_79B9_7F4A_7C15)
    var direct = 0
    var refused = 0
    for round in 0..<1500 {
      var octets = KeyForm.rsa1024
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        // Half of them in the structure in front of the modulus.
        let end = Bool.random(using: &random) ? 32 : octets.count
        let index = Int.random(in: 0..<end, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: octets.remove(at: index)
        case 1: octets.insert(.random(in: .min ... .max, using: &random), at: index)
        default: octets[index] = .random(in: .min ... .max, using: &random)
        }
      }
      let readings = compare(octets, "round \(round): \(octets)")
      if readings.isDirect { direct += 1 }
      if readings.ours.type == nil { refused += 1 }
    }
    #expect(direct > 100 && refused > 200, "\(direct) direct, \(refused) refused")
  }

  @Test func randomOctetsAreReadAlike() {
    var random = FixedRandomNumbers(state: 42)
    for round in 0..<300 {
      let octets = (0..<Int.random(in: 0...300, using: &random)).map { _ in
        UInt8.random(in: .min ... .max, using: &random)
      }
      compare(octets, "round \(round): \(octets)")
      compare([0x30] + octets, "round \(round), a sequence: \(octets)")
    }
  }

  @Test(.enabled(if: Suites.arePresent, "the published suites are not beside this checkout"))
  func theKeysOfTheSuitesAreReadAlike() throws {
    var direct = 0
    var others = 0
    for key in try Self.suiteKeys() {
      if compare(key, "\(key)").isDirect { direct += 1 } else { others += 1 }
    }
    #expect(direct >= 4 && others >= 2, "\(direct) and \(others) keys")
  }

  /// Every value of p= in the DKIM and ARC suites that is base64.
  private static func suiteKeys() throws -> Set<[UInt8]> {
    let folders = ["dkim/generated", "dkim/rfc8463", "arc"].map { "\(Suites.folder)/\($0)" }
    let files = try folders.flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.hasSuffix(".json") || $0.hasSuffix(".yml") }.map { "\(folder)/\($0)" }
    }
    var keys: Set<[UInt8]> = []
    for file in files {
      let text = try String(contentsOfFile: file, encoding: .utf8)
      for part in text.components(separatedBy: "p=").dropFirst() {
        let value = part.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+/=".contains($0)) }
        if let data = Data(base64Encoded: String(value)) { keys.insert(Array(data)) }
      }
    }
    return keys
  }
}

/// The same numbers in every run.
private struct FixedRandomNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
