import Glibc
import Logging
import MailAuth

/// Log lines on standard error, one write each, for a journal that adds the time itself.
///
/// A line is the message, then its metadata as `key=value`. Lines with a queue ID begin with it,
/// as mail logs do; whatever is not routine says so in front: `warning:`, `error:`.
struct LineLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info

  /// The key of the metadata that a line begins with.
  static let queueIDKey = "queueID"

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var all = event.metadata ?? [:]
    if !metadata.isEmpty { all = metadata.merging(all) { $1 } }
    let text = event.message.description
    var line = TextBuffer(capacity: text.utf8.count + 64)
    let queueID = all[Self.queueIDKey]
    if let queueID {
      line += queueID.description
      line += ": "
    }
    if event.level >= .warning || event.level < .info { line += "\(event.level.rawValue): " }
    line += text
    if all.count > (queueID == nil ? 0 : 1) {
      for (key, value) in all.sorted(by: { $0.key < $1.key }) where key != Self.queueIDKey {
        line += " \(key)=\(value)"
      }
    }
    Self.write(Array(line.octets))
  }

  private static func write(_ line: [UInt8]) {
    // Whatever came from outside must not be able to write lines of its own.
    var octets = line
    for index in octets.indices {
      let octet = octets[index]
      octets[index] = octet < 0x20 || octet == 0x7F ? UInt8(ascii: "?") : octet
    }
    octets.append(0x0A)
    var rest = octets[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      // A failure is dropped: there is nowhere to report that the log cannot be written.
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
