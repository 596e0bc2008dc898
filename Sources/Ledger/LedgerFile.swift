import Foundation
import Glibc

/// What the files beside a ledger have in common.
enum LedgerFile {
  /// Why one cannot be used: what, and the system's reason where it has one.
  struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init(_ what: String, code: Int32) {
      description = unsafe "\(what): \(String(cString: strerror(code)))"
    }
  }

  /// Whether a path leads to an open file, of so many octets at least.
  static func isAt(_ path: String, _ file: Int32, leastSize: UInt64 = 0) -> Bool {
    guard let opened = LibDurableFile.lookUp(file), let named = LibDurableFile.lookUp(path) else {
      return false
    }
    return opened.identity == named.identity && named.size >= leastSize
  }

  /// Gives a file a name that no file has yet.
  ///
  /// Who is killed meanwhile leaves it with both names.
  ///
  /// - Returns: Whether it has that name now; false when another file has it.
  static func rename(_ path: String, to newPath: String) throws(Failure) -> Bool {
    // A hard link does not replace what another process has just put there.
    guard unsafe link(path, newPath) == 0 else {
      if errno == EEXIST { return false }
      throw Failure("\(path) cannot be renamed", code: errno)
    }
    guard unsafe unlink(path) == 0 else { throw Failure("\(path) cannot be removed", code: errno) }
    return true
  }

  /// Makes the names of a file's directory durable.
  static func synchronizeDirectory(of path: String) throws(Failure) {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let file = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { throw Failure("\(directory) cannot be opened", code: errno) }
    defer { close(file) }
    guard fsync(file) == 0 else {
      throw Failure("\(directory) cannot be made durable", code: errno)
    }
  }
}
