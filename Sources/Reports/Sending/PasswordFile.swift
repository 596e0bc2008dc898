import Foundation

/// A file with a password in its first line.
enum PasswordFile {
  /// Reads the password.
  ///
  /// - Throws: ``ReportTransportError`` when the file cannot be read, is empty, or is not text.
  static func read(_ path: String) throws(ReportTransportError) -> String {
    let data: Data
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      data = try file.read(upToCount: 4096) ?? Data()
    } catch {
      throw ReportTransportError("the password file \(path) cannot be read")
    }
    let line = data.prefix { $0 != 0x0A && $0 != 0x0D }
    guard !line.isEmpty, !line.contains(0), let text = String(data: line, encoding: .utf8) else {
      throw ReportTransportError("the password file \(path) has no password in its first line")
    }
    return text
  }
}
