import Foundation
import Logging

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
    var line = ""
    if let queueID = all.removeValue(forKey: Self.queueIDKey) { line += "\(queueID): " }
    if event.level >= .warning || event.level < .info { line += "\(event.level.rawValue): " }
    line += event.message.description
    if !all.isEmpty {
      for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
    }
    // Whatever came from outside must not be able to write lines of its own.
    var octets = line.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 }
    octets.append(0x0A)
    // A failure is dropped: there is nowhere to report that the log cannot be written.
    try? FileHandle.standardError.write(contentsOf: octets)
  }
}
