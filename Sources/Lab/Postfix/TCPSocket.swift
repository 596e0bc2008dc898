import Glibc
import MailAuth

/// A TCP socket, connected or listening; closed with the object.
///
/// Every call waits for at most ``limitSeconds``. It may be used from several threads.
final class TCPSocket: Sendable {
  /// The longest wait for a peer, in seconds.
  static let limitSeconds = 30

  let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Connects; `source` is the own address, any if nil.
  convenience init(
    to address: IPAddress, port: UInt16, from source: IPAddress? = nil
  ) throws(LabFailure) {
    try self.init(family: address)
    if let source {
      try unsafe Self.call(bind, descriptor, source, 0, "an address for a connection")
    }
    try unsafe Self.call(connect, descriptor, address, port, "a connection to")
  }

  /// Listens; the system chooses the port unless one is given.
  convenience init(listeningAt address: IPAddress, port: UInt16 = 0) throws(LabFailure) {
    try self.init(family: address)
    try unsafe Self.call(bind, descriptor, address, port, "listening at")
    guard listen(descriptor, 16) == 0 else {
      throw LabFailure("listening at \(address): \(Self.errorText)")
    }
  }

  private convenience init(family address: IPAddress) throws(LabFailure) {
    let family = address.isIPv4 ? AF_INET : AF_INET6
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, kind, 0)
    guard descriptor >= 0 else { throw LabFailure("a socket: \(Self.errorText)") }
    self.init(descriptor)
    var isOn: Int32 = 1
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
    limit()
  }

  private func limit() {
    var limit = timeval(tv_sec: Self.limitSeconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
  }

  /// The own port.
  var port: UInt16 {
    var name = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        guard unsafe getsockname(descriptor, generic, &size) == 0 else { return 0 }
        // The port is at the same place in both families.
        return unsafe generic.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          unsafe UInt16(bigEndian: $0.pointee.sin_port)
        }
      }
    }
  }

  /// The next connection; nil after ``shutDown()``.
  func accept() -> TCPSocket? {
    while true {
      var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&watched, 1, -1)
      if ready < 0, errno == EINTR { continue }
      let connection = Glibc.accept(descriptor, nil, nil)
      guard connection >= 0 else {
        if [EINTR, ECONNABORTED, EAGAIN].contains(errno) { continue }
        return nil
      }
      _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
      let accepted = TCPSocket(connection)
      accepted.limit()
      return accepted
    }
  }

  /// Ends both directions, and wakes up whoever waits.
  func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Sends all of it.
  func send(_ octets: some Sequence<UInt8>) throws(LabFailure) {
    var rest = Array(octets)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw LabFailure("a connection: \(Self.errorText)") }
      rest = rest.dropFirst(count)
    }
  }

  /// What comes next; empty at the end.
  func receive() throws(LabFailure) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
    guard count >= 0 else { throw LabFailure("a connection: \(Self.errorText)") }
    return Array(buffer.prefix(count))
  }

  /// A TCP port of this address that nobody listens on at this moment.
  static func freePort(of address: IPAddress) throws(LabFailure) -> UInt16 {
    try TCPSocket(listeningAt: address).port
  }

  private static var errorText: String {
    unsafe String(cString: strerror(errno))
  }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ descriptor: Int32,
    _ address: IPAddress, _ port: UInt16, _ what: String
  ) throws(LabFailure) {
    let status: Int32
    if address.isIPv4 {
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &name.sin_addr) { unsafe $0.copyBytes(from: address.bytes) }
      status = unsafe named(&name, function, descriptor)
    } else {
      var name = sockaddr_in6()
      name.sin6_family = sa_family_t(AF_INET6)
      name.sin6_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &name.sin6_addr) {
        unsafe $0.copyBytes(from: address.bytes)
      }
      status = unsafe named(&name, function, descriptor)
    }
    guard status == 0 else {
      throw LabFailure("\(what) \(address) port \(port): \(errorText)")
    }
  }

  private static func named<Name>(
    _ name: inout Name, _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32,
    _ descriptor: Int32
  ) -> Int32 {
    unsafe withUnsafePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe function(descriptor, generic, socklen_t(MemoryLayout<Name>.size))
      }
    }
  }
}
