import Glibc

/// Why a file could not be written: a fault of the place, not of the report.
///
/// Every other report would meet it as well, so a build ends with it.
public struct CannotWriteReport: Error, Equatable, CustomStringConvertible {
  /// The file or directory.
  public var path: String
  /// The system's error number.
  public var code: Int32

  /// What is wrong, where, and what to do.
  public var description: String {
    "cannot write \(path): \(Self.words(code))"
      + (code == ENOSPC || code == EDQUOT ? "; make room and build again" : "")
  }

  private static func words(_ code: Int32) -> String {
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
  }
}

/// A report on disk, from a temporary name to its final one.
struct ReportFile {
  /// File systems here take 255 octets, of which the additions of this type need up to 14.
  private static let longestName = 240

  /// Where it ends up.
  let path: String
  /// Where it is written; in the same directory, so that renaming is atomic.
  let temporaryPath: String
  private let directory: String
  private let name: String

  init(directory: String, name: String) {
    self.directory = directory
    self.name = Self.storedName(of: name)
    path = directory + "/" + self.name
    temporaryPath = directory + "/." + self.name + ".\(getpid()).part"
  }

  /// The name on disk of a report: its own, or where no file system takes that, as with two long
  /// domains in it, the last part, which is the report ID.
  static func storedName(of name: String) -> String {
    guard name.utf8.count > longestName else { return name }
    return name.split(separator: "!").last.map(String.init) ?? name
  }

  /// Makes a directory for reports, and those above it, where they do not exist.
  ///
  /// - Throws: ``CannotWriteReport``.
  static func make(directory: String) throws {
    var path = directory.hasPrefix("/") ? "" : "."
    for part in directory.split(separator: "/") {
      path += "/\(part)"
      guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST else {
        throw CannotWriteReport(path: path, code: errno)
      }
    }
  }

  /// Writes the compressed file under its temporary name; `body` gets a sink for the octets.
  ///
  /// - Throws: ``CannotWriteReport``, and what `body` throws.
  func write(_ body: (@escaping ([UInt8]) throws -> Void) throws -> Void) throws {
    let file = unsafe open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure(temporaryPath) }
    do {
      let gzip = try GzipWriter { try write($0, to: file) }
      try body { try gzip.write($0) }
      try gzip.finish()
    } catch {
      // The first error is the one to tell.
      _ = close(file)
      throw error
    }
    // A full disk may show only here.
    guard close(file) == 0 else { throw failure(temporaryPath) }
  }

  /// Gives the report its final name; an earlier build of the same report is replaced.
  ///
  /// - Throws: ``CannotWriteReport``.
  func publish() throws {
    try rename(temporaryPath, to: path)
    // An earlier refusal no longer holds; usually there was none.
    for leftover in [rejectedPath, reasonPath, earlierPath] { _ = unsafe unlink(leftover) }
  }

  /// Sets the report aside with the reason, and with it an earlier build of the same report: what
  /// can no longer be built like that must not be sent either.
  ///
  /// - Returns: Where it is now; nil when it has not been written.
  /// - Throws: ``CannotWriteReport``.
  func reject(_ reason: String) throws -> String? {
    let rejected = directory + "/rejected"
    guard unsafe mkdir(rejected, 0o755) == 0 || errno == EEXIST else { throw failure(rejected) }
    if unsafe access(path, F_OK) == 0 { try rename(path, to: earlierPath) }
    let file = unsafe open(reasonPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure(reasonPath) }
    defer { close(file) }
    try write(Array((reason + "\n").utf8)[...], to: file)
    guard unsafe access(temporaryPath, F_OK) == 0 else { return nil }
    try rename(temporaryPath, to: rejectedPath)
    return rejectedPath
  }

  /// Removes what was written under the temporary name, if anything was.
  func discard() { _ = unsafe unlink(temporaryPath) }

  /// Waits until everything written to a directory is durable.
  ///
  /// Once for all files: waiting for each of thousands takes longer than building them.
  ///
  /// - Throws: ``CannotWriteReport``.
  static func synchronize(directory: String) throws {
    sync()
    // That tells nothing; this does, of the names at least.
    let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CannotWriteReport(path: directory, code: errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw CannotWriteReport(path: directory, code: errno) }
  }

  private var rejectedPath: String { directory + "/rejected/" + name }
  // In front, so that the endings tell apart what is in a file.
  private var earlierPath: String { directory + "/rejected/earlier-" + name }
  private var reasonPath: String { rejectedPath + ".txt" }

  private func write(_ octets: ArraySlice<UInt8>, to file: Int32) throws {
    var rest = octets
    while !rest.isEmpty {
      let written = unsafe rest.withUnsafeBytes { octets in
        unsafe Glibc.write(file, octets.baseAddress, octets.count)
      }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw failure(temporaryPath) }
      rest = rest.dropFirst(written)
    }
  }

  private func rename(_ source: String, to target: String) throws {
    guard unsafe Glibc.rename(source, target) == 0 else { throw failure(target) }
  }

  private func failure(_ path: String) -> CannotWriteReport {
    CannotWriteReport(path: path, code: errno)
  }
}
