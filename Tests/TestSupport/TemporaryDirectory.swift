public import Foundation

/// A directory of a test's own, gone when the value is.
///
/// It lies under /tmp and others may pass through it, because the mail system's users have to.
public final class TemporaryDirectory: Sendable {
  /// Where it is.
  public let url: URL

  /// Makes an empty directory, mode 0711.
  ///
  /// - Throws: What the file system says when it cannot.
  public init() throws {
    url = URL(filePath: "/tmp/plumbline-test.\(UUID().uuidString)", directoryHint: .isDirectory)
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
  }

  deinit {
    // Nothing can be done about a directory that will not go, and nothing depends on it.
    try? FileManager.default.removeItem(at: url)
  }

  /// The path of a file in it; the file need not exist.
  public func path(_ name: String) -> String { url.appending(path: name).path }

  /// Writes a file into it and returns its path.
  ///
  /// - Throws: What the file system says when it cannot.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: url.appending(path: name))
    return path(name)
  }

  /// Makes a directory in it and returns its path.
  ///
  /// - Throws: What the file system says when it cannot.
  @discardableResult
  public func makeDirectory(_ name: String, permissions: Int = 0o755) throws -> String {
    let attributes: [FileAttributeKey: Any] = [.posixPermissions: permissions]
    try FileManager.default.createDirectory(
      at: url.appending(path: name), withIntermediateDirectories: true, attributes: attributes)
    // The umask applies at creation only.
    try FileManager.default.setAttributes(attributes, ofItemAtPath: path(name))
    return path(name)
  }
}
