import Foundation
import TestSupport

/// The files that `prepare` makes and `run` reads: a folder for each mix.
///
/// A mix has `messages.tsv`, a line for each message in the order in which they are sent (file,
/// reverse-path, recipient, what the results have to say), and `clients.tsv` with the hosts that send
/// them (name, address).
struct Corpus {
  /// One line of `messages.tsv`.
  struct Letter {
    /// The message's file, relative to the corpus.
    var file: String
    /// The reverse-path.
    var mailFrom: String
    /// The forward-path.
    var recipient: String
    /// What Authentication-Results have to contain, once for each time it is named.
    var expected: [String]
  }

  /// A host that sends.
  struct Client {
    /// Its name, also in HELO.
    var name: String
    /// Its address.
    var address: String
  }

  /// Where the files are.
  let directory: URL

  init(_ path: String) { directory = URL(filePath: path, directoryHint: .isDirectory) }

  func write(_ octets: [UInt8], to file: String) throws {
    let url = directory.appending(path: file)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(octets).write(to: url)
  }

  func write(letters: [Letter], clients: [Client], mix: String) throws {
    let lines = letters.map {
      "\($0.file)\t\($0.mailFrom)\t\($0.recipient)\t\($0.expected.joined(separator: " "))\n"
    }
    try write(Array(lines.joined().utf8), to: "\(mix)/messages.tsv")
    let hosts = clients.map { "\($0.name)\t\($0.address)\n" }
    try write(Array(hosts.joined().utf8), to: "\(mix)/clients.tsv")
  }

  func letters(of mix: String) throws -> [Letter] {
    try rows(of: "\(mix)/messages.tsv", columns: 4).map {
      Letter(
        file: $0[0], mailFrom: $0[1], recipient: $0[2],
        expected: $0[3].split(separator: " ").map(String.init))
    }
  }

  func clients(of mix: String) throws -> [Client] {
    try rows(of: "\(mix)/clients.tsv", columns: 2).map { Client(name: $0[0], address: $0[1]) }
  }

  func octets(of file: String) throws -> [UInt8] {
    Array(try Data(contentsOf: directory.appending(path: file)))
  }

  private func rows(of file: String, columns: Int) throws -> [[String]] {
    let text = String(decoding: try octets(of: file), as: UTF8.self)
    let rows = text.split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    guard !rows.isEmpty, rows.allSatisfy({ $0.count == columns }) else {
      throw FixtureError("\(file): lines of \(columns) columns are needed")
    }
    return rows
  }
}
