import Testing

@testable import MailAuth

@Suite struct CanonicalBodyLengthTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var body: String
    var simple: Int
    var relaxed: Int
    var testDescription: String { body.debugDescription }
  }

  // Lengths counted by hand from RFC 6376 section 3.4.3 and 3.4.4.
  @Test(arguments: [
    Case(body: "", simple: 2, relaxed: 0),
    Case(body: "\r\n\r\n", simple: 2, relaxed: 0),
    Case(body: "a", simple: 3, relaxed: 3),
    Case(body: "a\r\n", simple: 3, relaxed: 3),
    Case(body: "a\r\n\r\n\r\n", simple: 3, relaxed: 3),
    Case(body: "a  b \r\n", simple: 7, relaxed: 5),
    Case(body: " \r\n\t\r\n", simple: 6, relaxed: 0),
    Case(body: "a\r\n\r\nb\r\n", simple: 8, relaxed: 8),
    Case(body: "a\r\n \r\n", simple: 6, relaxed: 3),
    Case(body: " a", simple: 4, relaxed: 4),
    Case(body: "a\rb\r\n", simple: 5, relaxed: 5),
  ])
  func counts(_ item: Case) {
    let octets = Array(item.body.utf8)
    for size in [1, 2, octets.count + 1] {
      var length = CanonicalBodyLength()
      for start in stride(from: 0, to: octets.count, by: size) {
        unsafe Array(octets[start...].prefix(size)).withUnsafeBytes { unsafe length.count($0) }
      }
      #expect(length.simple == item.simple)
      #expect(length.relaxed == item.relaxed)
    }
  }
}
