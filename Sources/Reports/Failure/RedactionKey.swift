import Foundation

/// The secret that redaction depends on: whoever has it can find out local parts by trying.
public struct RedactionKey: Sendable, Equatable {
  /// 32 octets.
  let octets: [UInt8]

  private static let size = 32

  /// Makes a key from 32 octets; nil for any other count.
  public init?(_ octets: [UInt8]) {
    guard octets.count == Self.size else { return nil }
    self.octets = octets
  }

  /// Reads the key from a file; makes the file, mode 0600, when there is none.
  ///
  /// The file holds 64 hexadecimal digits and a line end. Removing it makes a new key: then the same
  /// local part looks different from before.
  ///
  /// - Parameter path: The file; its directory must exist.
  /// - Throws: ``RedactionKeyError``.
  public init(path: String) throws(RedactionKeyError) {
    if !FileManager.default.fileExists(atPath: path) { try Self.make(path) }
    let attributes: [FileAttributeKey: Any]
    let content: Data
    do {
      attributes = try FileManager.default.attributesOfItem(atPath: path)
      content = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw RedactionKeyError(path: path, problem: "cannot be read: \(error.localizedDescription)")
    }
    let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
    guard mode & 0o077 == 0 else {
      let shown = String(mode & 0o7777, radix: 8)
      throw RedactionKeyError(
        path: path, problem: "may be read by others (mode 0\(shown)); chmod it to 0600")
    }
    guard let octets = Self.octets(Array(content)), let key = RedactionKey(octets) else {
      throw RedactionKeyError(
        path: path,
        problem: "does not hold 64 hexadecimal digits; remove it, and a new one is made")
    }
    self = key
  }

  /// Writes a new key beside its place and links it there, so that no reader sees half of it and of
  /// two programs that do this at once one wins.
  private static func make(_ path: String) throws(RedactionKeyError) {
    guard let octets = LibOpenSSL.random(size) else {
      throw RedactionKeyError(path: path, problem: "cannot be made: no random octets")
    }
    let text = octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\n"
    let files = FileManager.default
    let draft = path + "." + UUID().uuidString
    defer { try? files.removeItem(atPath: draft) }
    guard
      files.createFile(
        atPath: draft, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else {
      throw RedactionKeyError(
        path: path, problem: "cannot be made; its directory must exist and be writable")
    }
    do {
      try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: draft)
      try files.linkItem(atPath: draft, toPath: path)
    } catch {
      guard !files.fileExists(atPath: path) else { return }  // Somebody else was faster.
      throw RedactionKeyError(path: path, problem: "cannot be made: \(error.localizedDescription)")
    }
  }

  private static func octets(_ content: [UInt8]) -> [UInt8]? {
    let digits = content.last == 0x0A ? content.dropLast() : content[...]
    guard digits.count == 2 * size else { return nil }
    var octets: [UInt8] = []
    var rest = digits
    while let high = rest.popFirst(), let low = rest.popFirst() {
      guard let octet = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16) else {
        return nil
      }
      octets.append(octet)
    }
    return octets
  }
}

/// Why the key for redaction cannot be used.
public struct RedactionKeyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file.
  public var path: String
  /// What is wrong with it, and what to do.
  public var problem: String

  /// The file and what is wrong with it.
  public var description: String { "the redaction key \(path) \(problem)" }
}
