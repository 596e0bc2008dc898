import CArchive
import Glibc
import MailAuth

/// What libarchive says of an archive that it cannot read.
struct LibArchiveError: Error, CustomStringConvertible {
  let doing: String
  let complaint: String
  var description: String { "libarchive: \(doing) failed (\(complaint))" }
}

/// Reads a zip archive that is in memory, entry by entry; the only file of this module that calls
/// libarchive.
///
/// Nothing is written to disk: an entry's name is a label here and never a path.
@safe final class ZipReader {
  /// One entry.
  struct Entry {
    /// The name, any text.
    var name: String
    /// Whether it is a file, rather than a folder or a link.
    var isFile: Bool
  }

  private let archive: OpaquePointer
  // On the heap because libarchive keeps its address.
  private let octets: UnsafeMutableRawBufferPointer

  init(_ octets: [UInt8]) throws {
    guard let archive = unsafe archive_read_new() else {
      throw LibArchiveError(doing: "starting", complaint: "no memory")
    }
    unsafe self.archive = archive
    unsafe self.octets = .allocate(byteCount: max(octets.count, 1), alignment: 1)
    unsafe self.octets.copyBytes(from: octets)
    try check("starting", unsafe archive_read_support_format_zip(archive))
    try check(
      "opening the archive",
      unsafe archive_read_open_memory(archive, self.octets.baseAddress, octets.count))
  }

  deinit {
    _ = unsafe archive_read_free(archive)
    unsafe octets.deallocate()
  }

  /// The next entry; nil at the end.
  func next() throws -> Entry? {
    var entry: OpaquePointer?
    let status = unsafe archive_read_next_header(archive, &entry)
    if status == ARCHIVE_EOF { return nil }
    // A warning is about the entry's times or name.
    if status != ARCHIVE_WARN { try check("reading an entry", status) }
    guard let entry = unsafe entry else { return nil }
    let regularFile: UInt32 = 0o100000
    return Entry(
      name: unsafe text(archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry)),
      isFile: unsafe archive_entry_filetype(entry) == regularFile)
  }

  /// The next octets of the current entry, at most `most`; none at its end.
  func read(_ most: Int) throws -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: most)
    let count = unsafe piece.withUnsafeMutableBytes { target in
      unsafe archive_read_data(archive, target.baseAddress, target.count)
    }
    // Here a warning is a wrong check sum.
    guard count >= 0 else {
      throw LibArchiveError(doing: "uncompressing an entry", complaint: complaint)
    }
    piece.removeLast(most - count)
    return piece
  }

  private func check(_ doing: String, _ status: Int32) throws {
    guard status == ARCHIVE_OK else { throw LibArchiveError(doing: doing, complaint: complaint) }
  }

  private var complaint: String {
    let words = unsafe text(archive_error_string(archive))
    return words.isEmpty ? "no reason given" : words.utf8.printable(limit: 200)
  }

  private func text(_ pointer: UnsafePointer<CChar>?) -> String {
    guard let pointer = unsafe pointer else { return "" }
    let octets = unsafe UnsafeBufferPointer(start: pointer, count: strnlen(pointer, 4_096))
    return String(decoding: unsafe octets.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
