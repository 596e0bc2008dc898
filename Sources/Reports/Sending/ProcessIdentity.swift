import Glibc
public import Ledger

/// A process in words that another process on the same host can check.
public struct ProcessIdentity: Sendable, Equatable {
  /// The host's name.
  public var host: String
  /// The process number.
  public var process: Int32
  /// When it started, in ticks since the host's start; empty when the host does not say.
  public var start: String

  /// Makes an identity.
  public init(host: String, process: Int32, start: String) {
    self.host = host
    self.process = process
    self.start = start
  }

  /// This process.
  public static var own: ProcessIdentity {
    let number = getpid()
    return ProcessIdentity(host: hostName, process: number, start: startTime(of: number) ?? "")
  }

  /// Whether the holder of a lease is known not to run any more: its host is this one, and its
  /// process is gone or another one has got its number.
  ///
  /// A process that cannot be looked at, as in a service with `ProtectProc=invisible`, counts as
  /// running; its lease ends by itself.
  public func knowsIsGone(_ lease: ReportLease) -> Bool {
    guard lease.host == host, lease.process > 0 else { return false }
    if kill(lease.process, 0) != 0, errno == ESRCH { return true }
    guard !lease.processStart.isEmpty, let start = Self.startTime(of: lease.process) else {
      return false
    }
    return start != lease.processStart
  }

  private static var hostName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// Field 22 of `/proc/PID/stat`; nil when it cannot be read.
  private static func startTime(of process: Int32) -> String? {
    let file = unsafe open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 2048)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    let text = buffer.prefix(count)
    // The second field is the program's name in parentheses, and may hold anything.
    guard let end = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let fields = text[(end + 1)...].split(separator: UInt8(ascii: " "))
    return fields.count > 19 ? String(decoding: fields[19], as: UTF8.self) : nil
  }
}
