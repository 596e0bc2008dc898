import Foundation
import Glibc

/// A report on disk, from a temporary name to its final one.
struct ReportFile {
  /// Where it ends up.
  let path: String
  /// Where it is written; in the same directory, so that renaming is atomic.
  let temporaryPath: String
  private let directory: String
  private let name: String

  init(directory: String, name: String) {
    self.directory = directory
    self.name = name
    path = directory + "/" + name
    temporaryPath = directory + "/." + name + ".\(getpid()).part"
  }

  /// Writes the compressed file under its temporary name; `body` gets a sink for the octets.
  func write(_ body: (@escaping ([UInt8]) throws -> Void) throws -> Void) throws {
    guard FileManager.default.createFile(atPath: temporaryPath, contents: nil),
      let file = FileHandle(forWritingAtPath: temporaryPath)
    else { throw ReportError.cannotWrite(path: temporaryPath, reason: lastSystemError()) }
    do {
      let gzip = try GzipWriter(file)
      try body { try gzip.write($0) }
      try gzip.finish()
    } catch {
      // The first error is the one to tell; the file is set aside anyway.
      try? file.close()
      throw error
    }
    try file.close()
  }

  /// Gives the report its final name; an earlier build of the same report is replaced.
  func publish() throws {
    try rename(temporaryPath, to: path)
    for leftover in [rejectedPath, reasonPath] {
      // An earlier refusal no longer holds; usually there was none.
      try? FileManager.default.removeItem(atPath: leftover)
    }
  }

  /// Sets the report aside with the reason.
  ///
  /// - Returns: Where it is now; nil when there is nothing to set aside or it cannot be done.
  func reject(_ reason: String) -> String? {
    let files = FileManager.default
    do {
      try files.createDirectory(
        atPath: directory + "/rejected", withIntermediateDirectories: true)
      try Data((reason + "\n").utf8).write(to: URL(fileURLWithPath: reasonPath))
      try rename(temporaryPath, to: rejectedPath)
      return rejectedPath
    } catch {
      // The caller tells the reason in any case; what cannot be kept is removed.
      try? files.removeItem(atPath: temporaryPath)
      return nil
    }
  }

  private var rejectedPath: String { directory + "/rejected/" + name }
  private var reasonPath: String { rejectedPath + ".txt" }

  private func rename(_ source: String, to target: String) throws {
    guard unsafe Glibc.rename(source, target) == 0 else {
      throw ReportError.cannotWrite(path: target, reason: lastSystemError())
    }
  }

  private func lastSystemError() -> String {
    let code = errno
    return unsafe String(cString: strerror(code))
  }
}
