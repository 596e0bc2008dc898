import Glibc
import TestSupport

/// Sits between resolvers and their server, and keeps answers back.
final class DNSRelay {
  private struct Asked {
    var peer: sockaddr_in
    var identifier: [UInt8]
    var isDelayed: Bool
  }

  private struct Answer {
    var due: ContinuousClock.Instant
    var octets: [UInt8]
    var peer: sockaddr_in
  }

  private let front: Int32
  private let back: Int32
  private let delay: Duration
  /// The suffix in the form of a message's name; empty where all names are meant.
  private let suffix: [UInt8]
  /// By the identifier under which the server was asked.
  private var asked: [UInt16: Asked] = [:]
  private var lastIdentifier: UInt16 = 0
  /// All wait equally long, so the first one is due first.
  private var kept: [Answer] = []
  private var firstKept = 0
  private var buffer = [UInt8](repeating: 0, count: 4096)

  init(
    listen: SocketAddress, server: SocketAddress, delay: Duration, suffix: String?
  ) throws {
    front = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    back = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    self.delay = delay
    self.suffix = (suffix ?? "").lowercased().split(separator: ".").flatMap {
      [UInt8(truncatingIfNeeded: $0.utf8.count)] + Array($0.utf8)
    }
    var size: Int32 = 4 << 20
    for descriptor in [front, back] {
      _ = unsafe setsockopt(
        descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    guard unsafe Self.call(bind, front, listen) else {
      throw FixtureError("the address to listen on cannot be used: error \(errno)")
    }
    guard unsafe Self.call(connect, back, server) else {
      throw FixtureError("the server cannot be asked: error \(errno)")
    }
  }

  /// Works until the process is ended.
  func run() throws -> Never {
    while true {
      var watched = [front, back].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard unsafe poll(&watched, 2, wait()) >= 0 || errno == EINTR else {
        throw FixtureError("poll failed: error \(errno)")
      }
      if watched[0].revents != 0 { while takeQuestion() {} }
      if watched[1].revents != 0 { while takeAnswer() {} }
      sendDue()
    }
  }

  /// Until the next answer is due, in whole milliseconds; of less than one it waits for a part.
  private func wait() -> Int32 {
    guard firstKept < kept.count else { return -1 }
    let rest = ContinuousClock.now.duration(to: kept[firstKept].due) / .microseconds(1)
    // poll() alone would make each answer half a millisecond late, on average.
    if rest > 0, rest < 1000 { usleep(UInt32(min(rest, 100))) }
    return Int32(max(0, rest / 1000))
  }

  private func takeQuestion() -> Bool {
    var peer = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = unsafe withUnsafeMutableBytes(of: &peer) {
      unsafe recvfrom(
        front, &buffer, buffer.count, Int32(MSG_DONTWAIT),
        $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
    }
    guard count >= 0 else { return false }
    guard count >= 12 else { return true }
    lastIdentifier &+= 1
    var question = Array(buffer.prefix(count))
    asked[lastIdentifier] = Asked(
      peer: peer, identifier: Array(question.prefix(2)), isDelayed: isMeant(question))
    question[0] = UInt8(lastIdentifier >> 8)
    question[1] = UInt8(truncatingIfNeeded: lastIdentifier)
    _ = unsafe Glibc.send(back, question, question.count, 0)
    return true
  }

  private func takeAnswer() -> Bool {
    let count = unsafe recv(back, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    guard count >= 0 else { return errno == ECONNREFUSED }
    guard count >= 12,
      let question = asked.removeValue(forKey: UInt16(buffer[0]) << 8 | UInt16(buffer[1]))
    else { return true }
    let octets = question.identifier + buffer[2..<count]
    if question.isDelayed {
      kept.append(Answer(due: .now + delay, octets: octets, peer: question.peer))
    } else {
      send(octets, to: question.peer)
    }
    return true
  }

  private func sendDue() {
    let now = ContinuousClock.now
    while firstKept < kept.count, kept[firstKept].due <= now {
      send(kept[firstKept].octets, to: kept[firstKept].peer)
      firstKept += 1
    }
    if firstKept == kept.count {
      kept.removeAll(keepingCapacity: true)
      firstKept = 0
    }
  }

  private func send(_ octets: [UInt8], to peer: sockaddr_in) {
    var peer = peer
    _ = unsafe withUnsafeBytes(of: &peer) {
      unsafe sendto(
        front, octets, octets.count, 0, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t($0.count))
    }
  }

  /// Whether the name of a question is the suffix or below it.
  private func isMeant(_ question: [UInt8]) -> Bool {
    guard !suffix.isEmpty else { return true }
    var name: [UInt8] = []
    var labels: [Int] = []
    var position = 12
    while position < question.count, question[position] > 0 {
      labels.append(name.count)
      let end = position + Int(question[position]) + 1
      guard end <= question.count else { return false }
      name += question[position..<end].map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
      position = end
    }
    return labels.contains { name[$0...].elementsEqual(suffix) }
  }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ descriptor: Int32,
    _ target: SocketAddress
  ) -> Bool {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = target.port.bigEndian
    name.sin_addr.s_addr = target.address.bigEndian
    return unsafe withUnsafeBytes(of: &name) {
      unsafe function(
        descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        == 0
    }
  }
}
