import Testing

@testable import Milter

@Suite struct MilterSocketAddressTests {
  @Test(arguments: [
    ("unix:/run/plumbline/milter", MilterSocketAddress.unix(path: "/run/plumbline/milter")),
    ("local:/run/m", .unix(path: "/run/m")),
    ("unix:m.sock", .unix(path: "/srv/mail/m.sock")),
    ("inet:8891@127.0.0.1", .inet(port: 8891, host: "127.0.0.1")),
    ("inet:0@localhost", .inet(port: 0, host: "localhost")),
    ("inet6:8891@::1", .inet6(port: 8891, host: "::1")),
    ("fd:3", .descriptor(3)),
  ])
  func readsTheGrammar(text: String, address: MilterSocketAddress) throws {
    #expect(try MilterSocketAddress(parsing: text, relativeTo: "/srv/mail") == address)
  }

  @Test(arguments: [
    MilterSocketAddress.unix(path: "/a b/c"), .inet(port: 25, host: "mx.example"),
    .inet6(port: 65_535, host: "2001:db8::1"), .descriptor(0),
  ])
  func readsWhatItPrints(address: MilterSocketAddress) throws {
    #expect(try MilterSocketAddress(parsing: address.description, relativeTo: "/") == address)
  }

  @Test(arguments: [
    ("", MilterSocketAddressError.Problem.noScheme),
    ("/run/plumbline/milter", .noScheme),
    ("tcp:8891@127.0.0.1", .unknownScheme("tcp")),
    ("UNIX:/run/m", .unknownScheme("UNIX")),
    ("unix:", .noPath),
    ("unix:/a\0b", .noPath),
    ("unix:/" + String(repeating: "x", count: 107), .pathTooLong(octets: 108)),
    ("inet:8891", .noHost),
    ("inet:8891@", .noHost),
    ("inet:8891@a b", .noHost),
    ("inet:65536@127.0.0.1", .badPort),
    ("inet:-1@127.0.0.1", .badPort),
    ("inet:@127.0.0.1", .badPort),
    ("inet6:smtp@::1", .badPort),
    ("fd:", .badDescriptor),
    ("fd:-1", .badDescriptor),
    ("fd:99999999999", .badDescriptor),
  ])
  func refusesAndSaysWhy(text: String, problem: MilterSocketAddressError.Problem) {
    #expect(throws: MilterSocketAddressError(text: text, problem: problem)) {
      try MilterSocketAddress(parsing: text, relativeTo: "/srv")
    }
  }

  @Test func errorNamesTheTextAndTheRemedy() {
    let error = MilterSocketAddressError(text: "inet:8891", problem: .noHost)
    #expect(
      error.description == "socket \"inet:8891\": no host; write for example "
        + "inet:8891@127.0.0.1, or inet:8891@0.0.0.0 for all addresses")
  }
}
