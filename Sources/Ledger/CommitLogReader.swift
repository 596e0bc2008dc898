import Foundation
import Glibc

/// Reads the file of the commit log, also while another process writes it; see ``CommitLogFile``.
struct CommitLogReader {
  typealias Failure = CommitLogFile.Failure

  private let file: Int32
  private let path: String

  /// A batch as its header describes it.
  private struct Batch {
    let number: UInt64
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
    guard let octets = try read(8, at: off_t(CommitLogFile.blockBytes)) else { return 0 }
    return UInt64(littleEndian: octets)
  }

  /// The number of the last batch; 0 when there is none.
  func lastNumber() throws(Failure) -> UInt64 {
    max(try batches(0).last?.number ?? 0, try batches(1).last?.number ?? 0)
  }

  /// The messages that the database may not have, in their order.
  ///
  /// A batch that a crash cut off was never answered for, and is left out.
  ///
  /// - Throws: Why they cannot be read, or not all of them.
  func messages() throws(Failure) -> [MessageRow] {
    guard let mark = try read(CommitLogFile.mark.count, at: 0), mark.contains(where: { $0 != 0 })
    else { return [] }
    guard mark == CommitLogFile.mark else {
      throw Failure("\(path) is not a commit log that this version knows; move it away")
    }
    let applied = try applied()
    let batches = (try batches(0) + batches(1)).filter { $0.number > applied }
    let columns = try columns()
    var rows: [MessageRow] = []
    for batch in batches.sorted(by: { $0.number < $1.number }) {
      guard let octets = try read(batch.count, at: batch.place),
        LibZlib.checksum(octets) == batch.checksum
      else { continue }
      guard let columns, let more = CommitLogEntry.rows(octets, columns: columns) else {
        throw Failure(
          "\(path) holds messages that this version cannot read; start the version that wrote it, "
            + "or move it away")
      }
      rows += more
    }
    return rows
  }

  private func columns() throws(Failure) -> CommitLogEntry.Columns? {
    guard let block = try read(CommitLogFile.blockBytes, at: 0) else { return nil }
    let start = CommitLogFile.mark.count + 4
    let count = Int(UInt32(littleEndian: block[(start - 4)..<start]))
    // Whoever needs them says that they cannot be read.
    return try? JSONDecoder().decode(
      CommitLogEntry.Columns.self, from: Data(block[start...].prefix(count)))
  }

  /// The batches of a segment.
  private func batches(_ segment: Int) throws(Failure) -> [Batch] {
    var batches: [Batch] = []
    var first: UInt64 = 0
    var offset = 0
    while offset + CommitLogFile.blockBytes <= CommitLogFile.segmentBytes {
      let place = CommitLogFile.start(segment) + off_t(offset)
      guard let header = try read(CommitLogFile.headerBytes, at: place),
        UInt32(littleEndian: header[0..<4]) == CommitLogFile.batchMark,
        UInt32(littleEndian: header[28..<32]) == LibZlib.checksum(header[0..<28])
      else { break }
      let count = Int(UInt32(littleEndian: header[4..<8]))
      let number = UInt64(littleEndian: header[8..<16])
      if batches.isEmpty { first = number }
      // What stands behind the last batch is of an earlier filling.
      guard UInt64(littleEndian: header[16..<24]) == first,
        number == first &+ UInt64(batches.count),
        count <= CommitLogFile.segmentBytes - offset - CommitLogFile.headerBytes
      else { break }
      batches.append(
        Batch(
          number: number, place: place + off_t(CommitLogFile.headerBytes), count: count,
          checksum: UInt32(littleEndian: header[24..<28])))
      offset += DurableBlocks.wholeBlocks(CommitLogFile.headerBytes + count)
    }
    return batches
  }

  /// Octets of the file; nil when it ends before them.
  private func read(_ count: Int, at offset: off_t) throws(Failure) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let read = unsafe octets.withUnsafeMutableBytes { buffer in
        unsafe pread(
          file, buffer.baseAddress?.advanced(by: done), count - done, offset + off_t(done))
      }
      if read < 0, errno == EINTR { continue }
      guard read >= 0 else { throw Failure("\(path) cannot be read", code: errno) }
      guard read > 0 else { return nil }
      done += read
    }
    return octets
  }
}
