import ArgumentParser
import TestSupport

/// The command that keeps DNS answers back.
struct DelayDNSCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delay-dns",
    abstract: "Passes DNS questions on by UDP, and each answer back after a while.")

  @Option(help: "Where to listen, as 127.0.0.1:53.") var listen: String
  @Option(help: "The server to ask, as 127.0.0.1:5353.") var to: String
  @Option(help: "How long an answer is kept back.") var milliseconds: Int
  @Option(help: "Delay only answers about this name and those below it.") var suffix: String?

  mutating func run() throws {
    let relay = try DNSRelay(
      listen: SocketAddress(listen), server: SocketAddress(to),
      delay: .milliseconds(milliseconds), suffix: suffix)
    print("listening on \(listen)")
    try relay.run()
  }
}

/// An IPv4 address with a port.
struct SocketAddress {
  let address: UInt32
  let port: UInt16

  /// Reads `a.b.c.d:port`.
  init(_ text: String) throws {
    let parts = text.split(separator: ":")
    let octets = parts.first?.split(separator: ".").compactMap { UInt8($0) } ?? []
    guard parts.count == 2, octets.count == 4, let port = UInt16(parts[1]) else {
      throw FixtureError("\(text) is not an address and a port, such as 127.0.0.1:53")
    }
    address = octets.reduce(0) { $0 << 8 | UInt32($1) }
    self.port = port
  }
}
