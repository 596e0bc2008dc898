import Glibc

/// The sockets of a ``DNSServer``, bound to one port.
struct DNSServerSockets {
  let udp: CInt
  let tcp: CInt
  let wakeRead: CInt
  let wakeWrite: CInt
  let port: UInt16

  init() throws {
    // The system chooses the UDP port; the same TCP port may be taken, so try a few.
    var lastNumber: CInt = 0
    for _ in 0..<50 {
      let udp = socket(AF_INET, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      let tcp = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      if let port = Self.bind(udp, port: 0), Self.bind(tcp, port: port) != nil,
        listen(tcp, 64) == 0
      {
        var ends: [CInt] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
          throw DNSServerError(call: "pipe", number: errno)
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (self.udp, self.tcp, self.port) = (udp, tcp, port)
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        return
      }
      lastNumber = errno
      close(udp)
      close(tcp)
    }
    throw DNSServerError(call: "bind", number: lastNumber)
  }

  func closeAll() {
    for descriptor in [udp, tcp, wakeRead, wakeWrite] { close(descriptor) }
  }

  /// Binds to 127.0.0.1 and gives the port; nil when it cannot.
  private static func bind(_ descriptor: CInt, port: UInt16) -> UInt16? {
    guard descriptor >= 0 else { return nil }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        guard unsafe Glibc.bind(descriptor, generic, length) == 0,
          unsafe getsockname(descriptor, generic, &length) == 0
        else { return nil }
        return unsafe UInt16(bigEndian: pointer.pointee.sin_port)
      }
    }
  }
}

/// The thread of a ``DNSServer``.
final class DNSServerLoop {
  private struct Connection {
    var descriptor: CInt
    var received: [UInt8] = []
  }

  private enum Peer {
    case udp(sockaddr_in)
    case tcp(CInt)
  }

  private struct Delayed {
    var due: ContinuousClock.Instant
    var message: [UInt8]
    var peer: Peer

    func isFor(_ connection: CInt) -> Bool {
      if case .tcp(connection) = peer { true } else { false }
    }
  }

  private let sockets: DNSServerSockets
  private let respond: (DNSServer.Query) -> DNSServer.Response
  private let didEndRound: () -> Void
  private var connections: [Connection] = []
  private var delayed: [Delayed] = []
  private var round: [Delayed] = []

  private static let quietBeforeRoundEnds = Duration.milliseconds(250)

  init(
    sockets: DNSServerSockets, respond: @escaping (DNSServer.Query) -> DNSServer.Response,
    didEndRound: @escaping () -> Void
  ) {
    self.sockets = sockets
    self.respond = respond
    self.didEndRound = didEndRound
  }

  /// Starts the thread, which alone uses this object from then on.
  func start() throws {
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(self)
    let status = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<DNSServerLoop>.fromOpaque(argument).takeRetainedValue().run()
        }
        return nil
      }, box.toOpaque())
    guard status == 0 else {
      unsafe box.release()
      throw DNSServerError(call: "pthread_create", number: status)
    }
    pthread_detach(thread)
  }

  private func run() {
    while true {
      var watched = ([sockets.wakeRead, sockets.udp, sockets.tcp] + connections.map(\.descriptor))
        .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      _ = unsafe poll(&watched, nfds_t(watched.count), millisecondsToNextDelayed())
      if watched[0].revents != 0 { break }
      if watched[1].revents != 0 { takeDatagram() }
      if watched[2].revents != 0 {
        let descriptor = accept(sockets.tcp, nil, nil)
        if descriptor >= 0 { connections.append(Connection(descriptor: descriptor)) }
      }
      for item in watched.dropFirst(3) where item.revents != 0 { takeOctets(from: item.fd) }
      sendDelayed()
    }
    for connection in connections { close(connection.descriptor) }
    sockets.closeAll()
  }

  private func takeDatagram() {
    var buffer = [UInt8](repeating: 0, count: 65535)
    var peer = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = unsafe withUnsafeMutablePointer(to: &peer) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe recvfrom(
          sockets.udp, &buffer, buffer.count, CInt(MSG_DONTWAIT), $0, &length)
      }
    }
    if count > 0 { answer(Array(buffer.prefix(count)), to: .udp(peer)) }
  }

  private func takeOctets(from descriptor: CInt) {
    guard let index = connections.firstIndex(where: { $0.descriptor == descriptor }) else { return }
    var buffer = [UInt8](repeating: 0, count: 65535)
    let count = unsafe recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
    guard count > 0 else {
      close(descriptor)
      connections.remove(at: index)
      delayed.removeAll { $0.isFor(descriptor) }
      round.removeAll { $0.isFor(descriptor) }
      return
    }
    connections[index].received += buffer.prefix(count)
    while connections[index].received.count >= 2 {
      let received = connections[index].received
      let length = Int(received[0]) << 8 | Int(received[1])
      guard received.count >= 2 + length else { return }
      connections[index].received.removeFirst(2 + length)
      answer(Array(received[2..<(2 + length)]), to: .tcp(descriptor))
    }
  }

  private func answer(_ message: [UInt8], to peer: Peer) {
    let isTCP = if case .tcp = peer { true } else { false }
    guard let request = DNSServerWire.parse(message, isTCP: isTCP) else { return }
    let response = respond(request.query)
    guard let reply = DNSServerWire.message(response, to: request) else { return }
    switch response {
    case .delayed(let milliseconds, _):
      delayed.append(Delayed(due: .now + .milliseconds(milliseconds), message: reply, peer: peer))
    case .inRounds:
      round.append(Delayed(due: .now + Self.quietBeforeRoundEnds, message: reply, peer: peer))
    default: send(reply, to: peer)
    }
  }

  private func send(_ message: [UInt8], to peer: Peer) {
    switch peer {
    case .udp(var address):
      let length = socklen_t(MemoryLayout<sockaddr_in>.size)
      unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = unsafe sendto(sockets.udp, message, message.count, 0, $0, length)
        }
      }
    case .tcp(let descriptor):
      let framed = [UInt8(message.count >> 8 & 0xFF), UInt8(message.count & 0xFF)] + message
      var rest = framed[...]
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes {
          unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }
  }

  private func millisecondsToNextDelayed() -> CInt {
    // The last question of a round says when it ends.
    let times = delayed.map(\.due) + (round.last.map { [$0.due] } ?? [])
    guard let next = times.min() else { return -1 }
    return CInt(max(0, ((next - .now) / .milliseconds(1)).rounded(.up)))
  }

  private func sendDelayed() {
    let now = ContinuousClock.now
    let due = delayed.filter { $0.due <= now }
    delayed.removeAll { $0.due <= now }
    for item in due { send(item.message, to: item.peer) }
    if let last = round.last, last.due <= now {
      let answers = round
      round = []
      didEndRound()
      for item in answers { send(item.message, to: item.peer) }
    }
  }
}
