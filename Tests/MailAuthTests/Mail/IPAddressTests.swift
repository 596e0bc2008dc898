import MailAuth
import Testing

/// Addresses as text.
@Suite struct IPAddressTests {
  @Test(arguments: [
    ("0.0.0.0", [0, 0, 0, 0]), ("9.10.99.100", [9, 10, 99, 100]),
    ("199.200.249.250", [199, 200, 249, 250]), ("255.255.255.255", [255, 255, 255, 255]),
    ("::", [UInt8](repeating: 0, count: 16)), ("::1", [UInt8](repeating: 0, count: 15) + [1]),
    ("::ffff:192.0.2.7", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 7]),
    ("2001:db8::a", [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A]),
  ])
  func readsAndWritesTheTextForm(_ text: String, _ bytes: [UInt8]) throws {
    let address = try #require(IPAddress(text))
    #expect(address.bytes == bytes)
    #expect(address.description == text)
  }

  @Test func everyOctetHasItsNumber() throws {
    for octet in UInt8.min...UInt8.max {
      let address = try #require(IPAddress(bytes: [octet, 1, octet, octet]))
      #expect(address.description == "\(octet).1.\(octet).\(octet)")
      #expect(IPAddress(address.description) == address)
    }
  }

  @Test(arguments: [
    "", ".", "1", "1.2.3", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1",
    "1.1.1.999", "01.2.3.4", "1.2.3.04", "00.0.0.0", "1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "1.2.3.-4",
    "0x1.2.3.4", "1.2.3.4/32", "1.2.3.\u{664}", "1.2.3.4\0", "99999999999999999999.1.1.1", ":",
    ":::", "1:2", "::1 ", "::1\0", "IPv6:::1", "[::1]", "::ffff:1.2.3", "example.com",
  ])
  func refusesEverythingElse(_ text: String) {
    #expect(IPAddress(text) == nil)
  }
}
