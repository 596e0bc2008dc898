import Testing

@testable import MailAuth

@Suite struct BodyCanonicalizerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var body: String
    var simple: String
    var relaxed: String
    var testDescription: String { body.debugDescription }
  }

  // Written by hand from RFC 6376 sections 3.4.3 to 3.4.5.
  static let cases = [
    Case(body: "", simple: "\r\n", relaxed: ""),
    Case(body: "\r\n\r\n", simple: "\r\n", relaxed: ""),
    Case(body: "a", simple: "a\r\n", relaxed: "a\r\n"),
    Case(body: "a\r\n", simple: "a\r\n", relaxed: "a\r\n"),
    Case(body: "a\r\n\r\n\r\n", simple: "a\r\n", relaxed: "a\r\n"),
    Case(body: "a  b \r\n", simple: "a  b \r\n", relaxed: "a b\r\n"),
    Case(body: " \r\n\t\r\n", simple: " \r\n\t\r\n", relaxed: ""),
    Case(
      body: "\r\n\r\n\r\n\r\na", simple: "\r\n\r\n\r\n\r\na\r\n", relaxed: "\r\n\r\n\r\n\r\na\r\n"),
    Case(body: "a\r\n\r\nb\r\n", simple: "a\r\n\r\nb\r\n", relaxed: "a\r\n\r\nb\r\n"),
    Case(body: "a\r\n \r\n", simple: "a\r\n \r\n", relaxed: "a\r\n"),
    Case(body: "a\r\n \r\nb", simple: "a\r\n \r\nb\r\n", relaxed: "a\r\n\r\nb\r\n"),
    Case(body: " a", simple: " a\r\n", relaxed: " a\r\n"),
    Case(body: " C \r\nD \t E\r\n\r\n\r\n", simple: " C \r\nD \t E\r\n", relaxed: " C\r\nD E\r\n"),
    Case(body: "a\rb\r\n", simple: "a\rb\r\n", relaxed: "a\rb\r\n"),
    Case(body: "a\r\r\n\r\n", simple: "a\r\r\n", relaxed: "a\r\r\n"),
    Case(body: "a\nb\n", simple: "a\nb\n\r\n", relaxed: "a\nb\n\r\n"),
    Case(body: "a\r\n\r", simple: "a\r\n\r\r\n", relaxed: "a\r\n\r\r\n"),
  ]

  @Test(arguments: cases)
  func makesTheCanonicalFormWhateverThePieces(_ item: Case) {
    for (canonicalization, expected) in [
      (Canonicalization.simple, item.simple), (.relaxed, item.relaxed),
    ] {
      for size in [1, 2, 3, item.body.utf8.count + 1] {
        var canonicalizer = BodyCanonicalizer(canonicalization)
        var given: [UInt8] = []
        for piece in item.body.pieces(of: size) {
          unsafe piece.withUnsafeBytes { chunk in
            unsafe canonicalizer.take(chunk) { unsafe given += Array($0) }
          }
        }
        unsafe canonicalizer.finish { unsafe given += Array($0) }
        #expect(given.printable() == Array(expected.utf8).printable(), "\(size) octets at a time")
        #expect(canonicalizer.length == expected.utf8.count)
      }
    }
  }

  @Test func manyEmptyLinesAreHeldAsANumber() {
    let lines = String(repeating: "\r\n", count: 100_000)
    for canonicalization in Canonicalization.allCases {
      var canonicalizer = BodyCanonicalizer(canonicalization)
      var given = 0
      var largest = 0
      func take(_ text: String) {
        unsafe Array(text.utf8).withUnsafeBytes { chunk in
          unsafe canonicalizer.take(chunk) {
            given += $0.count
            largest = max(largest, $0.count)
          }
        }
      }
      take("a\r\n" + lines)
      #expect(given <= 3)
      take("b\r\n")
      #expect(largest <= 1024)
      #expect(canonicalizer.length == given)
      #expect(given >= 200_000)
    }
  }

  @Test(arguments: cases)
  func hashesEveryLengthInOnePass(_ item: Case) throws {
    for (canonicalization, expected) in [
      (Canonicalization.simple, Array(item.simple.utf8)), (.relaxed, Array(item.relaxed.utf8)),
    ] {
      for size in [1, 3, 100] {
        let lengths: [Int?] = [nil] + (0...expected.count + 1).map(Int?.init)
        let hash = BodyHash(canonicalization, lengths: lengths + lengths)
        for piece in item.body.pieces(of: size) {
          unsafe piece.withUnsafeBytes { unsafe hash.take($0) }
        }
        hash.finish()
        #expect(hash.hash(length: nil) == SHA256Stream().digest(adding: expected))
        for length in 0...expected.count {
          let start = Array(expected.prefix(length))
          #expect(hash.hash(length: length) == SHA256Stream().digest(adding: start))
        }
        #expect(hash.hash(length: expected.count + 1) == nil)
        let shortOnly = BodyHash(canonicalization, lengths: [0])
        shortOnly.finish()
        #expect(shortOnly.hash(length: 0) == SHA256Stream().digest())
        #expect(shortOnly.hash(length: nil) == nil)
      }
    }
  }

  @Test func knowsTheHashesOfTheEmptyBody() {
    let simple = BodyHash(.simple, lengths: [nil])
    simple.finish()
    #expect(
      simple.hash(length: nil).map(Base64.encode) == "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=")
    let relaxed = BodyHash(.relaxed, lengths: [nil])
    relaxed.finish()
    #expect(
      relaxed.hash(length: nil).map(Base64.encode)
        == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
  }
}

extension String {
  /// The text's octets in pieces of `size`.
  fileprivate func pieces(of size: Int) -> [[UInt8]] {
    let octets = Array(utf8)
    return stride(from: 0, to: octets.count, by: size).map { Array(octets[$0...].prefix(size)) }
  }
}
