import Glibc

/// This host's name.
enum HostName {
  /// The full name: what the system calls the host, completed by its own name lookup (the hosts
  /// file, mostly) when it has no dot; `localhost` when there is none.
  static func fullName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    let name = text(buffer)
    if name.isEmpty { return "localhost" }
    return name.utf8.contains(UInt8(ascii: ".")) ? name : canonicalName(of: name) ?? name
  }

  private static func canonicalName(of name: String) -> String? {
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = AI_CANONNAME
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(name, nil, &hints, &list) == 0, let first = unsafe list else {
      return nil
    }
    defer { unsafe freeaddrinfo(first) }
    guard let canonical = unsafe first.pointee.ai_canonname else { return nil }
    let full = unsafe String(cString: canonical)
    return full.utf8.contains(UInt8(ascii: ".")) ? full : nil
  }

  private static func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
