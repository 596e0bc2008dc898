import MailAuth
import Testing

/// Blocks of addresses.
@Suite struct IPNetworkTests {
  @Test(arguments: [
    ("192.0.2.0/24", "192.0.2.7", true), ("192.0.2.0/24", "192.0.3.7", false),
    ("192.0.2.0/24", "::ffff:192.0.2.7", true), ("0.0.0.0/0", "192.0.2.7", true),
    ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "192.0.2.7", false),
    ("::ffff:192.0.2.0/120", "192.0.2.7", false),
    ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
  ])
  func holdsItsAddresses(_ network: String, _ address: String, _ isHeld: Bool) throws {
    let network = try #require(IPNetwork(network))
    #expect(network.contains(try #require(IPAddress(address))) == isHeld)
    #expect(IPNetwork("\(network)") == network)
  }

  @Test(arguments: [
    ("::ffff:192.0.2.0/120", "192.0.2.0/24"), ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ("::ffff:0:0/96", "0.0.0.0/0"), ("::ffff:0:0/95", "::ffff:0.0.0.0/95"),
    ("192.0.2.0/24", "192.0.2.0/24"), ("2001:db8::/100", "2001:db8::/100"),
  ])
  func mappedBlocksAreIPv4Blocks(_ text: String, _ meaning: String) throws {
    #expect(try #require(IPNetwork(text)).unmapped == IPNetwork(meaning))
  }

  @Test(arguments: [
    "192.0.2.0/33", "2001:db8::/129", "::ffff:192.0.2.0/129", "192.0.2.0/", "192.0.2.0/-1", "/24",
    "192.0.2.0/24/8", "192.0.2.0/ 24",
  ])
  func refusesEverythingElse(_ text: String) {
    #expect(IPNetwork(text) == nil)
  }
}
