/// Why a milter cannot start or go on.
public struct MilterServerError: Error, Equatable, CustomStringConvertible {
  /// What can be wrong.
  public enum Problem: Sendable, Equatable {
    /// Another process listens there.
    case inUse
    /// The directory that the Unix socket should be in does not exist.
    case noDirectory(String)
    /// Something that is not a socket stands at the path.
    case notASocket
    /// The inherited descriptor is not a listening stream socket.
    case notListening
    /// The host name has no address of the wanted family; the resolver's words.
    case unknownHost(String)
    /// The operating system refused a call; the call and the system's words.
    case system(call: String, reason: String)
    /// libmilter refused a call.
    case libmilter(call: String)
    /// libmilter has been started in this process before; it cannot be started twice.
    case secondServer
    /// ``MilterServer/run()`` was called before ``MilterServer/openSocket()``.
    case notOpen
    /// libmilter's own signal thread is active, so SIGHUP would stop the milter.
    case signalsNotOurs
    /// libmilter stopped by itself; what smfi_main() returned.
    case stopped(status: Int32)
  }

  /// Where the milter listens, or should.
  public let socket: MilterSocketAddress
  /// What is wrong.
  public let problem: Problem

  /// Where, what is wrong, and what to do.
  public var description: String { "milter socket \(socket): \(explanation)" }

  private var explanation: String {
    switch problem {
    case .inUse: "another process listens there; stop it or configure another socket"
    case .noDirectory(let path): "the directory \(path) does not exist; create it"
    case .notASocket:
      "the file there is not a socket and is left alone; remove it or configure another path"
    case .notListening: "the inherited descriptor is not a listening stream socket"
    case .unknownHost(let reason): "the host has no usable address: \(reason)"
    case .system(let call, let reason): "\(call): \(reason)"
    case .libmilter(let call): "libmilter's \(call) failed; it tells more in the mail log"
    case .secondServer: "libmilter can be started only once in a process"
    case .notOpen: "the socket is not open"
    case .signalsNotOurs:
      "sigwait() is not the program's own, so libmilter would stop on SIGHUP; "
        + "the program was linked in a way that hides the symbol"
    case .stopped(let status):
      "libmilter stopped with status \(status); it tells more in the mail log"
    }
  }
}
