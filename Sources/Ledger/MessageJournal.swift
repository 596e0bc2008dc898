import Foundation
import Glibc

/// The file beside a ledger that takes messages while the ledger itself cannot be written.
///
/// It is `<ledger>.pending`, one ``JournalLine`` a message, appended and made durable one by one.
/// To be moved into the ledger it is first renamed to `<ledger>.replay`, so that appending goes on
/// meanwhile; lines that the ledger will never take end in `<ledger>.refused`. Several processes
/// may use it at once.
struct MessageJournal: Sendable {
  typealias Failure = LedgerFile.Failure

  /// Where messages are appended.
  let pendingPath: String
  /// What is being moved into the ledger.
  let replayPath: String
  /// What cannot be moved into it.
  let refusedPath: String

  /// - Parameter ledgerPath: The ledger's file.
  init(ledgerPath: String) {
    pendingPath = ledgerPath + ".pending"
    replayPath = ledgerPath + ".replay"
    refusedPath = ledgerPath + ".refused"
  }

  /// Whether messages wait to be moved into the ledger.
  var hasMessages: Bool {
    [pendingPath, replayPath].contains { (Self.size($0) ?? 0) > 0 }
  }

  /// Appends a line and returns when it is durable; leaves the file as it was when that fails.
  func append(_ line: Data) throws(Failure) { try Self.append(line, to: pendingPath) }

  /// Keeps a line aside that the ledger refuses.
  func refuse(_ line: Data) throws(Failure) {
    try Self.append(line + [UInt8(ascii: "\n")], to: refusedPath)
  }

  /// Opens what is to be moved next, locked against other processes.
  ///
  /// - Returns: The lines; nil when there are none, or another process is moving them.
  func beginReplay() throws(Failure) -> JournalReader? {
    if Self.size(replayPath) == nil { try setAside() }
    let file = unsafe open(replayPath, O_RDONLY | O_CLOEXEC)
    if file < 0, errno == ENOENT { return nil }
    guard file >= 0 else { throw Failure("\(replayPath) cannot be read", code: errno) }
    guard flock(file, LOCK_EX | LOCK_NB) == 0, LedgerFile.isAt(replayPath, file) else {
      close(file)
      return nil
    }
    return JournalReader(file: file, path: replayPath)
  }

  /// Removes what was moved, before its lock is given back.
  func endReplay() throws(Failure) {
    guard unsafe unlink(replayPath) == 0 else {
      throw Failure("\(replayPath) cannot be removed", code: errno)
    }
  }

  private func setAside() throws(Failure) {
    let file = unsafe open(pendingPath, O_WRONLY | O_CLOEXEC)
    if file < 0, errno == ENOENT { return }
    guard file >= 0 else { throw Failure("\(pendingPath) cannot be opened", code: errno) }
    defer { close(file) }
    // Whoever is appending gets to the end of his line first; whoever waits sees that it moved.
    guard flock(file, LOCK_EX) == 0, LedgerFile.isAt(pendingPath, file) else { return }
    // Another process may have set something aside just now. Killed before the old name is gone,
    // the same lines are moved twice, which the ledger does not mind.
    _ = try LedgerFile.rename(pendingPath, to: replayPath)
  }

  private static func append(_ line: Data, to path: String) throws(Failure) {
    let file = try openLocked(path)
    defer { close(file) }
    let end = lseek(file, 0, SEEK_END)
    // A line that a crash cut off must not swallow this one.
    let separator = end > 0 && !endsInNewline(file, end) ? Data([UInt8(ascii: "\n")]) : Data()
    var rest = separator + line
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let code = errno
        ftruncate(file, end)
        throw Failure("\(path) cannot be written", code: code)
      }
      rest = rest.dropFirst(count)
    }
    guard fsync(file) == 0 else {
      let code = errno
      ftruncate(file, end)
      throw Failure("\(path) cannot be made durable", code: code)
    }
    if end == 0 { try LedgerFile.synchronizeDirectory(of: path) }
  }

  /// Opens a file for appending, under a lock, and makes sure that it still has its name.
  private static func openLocked(_ path: String) throws(Failure) -> Int32 {
    while true {
      let file = unsafe open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
      guard file >= 0 else { throw Failure("\(path) cannot be opened", code: errno) }
      guard flock(file, LOCK_EX) == 0 else {
        let code = errno
        close(file)
        throw Failure("\(path) cannot be locked", code: code)
      }
      if LedgerFile.isAt(path, file) { return file }
      close(file)
    }
  }

  private static func endsInNewline(_ file: Int32, _ size: off_t) -> Bool {
    var octet: UInt8 = 0
    let count = unsafe pread(file, &octet, 1, size - 1)
    return count == 1 && octet == UInt8(ascii: "\n")
  }

  private static func size(_ path: String) -> UInt64? { LibDurableFile.lookUp(path)?.size }
}

/// Reads the lines of a journal one after the other; holds its lock as long as it lives.
final class JournalReader {
  private let file: Int32
  private let path: String
  private var buffer = Data()
  private var isAtEnd = false

  init(file: Int32, path: String) {
    self.file = file
    self.path = path
  }

  deinit { close(file) }

  /// The next lines without their ends, at most so many; empty at the end.
  func next(_ most: Int) throws(LedgerFile.Failure) -> [Data] {
    var lines: [Data] = []
    while lines.count < most {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        if end > buffer.startIndex { lines.append(Data(buffer[..<end])) }
        buffer = buffer[(end + 1)...]
        continue
      }
      if isAtEnd {
        if !buffer.isEmpty { lines.append(Data(buffer)) }
        buffer = Data()
        break
      }
      try fill()
    }
    return lines
  }

  private func fill() throws(LedgerFile.Failure) {
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { return }
    guard count >= 0 else {
      throw LedgerFile.Failure("\(path) cannot be read", code: errno)
    }
    isAtEnd = count == 0
    buffer = Data(buffer) + chunk.prefix(count)
  }
}
