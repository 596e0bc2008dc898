import Foundation
import Glibc

/// The file of the commit log: batches of records in the order in which they were answered for.
///
///     block 0    what it is, and the columns of its rows
///     block 1    the number of the last batch that the database has, and its checksum
///     then       two segments, written in turn; each holds batches one behind the other
///
/// A batch begins on a block of its own, so that writing one never touches another, and the file has
/// its whole length from the beginning: to make a batch durable is to write its own blocks, nothing
/// about the file. A segment is begun anew when the database has all of it.
///
/// It is not safe for several threads, except where it says so. ``CommitLogReader`` reads it.
final class CommitLogFile {
  /// Why it cannot be used.
  typealias Failure = LedgerFile.Failure

  /// Where a batch goes.
  struct Place {
    fileprivate let segment: Int
    /// From the beginning of the segment.
    fileprivate let offset: Int
    /// What the database has, where what stood in the segment before is written over.
    fileprivate let applied: UInt64?
  }

  private struct Segment {
    /// The numbers of its first and its last batch; 0: none.
    var first: UInt64 = 0
    var last: UInt64 = 0
    var used = 0
  }

  static let blockBytes = DurableBlocks.blockBytes
  /// Large enough for some hundred messages, small enough for their memory.
  static let segmentBytes = 2 * 1024 * 1024
  /// A batch has a block at least.
  static let mostBatches = UInt64(segmentBytes / blockBytes)
  /// What of a batch stands before its messages.
  static let headerBytes = 40
  static let mark = Array("PLBLOG01".utf8)
  static let batchMark: UInt32 = 0x4C42_5043

  let path: String
  private let file: Int32
  /// Nil until it is prepared.
  private var blocks: DurableBlocks?
  private var segments = [Segment(), Segment()]
  private var current = 0
  private var lastNumber: UInt64 = 0

  /// The log's file beside a ledger.
  static func path(ledgerPath: String) -> String { ledgerPath + ".commitlog" }

  /// Opens the log of a ledger for this process alone.
  ///
  /// - Returns: Nil when another process has it.
  init?(ledgerPath: String) throws(Failure) {
    path = Self.path(ledgerPath: ledgerPath)
    // Readers hold it for a moment; and a process that ends may have removed what was just opened.
    for _ in 0..<50 {
      let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
      guard file >= 0 else { throw Failure("\(path) cannot be opened", code: errno) }
      let code = flock(file, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
      if code == 0, LedgerFile.isAt(path, file) {
        self.file = file
        return
      }
      // Before `file` is set: from then on `deinit` closes it, also when this fails.
      close(file)
      guard code == 0 || code == EWOULDBLOCK else {
        throw Failure("\(path) cannot be locked", code: code)
      }
      usleep(1000)
    }
    return nil
  }

  deinit { close(file) }

  // MARK: What another process left

  /// What the database may not have.
  ///
  /// - Throws: Why this version cannot read it; then the file has to stay as it is.
  func left() throws(Failure) -> CommitLogReader.Left {
    try CommitLogReader(file: file, path: path).left()
  }

  /// Gives the file another name, of which there is none yet; from then on it is not a ledger's log.
  ///
  /// - Returns: Its new path.
  func setAside() throws(Failure) -> String {
    var aside = path + ".damaged"
    var number = 1
    while try !LedgerFile.rename(path, to: aside) {
      number += 1
      aside = path + ".damaged\(number)"
    }
    try LedgerFile.synchronizeDirectory(of: path)
    return aside
  }

  /// Waits until the database has every message that was answered for before, at most so long.
  ///
  /// Safe for any process and thread. Where no process moves messages there is nothing to wait for.
  static func waitUntilApplied(ledgerPath: String, atMostSeconds seconds: Double) {
    let path = path(ledgerPath: ledgerPath)
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return }
    let reader = CommitLogReader(file: file, path: path)
    let end = DispatchTime.now() + seconds
    do throws(Failure) {
      let last = try reader.lastNumber()
      while try reader.applied() < last, DispatchTime.now() < end { usleep(1000) }
    } catch {
      // The milter that has the file says so; here only a wait is saved.
    }
  }

  // MARK: Writing

  /// Makes it empty, with its whole length on the disk.
  ///
  /// - Throws: Why that cannot be; then it is gone, for half of it would only take room.
  func prepare() throws(Failure) {
    segments = [Segment(), Segment()]
    current = 0
    lastNumber = 0
    do throws(Failure) {
      try fill()
      blocks = try DurableBlocks(path: path, opened: file)
    } catch {
      ftruncate(file, 0)
      remove()
      throw error
    }
  }

  private func fill() throws(Failure) {
    guard ftruncate(file, 0) == 0 else {
      throw Failure("\(path) cannot be emptied", code: errno)
    }
    var octets = Self.mark
    // An array of names always encodes.
    let columns = (try? JSONEncoder().encode(CommitLogEntry.Columns.current)) ?? Data()
    octets.append(integer: UInt32(columns.count))
    octets += columns
    precondition(octets.count <= Self.blockBytes, "the columns fit into a block")
    octets += [UInt8](repeating: 0, count: 2 * Self.blockBytes - octets.count)
    try write(octets, at: 0)
    // Zeros, and not only room for them: what was never written has to be noted as written, at each
    // batch.
    let zeros = [UInt8](repeating: 0, count: Self.segmentBytes)
    for segment in 0..<2 { try write(zeros, at: Self.start(segment)) }
    guard fsync(file) == 0 else { throw Failure("\(path) cannot be made durable", code: errno) }
    try LedgerFile.synchronizeDirectory(of: path)
  }

  /// A batch of messages, with room for its header.
  static func batch(_ rows: [MessageRow]) -> [UInt8] {
    var batch = [UInt8](repeating: 0, count: headerBytes)
    batch.reserveCapacity(max(rows.count, 1) * blockBytes)
    for row in rows { CommitLogEntry.append(row, to: &batch) }
    return batch
  }

  /// Where a batch of so many octets can go now.
  ///
  /// - Parameters:
  ///   - count: No more than a segment has.
  ///   - applied: The last batch that the database has.
  /// - Returns: Nil while the database lacks something of the segment that is next.
  func place(for count: Int, applied: UInt64) -> Place? {
    if segments[current].used + count <= Self.segmentBytes {
      return Place(segment: current, offset: segments[current].used, applied: nil)
    }
    guard segments[1 - current].last <= applied else { return nil }
    return Place(segment: 1 - current, offset: 0, applied: applied)
  }

  /// Writes a batch and returns its number when it is durable.
  func write(_ batch: consuming [UInt8], at place: Place) throws(Failure) -> UInt64 {
    guard let blocks, LedgerFile.isAt(path, file, leastSize: UInt64(Self.start(2))) else {
      throw Failure("\(path) was removed, replaced or cut off")
    }
    if let applied = place.applied {
      // Else whoever reads it after a power failure misses what is written over now.
      note(applied: applied)
      guard fdatasync(file) == 0 else {
        throw Failure("\(path) cannot be made durable", code: errno)
      }
    }
    let number = lastNumber + 1
    let first = place.offset == 0 ? number : segments[place.segment].first
    var header: [UInt8] = []
    header.append(integer: Self.batchMark)
    header.append(integer: UInt32(batch.count - Self.headerBytes))
    header.append(integer: number)
    header.append(integer: first)
    header.append(integer: LibZlib.checksum(batch[Self.headerBytes...]))
    header.append(integer: LibZlib.checksum(header))
    batch.replaceSubrange(0..<header.count, with: header)
    let position = Self.start(place.segment) + off_t(place.offset)
    do throws(Failure) {
      try blocks.write(batch, at: position)
    } catch {
      // Whoever opens the ledger would wait for a batch that nobody moves.
      let nothing = [UInt8](repeating: 0, count: Self.headerBytes)
      _ = unsafe pwrite(file, nothing, nothing.count, position)
      throw error
    }
    current = place.segment
    segments[current].first = first
    segments[current].last = number
    segments[current].used = place.offset + DurableBlocks.wholeBlocks(batch.count)
    lastNumber = number
    return number
  }

  /// Notes what the database has; safe from any thread.
  ///
  /// As a rule it need not be durable: what the database has already does not come into it a second
  /// time. It waits for a batch that is being written, and the next batch for it.
  func note(applied: UInt64) {
    var octets: [UInt8] = []
    octets.append(integer: applied)
    octets.append(integer: LibZlib.checksum(octets))
    _ = unsafe pwrite(file, octets, octets.count, off_t(Self.blockBytes))
  }

  /// Removes the file, of which the database has everything.
  func remove() {
    // By now there may be another process's.
    guard LedgerFile.isAt(path, file) else { return }
    unsafe unlink(path)
  }

  /// Lets other processes have it.
  func unlock() { flock(file, LOCK_UN) }

  private func write(_ octets: [UInt8], at offset: off_t) throws(Failure) {
    var done = 0
    while done < octets.count {
      let count = unsafe octets.withUnsafeBytes { buffer in
        unsafe pwrite(
          file, buffer.baseAddress?.advanced(by: done), buffer.count - done, offset + off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure("\(path) cannot be written", code: errno) }
      done += count
    }
  }

  /// Where a segment begins; of the one behind the last, where the file ends.
  static func start(_ segment: Int) -> off_t {
    off_t(2 * blockBytes + segment * segmentBytes)
  }
}
