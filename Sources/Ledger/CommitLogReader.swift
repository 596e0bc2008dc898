import Foundation
import Glibc

/// Reads the file of the commit log, also while another process writes it; see ``CommitLogFile``.
struct CommitLogReader {
  typealias Failure = CommitLogFile.Failure

  private let file: Int32
  private let path: String

  /// What is in the file that the database may not have.
  struct Left {
    /// The messages, in their order.
    var rows: [MessageRow] = []
    /// How many batches cannot be read that were answered for.
    var damagedBatches = 0
  }

  /// A batch as its header describes it.
  private struct Batch {
    let number: UInt64
    /// The number of the first batch of the same filling of its segment.
    let first: UInt64
    /// Where its messages begin in the file, and how many octets they are.
    let place: off_t
    let count: Int
    let checksum: UInt32
  }

  /// - Parameters:
  ///   - file: Open for reading as long as this is used.
  ///   - path: Where it is, for words.
  init(file: Int32, path: String) {
    self.file = file
    self.path = path
  }

  /// The number of the last batch that the database has.
  func applied() throws(Failure) -> UInt64 {
    let place = off_t(CommitLogFile.blockBytes)
    // Any number may be a wrong one; with 0, the database gets what it has already, and ignores it.
    guard let octets = try read(12, at: place),
      UInt32(littleEndian: octets[8...]) == LibZlib.checksum(octets[..<8])
    else { return 0 }
    return UInt64(littleEndian: octets[..<8])
  }

  /// The number of the last batch; 0 when there is none.
  func lastNumber() throws(Failure) -> UInt64 {
    max(try batches(0).last?.number ?? 0, try batches(1).last?.number ?? 0)
  }

  /// The messages that the database may not have.
  ///
  /// The last batch was never answered for if a crash cut it off, and is left out. The others were
  /// durable before the next one was begun, so what is wrong with those is damage.
  ///
  /// - Throws: Why this version cannot read what is there.
  func left() throws(Failure) -> Left {
    let mark = try read(CommitLogFile.mark.count, at: 0) ?? []
    let isBegun = mark.contains { $0 != 0 }
    guard !isBegun || mark == CommitLogFile.mark else {
      throw Failure("\(path) is not a commit log that this version knows; move it away")
    }
    let columns = isBegun ? try columns() : nil
    let batches = (try batches(0) + batches(1)).sorted { $0.number < $1.number }
    let noted = try applied()
    // What the database has already does not come into it a second time.
    let applied = noted <= batches.last?.number ?? 0 ? noted : 0
    var left = Left()
    var previous: UInt64?
    for batch in batches {
      // One filling follows upon the other, so what is missing is behind a broken header.
      let expected = max(previous.map { $0 &+ 1 } ?? batch.first, applied &+ 1)
      if batch.number > expected {
        // More do not fit into the file.
        left.damagedBatches += Int(min(batch.number - expected, 2 * CommitLogFile.mostBatches))
      }
      previous = batch.number
      guard batch.number > applied else { continue }
      guard let octets = try read(batch.count, at: batch.place, allowsDamage: true),
        LibZlib.checksum(octets) == batch.checksum
      else {
        if batch.number != batches.last?.number { left.damagedBatches += 1 }
        continue
      }
      guard let columns, let rows = CommitLogEntry.rows(octets, columns: columns) else {
        throw Failure(
          "\(path) holds messages that this version cannot read; start the version that wrote it, "
            + "or move it away")
      }
      left.rows += rows
    }
    return left
  }

  private func columns() throws(Failure) -> CommitLogEntry.Columns? {
    guard let block = try read(CommitLogFile.blockBytes, at: 0) else { return nil }
    let start = CommitLogFile.mark.count + 4
    let count = Int(UInt32(littleEndian: block[(start - 4)..<start]))
    // Whoever needs them says that they cannot be read.
    return try? JSONDecoder().decode(
      CommitLogEntry.Columns.self, from: Data(block[start...].prefix(count)))
  }

  /// The batches of a segment's last filling, in their order.
  ///
  /// Behind a broken header the next one is looked for, on each block. What it finds may be inside of
  /// the batch that has no header any more, so it must have a higher number and the same filling.
  private func batches(_ segment: Int) throws(Failure) -> [Batch] {
    var batches: [Batch] = []
    var offset = 0
    while offset + CommitLogFile.blockBytes <= CommitLogFile.segmentBytes {
      var taken = CommitLogFile.blockBytes
      defer { offset += taken }
      guard let batch = try batch(at: CommitLogFile.start(segment) + off_t(offset)),
        batch.count <= CommitLogFile.segmentBytes - offset - CommitLogFile.headerBytes
      else { continue }
      // What stands behind the last batch is of an earlier filling; if that is all there is, the
      // first batch of this one was cut off, and the database has what is found.
      guard batches.last.map({ $0.first == batch.first && $0.number < batch.number }) ?? true else {
        continue
      }
      batches.append(batch)
      taken = DurableBlocks.wholeBlocks(CommitLogFile.headerBytes + batch.count)
    }
    return batches
  }

  /// The batch whose header stands here; nil when none does.
  private func batch(at place: off_t) throws(Failure) -> Batch? {
    guard let header = try read(CommitLogFile.headerBytes, at: place, allowsDamage: true),
      UInt32(littleEndian: header[0..<4]) == CommitLogFile.batchMark,
      UInt32(littleEndian: header[28..<32]) == LibZlib.checksum(header[0..<28])
    else { return nil }
    let number = UInt64(littleEndian: header[8..<16])
    let first = UInt64(littleEndian: header[16..<24])
    guard first > 0, first <= number, number - first < CommitLogFile.mostBatches else { return nil }
    return Batch(
      number: number, first: first, place: place + off_t(CommitLogFile.headerBytes),
      count: Int(UInt32(littleEndian: header[4..<8])),
      checksum: UInt32(littleEndian: header[24..<28]))
  }

  /// Octets of the file; nil when it ends before them or, with `allowsDamage`, when the disk cannot
  /// give them back.
  private func read(
    _ count: Int, at offset: off_t, allowsDamage: Bool = false
  ) throws(Failure) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let read = unsafe octets.withUnsafeMutableBytes { buffer in
        unsafe pread(
          file, buffer.baseAddress?.advanced(by: done), count - done, offset + off_t(done))
      }
      if read < 0, errno == EINTR { continue }
      if read < 0, errno == EIO, allowsDamage { return nil }
      guard read >= 0 else { throw Failure("\(path) cannot be read", code: errno) }
      guard read > 0 else { return nil }
      done += read
    }
    return octets
  }
}
