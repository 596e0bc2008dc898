import Foundation
import Testing

@testable import MailAuth

@Suite struct Base64Tests {
  /// Signatures are judged by what Foundation takes for base64; the quick way may not differ.
  @Test(arguments: ["AQgw/+z9=", "AB=", "Az09+/", "A b=\n", "A-=_\u{e4}"])
  func decodesAsFoundationDoes(alphabet: String) {
    let letters = Array(alphabet)
    var generator = SystemRandomNumberGenerator()
    for length in 0...13 {
      for _ in 0..<200 {
        let text = String(
          (0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
        let expected = Foundation.Data(base64Encoded: text).map(Array.init)
        #expect(Base64.decode(text) == expected, "\(text.debugDescription)")
        let compact = Array(text.utf8).filter { !$0.isFoldingWhitespace }
        #expect(
          Base64.decodedCount(ignoringWhitespaceIn: Array(text.utf8)[...])
            == Base64.decode(compact)?.count, "\(text.debugDescription)")
      }
    }
  }

  @Test func decodesWhatItEncoded() {
    for count in 0...40 {
      let octets = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 77 &+ count) }
      #expect(Base64.decode(Base64.encode(octets)) == octets)
    }
  }
}
