import Glibc

/// Writes whole blocks to a file, each durable when it is written.
///
/// It is not safe for several threads.
@safe final class DurableBlocks {
  typealias Failure = LedgerFile.Failure

  /// In octets; a disk's own blocks are no larger.
  static let blockBytes = 4096

  private let file: Int32
  private let path: String
  /// What is written has to begin at a block in memory, too.
  private var memory: UnsafeMutableRawBufferPointer

  /// Opens a file a second time that has its whole length already.
  ///
  /// - Parameters:
  ///   - path: Where it is.
  ///   - opened: Open for reading or writing; what is closed is not this one.
  /// - Throws: Why it cannot be written.
  init(path: String, opened: Int32) throws(Failure) {
    file = LibDurableFile.open(path)
    guard file >= 0 else { throw Failure("\(path) cannot be opened", code: errno) }
    self.path = path
    unsafe memory = .allocate(byteCount: 0, alignment: Self.blockBytes)
    // Else somebody would answer for what nobody looks for.
    guard LedgerFile.isAt(path, opened), LedgerFile.isAt(path, file) else {
      throw Failure("\(path) was replaced")
    }
  }

  deinit {
    unsafe memory.deallocate()
    close(file)
  }

  /// Writes octets, of which the last block is filled up with zeros.
  ///
  /// - Parameters:
  ///   - octets: What to write.
  ///   - offset: Where in the file; a multiple of a block.
  /// - Throws: Why not all of them are durable.
  func write(_ octets: [UInt8], at offset: off_t) throws(Failure) {
    let count = Self.wholeBlocks(octets.count)
    makeRoom(count)
    unsafe memory.copyBytes(from: octets)
    unsafe memory[octets.count..<count].initializeMemory(as: UInt8.self, repeating: 0)
    var done = 0
    while done < count {
      let written = unsafe pwrite(
        file, memory.baseAddress?.advanced(by: done), count - done, offset + off_t(done))
      if written > 0 {
        done += written
        continue
      }
      let code = written == 0 ? EIO : errno
      // A file system may show only now that it cannot pass its cache.
      if code == EINTR || code == EINVAL && LibDurableFile.stopPassingCache(file) { continue }
      throw Failure("\(path) cannot be written", code: code)
    }
  }

  /// So many octets, and what fills up the last block of them.
  static func wholeBlocks(_ count: Int) -> Int {
    (count + blockBytes - 1) / blockBytes * blockBytes
  }

  private func makeRoom(_ count: Int) {
    guard unsafe memory.count < count else { return }
    unsafe memory.deallocate()
    unsafe memory = .allocate(byteCount: count, alignment: Self.blockBytes)
  }
}
