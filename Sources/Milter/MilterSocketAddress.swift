internal import MailAuth

/// Where a milter listens, in libmilter's grammar.
///
/// `unix:/path`, `local:/path`, `inet:port@host`, `inet6:port@host` or `fd:number`.
public enum MilterSocketAddress: Sendable, Hashable, CustomStringConvertible {
  /// A Unix-domain socket at an absolute path.
  case unix(path: String)
  /// A TCP socket over IPv4; `host` is a name or a dotted quad, port 0 lets the system choose.
  case inet(port: UInt16, host: String)
  /// A TCP socket over IPv6; `host` is a name or an address, port 0 lets the system choose.
  case inet6(port: UInt16, host: String)
  /// A listening socket that the process inherited, as under systemd socket activation.
  case descriptor(Int32)

  /// The most octets a socket path may have: `sun_path` holds 108 with the final NUL.
  static let longestPath = 107

  /// Parses the text form.
  ///
  /// - Parameters:
  ///   - text: The address.
  ///   - directory: The absolute path that a relative socket path is below.
  /// - Throws: What is wrong, and what to write instead.
  public init(
    parsing text: String, relativeTo directory: String
  ) throws(MilterSocketAddressError) {
    guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
      throw MilterSocketAddressError(text: text, problem: .noScheme)
    }
    let rest = String(text[text.utf8.index(after: colon)...])
    switch text[..<colon] {
    case "unix", "local":
      self = .unix(path: try Self.path(rest, relativeTo: directory, in: text))
    case "inet":
      let endpoint = try Self.endpoint(rest, in: text)
      self = .inet(port: endpoint.port, host: endpoint.host)
    case "inet6":
      let endpoint = try Self.endpoint(rest, in: text)
      self = .inet6(port: endpoint.port, host: endpoint.host)
    case "fd":
      guard rest.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int32(rest) else {
        throw MilterSocketAddressError(text: text, problem: .badDescriptor)
      }
      self = .descriptor(number)
    default:
      throw MilterSocketAddressError(text: text, problem: .unknownScheme(String(text[..<colon])))
    }
  }

  /// The text form; ``init(parsing:relativeTo:)`` gives the same address back.
  public var description: String {
    switch self {
    case .unix(let path): "unix:\(path)"
    case .inet(let port, let host): "inet:\(port)@\(host)"
    case .inet6(let port, let host): "inet6:\(port)@\(host)"
    case .descriptor(let number): "fd:\(number)"
    }
  }

  private static func path(
    _ path: String, relativeTo directory: String, in text: String
  ) throws(MilterSocketAddressError) -> String {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw MilterSocketAddressError(text: text, problem: .noPath)
    }
    let separator = directory.hasSuffix("/") ? "" : "/"
    let absolute = path.hasPrefix("/") ? path : directory + separator + path
    guard absolute.utf8.count <= longestPath else {
      throw MilterSocketAddressError(
        text: text, problem: .pathTooLong(octets: absolute.utf8.count))
    }
    return absolute
  }

  private struct Endpoint {
    var port: UInt16
    var host: String
  }

  private static func endpoint(
    _ rest: String, in text: String
  ) throws(MilterSocketAddressError) -> Endpoint {
    guard let at = rest.utf8.firstIndex(of: UInt8(ascii: "@")) else {
      throw MilterSocketAddressError(text: text, problem: .noHost)
    }
    let digits = rest[..<at]
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else {
      throw MilterSocketAddressError(text: text, problem: .badPort)
    }
    let host = String(rest[rest.utf8.index(after: at)...])
    guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw MilterSocketAddressError(text: text, problem: .noHost)
    }
    return Endpoint(port: port, host: host)
  }
}

/// Why a text is not a ``MilterSocketAddress``.
public struct MilterSocketAddressError: Error, Equatable, CustomStringConvertible {
  /// What can be wrong.
  public enum Problem: Sendable, Equatable {
    /// There is no colon.
    case noScheme
    /// The word in front of the colon is not one of the five.
    case unknownScheme(String)
    /// Nothing, or a NUL, stands where the path of the socket should.
    case noPath
    /// The absolute path does not fit into a socket address.
    case pathTooLong(octets: Int)
    /// The port is not a number of 0 to 65535.
    case badPort
    /// `@host` is missing, or the host holds blanks or octets outside ASCII.
    case noHost
    /// The descriptor is not a number.
    case badDescriptor
  }

  /// The whole text.
  public let text: String
  /// What is wrong with it.
  public let problem: Problem

  /// The text, what is wrong, and what to write.
  public var description: String {
    "socket \"\(Array(text.utf8).printable())\": \(explanation)"
  }

  private var explanation: String {
    switch problem {
    case .noScheme:
      "no type; write unix:/path, local:/path, inet:port@host, inet6:port@host or fd:number"
    case .unknownScheme(let scheme):
      "type \"\(Array(scheme.utf8).printable(limit: 40))\" is not known; "
        + "write unix, local, inet, inet6 or fd"
    case .noPath: "no path; write unix:/path/to/socket"
    case .pathTooLong(let octets):
      "the absolute path has \(octets) octets, a socket address holds "
        + "\(MilterSocketAddress.longestPath); choose a shorter directory"
    case .badPort: "the port is not a number of 0 to 65535; write for example inet:8891@127.0.0.1"
    case .noHost:
      "no host; write for example inet:8891@127.0.0.1, or inet:8891@0.0.0.0 for all addresses"
    case .badDescriptor: "not a descriptor number; write for example fd:3"
    }
  }
}
