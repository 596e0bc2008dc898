import Foundation
import Glibc

/// The file of the commit log: batches of records in the order in which they were answered for.
///
///     block 0    what it is, and the columns of its rows
///     block 1    the number of the last batch that the database has
///     then       two segments, written in turn; each holds batches one behind the other
///
/// A batch begins on a block of its own, so that writing one never touches another, and the file has
/// its whole length from the beginning: to make a batch durable is to write its own blocks, nothing
/// about the file. A segment is begun anew when the database has all of it.
///
/// It is not safe for several threads, except where it says so.
final class CommitLogFile {
  /// Why it cannot be used.
  typealias Failure = MessageJournal.Failure

  /// Where a batch goes.
  struct Place {
    fileprivate let segment: Int
    /// From the beginning of the segment.
    fileprivate let offset: Int
  }

  /// A batch as it stands in the file.
  struct Batch {
    let number: UInt64
    let octets: [UInt8]
  }

  private struct Segment {
    /// The numbers of its first and its last batch; 0: none.
    var first: UInt64 = 0
    var last: UInt64 = 0
    var used = 0
  }

  static let blockBytes = 4096
  /// Large enough for some hundred messages, small enough for their memory.
  static let segmentBytes = 2 * 1024 * 1024
  private static let headerBytes = 40
  private static let mark = Array("PLBLOG01".utf8)
  private static let batchMark: UInt32 = 0x4C42_5043

  let path: String
  private let file: Int32
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
    file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard file >= 0 else { throw Failure("\(path) cannot be opened", code: errno) }
    // Readers hold it for a moment.
    var attempts = 50
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      attempts -= 1
      if code == EWOULDBLOCK, attempts > 0 {
        usleep(1000)
        continue
      }
      close(file)
      if code == EWOULDBLOCK { return nil }
      throw Failure("\(path) cannot be locked", code: code)
    }
  }

  deinit { close(file) }

  // MARK: What another process left

  /// The messages that the database may not have, in their order.
  ///
  /// A batch that a crash cut off was never answered for, and is left out.
  func leftMessages() throws(Failure) -> [MessageRow] {
    guard let columns = Self.columns(file) else { return [] }
    let applied = Self.applied(file)
    var batches: [Batch] = []
    for segment in 0..<2 {
      Self.visit(file, segment) { number, place, count, checksum in
        guard number > applied,
          let octets = Self.read(file, count, at: place + off_t(Self.headerBytes)),
          LibZlib.checksum(octets) == checksum
        else { return }
        batches.append(Batch(number: number, octets: octets))
      }
    }
    return batches.sorted { $0.number < $1.number }
      .flatMap { CommitLogEntry.rows($0.octets, columns: columns) ?? [] }
  }

  /// Waits until the database has every message that was answered for before, at most so long.
  ///
  /// Safe for any process and thread. Where no process moves messages there is nothing to wait for.
  static func waitUntilApplied(ledgerPath: String, atMostSeconds seconds: Double) {
    let file = unsafe open(path(ledgerPath: ledgerPath), O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    defer { close(file) }
    guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return }
    var last: UInt64 = 0
    for segment in 0..<2 { visit(file, segment) { number, _, _, _ in last = max(last, number) } }
    let end = DispatchTime.now() + seconds
    while applied(file) < last, DispatchTime.now() < end { usleep(1000) }
  }

  // MARK: Writing

  /// Makes it empty, with its whole length on the disk.
  func prepare() throws(Failure) {
    segments = [Segment(), Segment()]
    current = 0
    lastNumber = 0
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
    try MessageJournal.synchronizeDirectory(of: path)
  }

  /// A batch of messages, with room for its header and filled up to whole blocks.
  static func octets(_ rows: [MessageRow]) -> (octets: [UInt8], count: Int) {
    var octets = [UInt8](repeating: 0, count: headerBytes)
    octets.reserveCapacity(max(rows.count, 1) * blockBytes)
    for row in rows { CommitLogEntry.append(row, to: &octets) }
    let count = octets.count - headerBytes
    let excess = octets.count % blockBytes
    if excess > 0 { octets += repeatElement(0, count: blockBytes - excess) }
    return (octets, count)
  }

  /// Where so many octets can go now.
  ///
  /// - Parameters:
  ///   - count: A multiple of a block.
  ///   - applied: The last batch that the database has.
  /// - Returns: Nil while the database lacks something of the segment that is next.
  func place(for count: Int, applied: UInt64) -> Place? {
    if segments[current].used + count <= Self.segmentBytes {
      return Place(segment: current, offset: segments[current].used)
    }
    guard segments[1 - current].last <= applied else { return nil }
    return Place(segment: 1 - current, offset: 0)
  }

  /// Writes a batch and returns its number when it is durable.
  func write(
    _ batch: (octets: [UInt8], count: Int), at place: Place
  ) throws(Failure) -> UInt64 {
    try checkPresence()
    let number = lastNumber + 1
    let first = place.offset == 0 ? number : segments[place.segment].first
    var header: [UInt8] = []
    header.append(integer: Self.batchMark)
    header.append(integer: UInt32(batch.count))
    header.append(integer: number)
    header.append(integer: first)
    let start = Self.headerBytes
    header.append(integer: LibZlib.checksum(batch.octets[start..<(start + batch.count)]))
    header.append(integer: LibZlib.checksum(header))
    var octets = batch.octets
    octets.replaceSubrange(0..<header.count, with: header)
    try write(octets, at: Self.start(place.segment) + off_t(place.offset))
    guard fdatasync(file) == 0 else {
      throw Failure("\(path) cannot be made durable", code: errno)
    }
    current = place.segment
    segments[current].first = first
    segments[current].last = number
    segments[current].used = place.offset + octets.count
    lastNumber = number
    return number
  }

  /// Notes what the database has; safe from any thread.
  ///
  /// It need not be durable: what the database has already does not come into it a second time.
  func note(applied: UInt64) {
    var octets: [UInt8] = []
    octets.append(integer: applied)
    _ = unsafe pwrite(file, octets, octets.count, off_t(Self.blockBytes))
  }

  /// Removes the file, of which the database has everything.
  func remove() { unsafe unlink(path) }

  /// Lets other processes have it.
  func unlock() { flock(file, LOCK_UN) }

  /// Makes sure that the next process will find what is written.
  private func checkPresence() throws(Failure) {
    var status = stat()
    guard unsafe fstat(file, &status) == 0, status.st_nlink > 0 else {
      throw Failure("\(path) was removed", code: ENOENT)
    }
  }

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

  // MARK: Reading

  private static func start(_ segment: Int) -> off_t {
    off_t(2 * blockBytes + segment * segmentBytes)
  }

  private static func applied(_ file: Int32) -> UInt64 {
    read(file, 8, at: off_t(blockBytes)).map { UInt64(littleEndian: $0) } ?? 0
  }

  private static func columns(_ file: Int32) -> CommitLogEntry.Columns? {
    guard let block = read(file, blockBytes, at: 0), block.starts(with: mark) else { return nil }
    let count = Int(UInt32(littleEndian: block[8..<12]))
    return try? JSONDecoder().decode(
      CommitLogEntry.Columns.self, from: Data(block[12...].prefix(count)))
  }

  /// Visits the batches of a segment with their number, their place in the file, how many octets
  /// they are, and the checksum of those.
  private static func visit(
    _ file: Int32, _ segment: Int, _ body: (UInt64, off_t, Int, UInt32) -> Void
  ) {
    var offset = 0
    var expected: (first: UInt64, number: UInt64)?
    while offset + blockBytes <= segmentBytes {
      let place = start(segment) + off_t(offset)
      guard let header = read(file, headerBytes, at: place),
        UInt32(littleEndian: header[0..<4]) == batchMark,
        UInt32(littleEndian: header[28..<32]) == LibZlib.checksum(header[0..<28])
      else { return }
      let count = Int(UInt32(littleEndian: header[4..<8]))
      let number = UInt64(littleEndian: header[8..<16])
      let first = UInt64(littleEndian: header[16..<24])
      // What stands behind the last batch is of an earlier filling.
      guard first == expected?.first ?? number, number == expected?.number ?? first,
        count <= segmentBytes - offset - headerBytes
      else { return }
      body(number, place, count, UInt32(littleEndian: header[24..<28]))
      expected = (first, number + 1)
      offset += (headerBytes + count + blockBytes - 1) / blockBytes * blockBytes
    }
  }

  private static func read(_ file: Int32, _ count: Int, at offset: off_t) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let read = unsafe octets.withUnsafeMutableBytes { buffer in
        unsafe pread(
          file, buffer.baseAddress?.advanced(by: done), count - done, offset + off_t(done))
      }
      if read < 0, errno == EINTR { continue }
      guard read > 0 else { return nil }
      done += read
    }
    return octets
  }
}
