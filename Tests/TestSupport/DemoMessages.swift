public import Foundation

/// Where the package's own files are.
public enum PackageRoot {
  /// The directory that holds Package.swift.
  public static let url = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}

/// A message of `conf/demo` and the way it is sent.
public struct DemoMessage: Sendable, CustomStringConvertible {
  /// The file's name in `conf/demo`.
  public let file: String
  /// The client's address.
  public let client: String
  /// The HELO name.
  public let helo: String
  /// The reverse-path without angle brackets; empty for the null sender.
  public let mailFrom: String
  /// The forward-path without angle brackets.
  public let recipient: String

  /// The file's name.
  public var description: String { file }

  /// The folder that holds the messages, their list and their zone.
  public static let directory = PackageRoot.url.appending(path: "conf/demo")

  /// The zone file by which they are judged.
  public static let zonePath = directory.appending(path: "zone.yml").path

  /// All of them, in the order in which the demo sends them.
  ///
  /// - Throws: ``FixtureError`` for a damaged list, or what the file system says.
  public static func all() throws -> [DemoMessage] {
    let list = try String(contentsOf: directory.appending(path: "messages.tsv"), encoding: .utf8)
    return try list.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard columns.count == 6 else { throw FixtureError("messages.tsv: \(line)") }
      return DemoMessage(
        file: columns[0], client: columns[1], helo: columns[2],
        mailFrom: columns[3] == "<>" ? "" : columns[3], recipient: columns[4])
    }
  }

  /// The message's octets, with the repository's LF line ends.
  ///
  /// - Throws: What the file system says.
  public func bytes() throws -> [UInt8] {
    [UInt8](try Data(contentsOf: Self.directory.appending(path: file)))
  }
}
