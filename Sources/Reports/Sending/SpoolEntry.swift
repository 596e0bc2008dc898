import Foundation
import Glibc

/// A mail on disk while it is handed over.
///
/// It is a directory, `<spool>/<token>/`, with
/// - `message`: the whole mail; who hands it over holds a lock on it,
/// - `answer`: what the program wrote,
/// - `status`: how it ended; there only when it did.
struct SpoolEntry {
  let directory: String
  private let spool: String

  init(spool: String, token: String) {
    self.spool = spool
    directory = "\(spool)/\(token)"
  }

  private var messagePath: String { "\(directory)/message" }

  /// Writes the mail and makes it durable; it is there whole or not at all.
  func write(_ octets: [UInt8]) throws(ReportTransportError) {
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw ReportTransportError(
        "the spool directory \(spool) cannot be used: \(error.localizedDescription)")
    }
    for name in ["status", "status.new", "answer"] {
      try remove("\(directory)/\(name)")
    }
    let temporary = "\(directory)/message.new"
    try writeFile(octets, to: temporary)
    guard unsafe rename(temporary, messagePath) == 0 else {
      throw .system("\(messagePath) cannot be written", code: errno)
    }
    try synchronize(directory)
    try synchronize(spool)
  }

  /// Opens the mail and locks it.
  ///
  /// - Returns: The open file; nil when there is no mail.
  /// - Throws: ``Busy`` when somebody else has locked it.
  func lock() throws -> Int32? {
    let file = unsafe open(messagePath, O_RDONLY | O_CLOEXEC)
    if file < 0, errno == ENOENT || errno == ENOTDIR { return nil }
    guard file >= 0 else {
      throw ReportTransportError.system("\(messagePath) cannot be opened", code: errno)
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      close(file)
      if code == EWOULDBLOCK { throw Busy() }
      throw ReportTransportError.system("\(messagePath) cannot be locked", code: code)
    }
    return file
  }

  /// Gives the lock back and closes the file.
  ///
  /// Closing alone would leave the lock to a program that another thread is just starting, until
  /// its copies of our files are closed.
  static func unlock(_ file: Int32) {
    _ = flock(file, LOCK_UN)
    close(file)
  }

  /// Somebody else holds the lock.
  struct Busy: Error {}

  /// The exit status of the program; nil when it did not end.
  func status() -> Int32? {
    let text = head("status", octets: 16)
    return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// The beginning of what the program wrote.
  func answer() -> String { head("answer", octets: 2000) }

  /// Removes the entry; the mail goes last, so that it never looks like one without an answer.
  func remove() throws(ReportTransportError) {
    // The lock and the mail first: without a mail there is no entry.
    for name in ["message", "message.new", "status", "status.new", "answer"] {
      try remove("\(directory)/\(name)")
    }
    guard unsafe rmdir(directory) == 0 || errno == ENOENT else {
      throw .system("\(directory) cannot be removed", code: errno)
    }
  }

  private func remove(_ path: String) throws(ReportTransportError) {
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw .system("\(path) cannot be removed", code: errno)
    }
  }

  private func writeFile(_ octets: [UInt8], to path: String) throws(ReportTransportError) {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .system("\(path) cannot be written", code: errno) }
    var rest = octets[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let code = errno
        close(file)
        throw .system("\(path) cannot be written", code: code)
      }
      rest = rest.dropFirst(count)
    }
    let isDurable = fsync(file) == 0
    let code = errno
    guard close(file) == 0, isDurable else {
      throw .system("\(path) cannot be written", code: isDurable ? errno : code)
    }
  }

  private func synchronize(_ path: String) throws(ReportTransportError) {
    let file = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { throw .system("\(path) cannot be opened", code: errno) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw .system("\(path) cannot be made durable", code: errno) }
  }

  private func head(_ name: String, octets: Int) -> String {
    // What cannot be read is as good as not there: there is no status then.
    let file = FileHandle(forReadingAtPath: "\(directory)/\(name)")
    let data = (try? file?.read(upToCount: octets)) ?? nil
    return String(decoding: data ?? Data(), as: UTF8.self)
  }
}
