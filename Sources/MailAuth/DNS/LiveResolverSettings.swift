/// How a ``LiveResolver`` reaches the DNS.
public struct LiveResolverSettings: Sendable, Equatable {
  /// The servers to ask, each an IPv4 or IPv6 address, optionally followed by `@PORT`.
  ///
  /// They must be recursive resolvers. Empty: those that ``systemServersFile`` lists.
  public var servers: [String]

  /// A file in the form of resolv.conf(5), read only when ``servers`` is empty.
  public var systemServersFile: String

  /// How long one question may take before it ends as ``DNSOutcome/timeout``; 1 to 30 seconds,
  /// shorter in tests.
  public var timeout: Duration

  /// A file of DS or DNSKEY records in zone file form; nil switches DNSSEC validation off, and
  /// then no answer is ever secure or bogus.
  public var trustAnchorFile: String?

  /// The memory that cached answers may take, in megabytes, 1 to 4096.
  public var cacheMegabytes: Int

  /// Makes settings; the defaults ask the system's servers, without DNSSEC.
  public init(
    servers: [String] = [], systemServersFile: String = "/etc/resolv.conf",
    timeout: Duration = .seconds(5), trustAnchorFile: String? = nil, cacheMegabytes: Int = 32
  ) {
    self.servers = servers
    self.systemServersFile = systemServersFile
    self.timeout = timeout
    self.trustAnchorFile = trustAnchorFile
    self.cacheMegabytes = cacheMegabytes
  }

  /// What is wrong with one entry of ``servers``, `ADDRESS` or `ADDRESS@PORT`; nil when nothing is.
  public static func problem(inServer text: String) -> String? {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
      .map(String.init)
    guard let address = parts.first, IPAddress(address) != nil else {
      let shown = Array(text.utf8).printable()
      if isAddressWithColonPort(text) {
        return "\"\(shown)\" has its port after a colon; write it after an at sign, as in"
          + " 127.0.0.1@5353"
      }
      return "\"\(shown)\" is not an IPv4 or IPv6 address; names are not accepted here"
    }
    guard parts.count == 2 else { return nil }
    let digits = parts[1]
    guard digits.utf8.allSatisfy(\.isASCIIDigit), let port = Int(digits), (1...65535).contains(port)
    else { return "\"\(digits.utf8.printable())\" is not a port; allowed are 1 to 65535" }
    return nil
  }

  /// Whether the text is `IPV4:PORT` or `[IPV6]:PORT`, the forms people try first.
  private static func isAddressWithColonPort(_ text: String) -> Bool {
    guard let colon = text.lastIndex(of: ":") else { return false }
    var host = text[..<colon]
    if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
    return IPAddress(String(host)) != nil
  }
}

/// Why a ``LiveResolver`` could not be made.
public enum LiveResolverError: Error, Equatable, CustomStringConvertible {
  /// A server of the settings is not an address, or its port is none; the text says which and why.
  case badServer(String)
  /// The file with the system's servers cannot be read.
  case unreadableServersFile(path: String, reason: String)
  /// The trust anchor file cannot be read, or libunbound finds no usable anchor in it.
  case badTrustAnchor(path: String, reason: String)
  /// libunbound refused a setting or its own start; `what` is the step, `reason` its text.
  case libunbound(what: String, reason: String)

  /// What failed, where, and what to do.
  public var description: String {
    switch self {
    case .badServer(let problem):
      "DNS server: \(problem)"
    case .unreadableServersFile(let path, let reason):
      "cannot read DNS servers from \(path): \(reason); name servers in the configuration instead"
    case .badTrustAnchor(let path, let reason):
      "cannot use DNSSEC trust anchor file \(path): \(reason); the package dns-root-data has"
        + " /usr/share/dns/root.key"
    case .libunbound(let what, let reason):
      "libunbound: \(what): \(reason)"
    }
  }
}
