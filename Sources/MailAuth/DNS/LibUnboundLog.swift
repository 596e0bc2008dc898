import Glibc
import Synchronization

/// What libunbound writes to its log about failed questions.
///
/// A result only says SERVFAIL. The log line, written before the result is handed out, says why:
/// `error: SERVFAIL <a.example. TXT IN>: ... from 192.0.2.1 got REFUSED`. libunbound has one log
/// for the process, so this is a pipe for the process, read by whichever context is awake; two
/// contexts asking the same question at the same moment can take each other's reason.
enum UnboundLog {
  private struct State {
    var partialLine: [UInt8] = []
    var reasons: [String: String] = [:]
  }

  // A reason is taken when its result arrives, which may be never when a context is deleted.
  private static let mostReasons = 4096
  private static let longestLine = 8192
  private static let state = Mutex(State())

  private static let ends = PipeEnds()

  /// Where libunbound writes; nil when the process has no descriptors left, and then failures
  /// have no reasons. Never closed: libunbound keeps it beyond any context.
  // nonisolated(unsafe): set once, and C streams lock themselves.
  nonisolated(unsafe) static let stream: UnsafeMutablePointer<FILE>? = {
    guard let ends, let file = unsafe fdopen(ends.write, "w") else { return nil }
    // Lines must be in the pipe before the result is.
    unsafe setvbuf(file, nil, _IOLBF, 0)
    return unsafe file
  }()

  /// Becomes readable when there is something to ``drain()``.
  static var descriptor: CInt { ends?.read ?? -1 }

  /// Takes what was written into ``takeReason(_:_:)``'s table.
  static func drain() {
    guard descriptor >= 0 else { return }
    state.withLock { state in
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = unsafe read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return }
        for octet in buffer.prefix(count) {
          if octet == UInt8(ascii: "\n") {
            keep(line: String(decoding: state.partialLine, as: UTF8.self), in: &state)
            state.partialLine.removeAll(keepingCapacity: true)
          } else if state.partialLine.count < longestLine {
            state.partialLine.append(octet)
          }
        }
      }
    }
  }

  /// The reason for the last failure of a question since the last call; nil when none was logged.
  static func takeReason(_ name: String, _ type: DNSRecordType) -> String? {
    drain()
    return state.withLock { $0.reasons.removeValue(forKey: key(name, type)) }
  }

  /// The question and reason of a log line; nil for lines about something else.
  static func parse(line: String) -> (question: String, reason: String)? {
    guard let mark = line.firstRange(of: "SERVFAIL <"),
      let end = line[mark.upperBound...].firstRange(of: ">: ")
    else { return nil }
    return (String(line[mark.upperBound..<end.lowerBound]), String(line[end.upperBound...]))
  }

  private static func keep(line: String, in state: inout State) {
    guard let (question, reason) = parse(line: line) else { return }
    if state.reasons.count >= mostReasons { state.reasons.removeAll() }
    state.reasons[question] = reason
  }

  /// A question as the log shows it: octets other than letters, digits, `-`, `_` and `*` are `?`.
  static func key(_ name: String, _ type: DNSRecordType) -> String {
    var text = ""
    for octet in name.utf8 {
      let isShown =
        octet.isASCIILetter || octet.isASCIIDigit || ".-_*".utf8.contains(octet)
      text.unicodeScalars.append(isShown ? Unicode.Scalar(octet) : "?")
    }
    return "\(text). \(type.rawValue) IN"
  }
}

/// A pipe, non-blocking at both ends: losing a line or a wake-up that is there already is better
/// than waiting for a reader.
struct PipeEnds: Sendable {
  let read: CInt
  let write: CInt

  /// Makes a pipe that programs started later do not inherit; nil when there are no descriptors.
  init?() {
    var ends: [CInt] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    read = ends[0]
    write = ends[1]
  }
}

/// The system's text for an error number.
func errorText(_ number: CInt) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard unsafe strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
  return String(
    decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
