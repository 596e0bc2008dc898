internal import Foundation
internal import Glibc

/// The socket that a milter listens on, opened here and handed to libmilter as a descriptor.
///
/// libmilter can open sockets itself, but tells what went wrong only to syslog, replaces a live
/// Unix socket as readily as a stale one, and cannot say which port the system chose.
struct ListeningSocket: Sendable {
  /// The open descriptor.
  let descriptor: Int32
  /// Where it listens, with the port that the system chose if 0 was asked for.
  let address: MilterSocketAddress
  /// The Unix socket's file, to know it again before it is removed; nil for other sockets.
  private let file: FileIdentity?

  private struct FileIdentity: Equatable {
    var device: UInt64
    var inode: UInt64
    /// When it was made, in nanoseconds: inode numbers are used again at once.
    var made: Int64
  }

  /// Opens a socket and makes it listen.
  static func open(
    _ address: MilterSocketAddress, mode: UInt32
  ) throws(MilterServerError) -> ListeningSocket {
    switch address {
    case .unix(let path): try openUnix(path, address: address, mode: mode)
    case .inet(let port, let host):
      try openTCP(address, family: AF_INET, port: port, host: host)
    case .inet6(let port, let host):
      try openTCP(address, family: AF_INET6, port: port, host: host)
    case .descriptor(let number): try adopt(number, address: address)
    }
  }

  /// Removes a Unix socket's file if it is still the one that was made here.
  func removeFile() {
    guard let file, case .unix(let path) = address, Self.identity(of: path) == file else { return }
    _ = unsafe unlink(path)
  }

  // MARK: Unix sockets

  private static func openUnix(
    _ path: String, address: MilterSocketAddress, mode: UInt32
  ) throws(MilterServerError) -> ListeningSocket {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    if unsafe access(directory.isEmpty ? "/" : directory, F_OK) != 0, errno == ENOENT {
      throw MilterServerError(socket: address, problem: .noDirectory(directory))
    }
    guard var name = unixName(path) else {
      throw MilterServerError(
        socket: address, problem: .system(call: "bind", reason: "the path is too long"))
    }
    try removeStaleSocket(path, name: &name, address: address)

    let descriptor = try makeSocket(family: AF_UNIX, address: address)
    // Linux gives the file the mode of the unbound socket, less the process's mask: never more
    // than wanted, so there is no moment for strangers. Then come the bits that the mask took.
    fchmod(descriptor, mode)
    guard unsafe withSocketAddress(&name, { unsafe bind(descriptor, $0, $1) }) == 0 else {
      let reason = errno
      close(descriptor)
      throw failure("bind", reason, address: address)
    }
    guard unsafe chmod(path, mode) == 0 else {
      let reason = errno
      close(descriptor)
      throw failure("chmod", reason, address: address)
    }
    try startListening(descriptor, address: address)
    return ListeningSocket(
      descriptor: descriptor, address: address, file: identity(of: path))
  }

  /// Removes what an ended process left at the path; refuses anything else that stands there.
  private static func removeStaleSocket(
    _ path: String, name: inout sockaddr_un, address: MilterSocketAddress
  ) throws(MilterServerError) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw MilterServerError(socket: address, problem: .notASocket)
    }
    // Not blocking: a live listener with a full queue would make the start wait.
    let probe = try makeSocket(family: AF_UNIX, flags: SOCK_NONBLOCK, address: address)
    defer { close(probe) }
    guard unsafe withSocketAddress(&name, { unsafe connect(probe, $0, $1) }) != 0 else {
      throw MilterServerError(socket: address, problem: .inUse)
    }
    switch errno {
    case ECONNREFUSED, ENOENT: break
    case EAGAIN: throw MilterServerError(socket: address, problem: .inUse)
    default: throw failure("connect", errno, address: address)
    }
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw failure("unlink", errno, address: address)
    }
  }

  private static func unixName(_ path: String) -> sockaddr_un? {
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    let octets = Array(path.utf8)
    let fits = unsafe withUnsafeMutableBytes(of: &name.sun_path) { field -> Bool in
      guard octets.count < field.count else { return false }
      unsafe field.copyBytes(from: octets)
      return true
    }
    return fits ? name : nil
  }

  private static func identity(of path: String) -> FileIdentity? {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return nil }
    let made = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    return FileIdentity(
      device: UInt64(status.st_dev), inode: UInt64(status.st_ino), made: made)
  }

  // MARK: TCP sockets

  private static func openTCP(
    _ address: MilterSocketAddress, family: Int32, port: UInt16, host: String
  ) throws(MilterServerError) -> ListeningSocket {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = family
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = unsafe getaddrinfo(host, String(port), &hints, &list)
    defer { unsafe freeaddrinfo(list) }
    guard status == 0, let first = unsafe list else {
      let reason = unsafe String(cString: gai_strerror(status))
      throw MilterServerError(socket: address, problem: .unknownHost(reason))
    }
    let descriptor = try makeSocket(family: family, address: address)
    setOption(descriptor, level: SOL_SOCKET, name: SO_REUSEADDR)
    // An IPv6 socket that also took IPv4 clients would listen more widely than was written.
    if family == AF_INET6 {
      setOption(descriptor, level: Int32(IPPROTO_IPV6), name: IPV6_V6ONLY)
    }
    guard unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
      let reason = errno
      close(descriptor)
      throw failure("bind", reason, address: address)
    }
    try startListening(descriptor, address: address)
    let chosen = boundPort(descriptor) ?? port
    let bound: MilterSocketAddress =
      family == AF_INET ? .inet(port: chosen, host: host) : .inet6(port: chosen, host: host)
    return ListeningSocket(descriptor: descriptor, address: bound, file: nil)
  }

  private static func setOption(_ descriptor: Int32, level: Int32, name: Int32) {
    var on: Int32 = 1
    _ = unsafe setsockopt(descriptor, level, name, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func boundPort(_ descriptor: Int32) -> UInt16? {
    var name = sockaddr_in6()
    var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let status = unsafe withUnsafeMutableBytes(of: &name) { bytes in
      let address = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      return unsafe getsockname(descriptor, address, &size)
    }
    // sockaddr_in and sockaddr_in6 have the port at the same place.
    return status == 0 ? UInt16(bigEndian: name.sin6_port) : nil
  }

  // MARK: Inherited sockets

  private static func adopt(
    _ descriptor: Int32, address: MilterSocketAddress
  ) throws(MilterServerError) -> ListeningSocket {
    var isListening: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard
      unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0,
      isListening != 0
    else { throw MilterServerError(socket: address, problem: .notListening) }
    return ListeningSocket(descriptor: descriptor, address: address, file: nil)
  }

  // MARK: Common

  private static func makeSocket(
    family: Int32, flags: __socket_type = __socket_type(0), address: MilterSocketAddress
  ) throws(MilterServerError) -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | flags.rawValue)
    let descriptor = socket(family, type, 0)
    guard descriptor >= 0 else { throw failure("socket", errno, address: address) }
    return descriptor
  }

  private static func startListening(
    _ descriptor: Int32, address: MilterSocketAddress
  ) throws(MilterServerError) {
    guard listen(descriptor, SOMAXCONN) == 0 else {
      let reason = errno
      close(descriptor)
      throw failure("listen", reason, address: address)
    }
  }

  private static func withSocketAddress(
    _ name: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Int32
  ) -> Int32 {
    unsafe withUnsafeBytes(of: &name) { bytes in
      unsafe body(
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }

  private static func failure(
    _ call: String, _ code: Int32, address: MilterSocketAddress
  ) -> MilterServerError {
    if code == EADDRINUSE { return MilterServerError(socket: address, problem: .inUse) }
    let reason = unsafe String(cString: strerror(code))
    return MilterServerError(socket: address, problem: .system(call: call, reason: reason))
  }
}
