internal import Foundation
internal import Glibc

/// A small SMTP client (RFC 5321) for tests: every step by hand, so that each can go wrong.
///
/// It waits for each reply, up to its time limit.
public final class SMTPClient {
  /// A server's reply.
  public struct Reply: Sendable, Equatable, CustomStringConvertible {
    /// The code, such as 250.
    public let code: Int
    /// The text of each line, without code.
    public let lines: [String]

    /// Whether the server agrees: 2xx, or 3xx after DATA.
    public var isPositive: Bool { (200..<400).contains(code) }

    /// The queue ID that Postfix names when it takes a message; nil elsewhere.
    public var queueID: String? {
      guard let line = lines.last, let range = line.range(of: "queued as ") else { return nil }
      return String(line[range.upperBound...])
    }

    /// Code and text.
    public var description: String { "\(code) \(lines.joined(separator: " / "))" }
  }

  private var socket: Int32
  private var received: [UInt8] = []
  private let serverLog: () -> String

  /// Connects and reads the greeting.
  ///
  /// - Parameters:
  ///   - port: The server's port at 127.0.0.1.
  ///   - source: The client's own IPv4 address, any of 127.0.0.0/8.
  ///   - limitSeconds: The longest wait for one reply.
  ///   - serverLog: What the server logged, for the error when a reply does not come.
  /// - Throws: ``FixtureError`` when the connection or the greeting fails.
  public init(
    port: UInt16, source: String = "127.0.0.1", limitSeconds: Int = 120,
    serverLog: @escaping () -> String = { "" }
  ) throws {
    self.serverLog = serverLog
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw FixtureError("no socket: errno \(errno)") }
    var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    _ = unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    try unsafe Self.call(bind, socket, address: source, port: 0)
    try unsafe Self.call(connect, socket, address: "127.0.0.1", port: port)
    let greeting = try readReply()
    guard greeting.code == 220 else { throw FixtureError("greeting is \(greeting)") }
  }

  deinit { disconnect() }

  /// Says EHLO.
  @discardableResult
  public func hello(_ name: String) throws -> Reply { try command("EHLO \(name)") }

  /// Says MAIL FROM; an empty address is the null sender.
  @discardableResult
  public func mail(from address: String) throws -> Reply { try command("MAIL FROM:<\(address)>") }

  /// Says RCPT TO.
  @discardableResult
  public func recipient(_ address: String) throws -> Reply { try command("RCPT TO:<\(address)>") }

  /// Says DATA and sends a message, with CRLF line ends, dots doubled and the closing dot.
  ///
  /// - Returns: The reply to the message, or to DATA when that is refused.
  public func data(_ message: [UInt8]) throws -> Reply {
    let go = try command("DATA")
    guard go.code == 354 else { return go }
    try send(Self.dotStuffed(message) + Array(".\r\n".utf8))
    return try readReply()
  }

  /// Sends a whole message and says QUIT.
  ///
  /// - Throws: ``FixtureError`` when the envelope is refused.
  public func deliver(_ message: [UInt8], hello name: String, from: String, to: String) throws
    -> Reply
  {
    for reply in [try hello(name), try mail(from: from), try recipient(to)]
    where !reply.isPositive {
      throw FixtureError("refused: \(reply)")
    }
    let reply = try data(message)
    _ = try command("QUIT")
    return reply
  }

  /// Sends a line and reads the reply.
  @discardableResult
  public func command(_ line: String) throws -> Reply {
    try send(Array("\(line)\r\n".utf8))
    return try readReply()
  }

  /// Sends octets as they are.
  public func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { pointer in
        unsafe Glibc.send(socket, pointer.baseAddress, pointer.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw FixtureError("cannot send: errno \(errno)") }
      rest = rest.dropFirst(count)
    }
  }

  /// Closes the connection without a word, also in the middle of a message.
  public func disconnect() {
    guard socket >= 0 else { return }
    close(socket)
    socket = -1
  }

  /// A message with CRLF line ends, one at its end, and a dot more on each line that begins with one.
  public static func dotStuffed(_ message: [UInt8]) -> [UInt8] {
    var stuffed: [UInt8] = []
    stuffed.reserveCapacity(message.count + message.count / 32)
    var previous: UInt8 = 0x0A
    for byte in message {
      if previous == 0x0A && byte == 0x2E { stuffed.append(0x2E) }
      if byte == 0x0A && previous != 0x0D { stuffed.append(0x0D) }
      stuffed.append(byte)
      previous = byte
    }
    if previous != 0x0A { stuffed += [0x0D, 0x0A] }
    return stuffed
  }

  /// Waits for a reply.
  public func readReply() throws -> Reply {
    var lines: [String] = []
    while true {
      let line = try readLine()
      guard let code = Int(line.prefix(3)), line.utf8.count >= 3 else {
        throw FixtureError("not a reply: \(line)")
      }
      lines.append(String(line.dropFirst(4)))
      guard line.dropFirst(3).first == "-" else { return Reply(code: code, lines: lines) }
    }
  }

  private func readLine() throws -> String {
    while true {
      if let end = received.firstIndex(of: 0x0A) {
        let line = received[..<end].filter { $0 != 0x0D }
        received.removeFirst(end + 1)
        return String(decoding: line, as: UTF8.self)
      }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = unsafe buffer.withUnsafeMutableBytes { pointer in
        unsafe recv(socket, pointer.baseAddress, pointer.count, 0)
      }
      guard count > 0 else {
        let problem = count == 0 ? "the server hung up" : "no reply: errno \(errno)"
        throw FixtureError("\(problem)\n\(serverLog())")
      }
      received += buffer.prefix(count)
    }
  }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ socket: Int32,
    address: String, port: UInt16
  ) throws {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    guard unsafe inet_pton(AF_INET, address, &name.sin_addr) == 1 else {
      throw FixtureError("not an IPv4 address: \(address)")
    }
    let status = unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe function(socket, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw FixtureError("\(address) port \(port): errno \(errno)") }
  }

  /// A port of 127.0.0.1 that nobody listens on at this moment.
  ///
  /// - Throws: ``FixtureError`` when there is none.
  public static func freePort() throws -> UInt16 {
    let probe = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard probe >= 0 else { throw FixtureError("no socket: errno \(errno)") }
    defer { close(probe) }
    try unsafe call(bind, probe, address: "127.0.0.1", port: 0)
    var name = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe getsockname(probe, generic, &size)
      }
    }
    guard status == 0 else { throw FixtureError("no free port: errno \(errno)") }
    return UInt16(bigEndian: name.sin_port)
  }
}
