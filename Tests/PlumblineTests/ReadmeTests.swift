import Foundation
import TestSupport
import Testing

@testable import plumbline

/// What README.md shows is what the program does.
@Suite struct ReadmeTests {
  private static let url = PackageRoot.url.appending(path: "README.md")

  @Test func holdsTheTableOfConfigurationKeys() throws {
    let table = ConfigurationText.markdownTable
    var text = try String(contentsOf: Self.url, encoding: .utf8)
    if ProcessInfo.processInfo.environment["PLUMBLINE_UPDATE_GOLDEN"] == "1" {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let section = try #require(lines.firstIndex(of: "## Configuration"))
      let first = try #require(lines[section...].firstIndex { $0.hasPrefix("| key | type |") })
      let end = try #require(lines[first...].firstIndex { !$0.hasPrefix("|") })
      text = (lines[..<first] + [Substring(table.dropLast())] + lines[end...])
        .joined(separator: "\n")
      try text.write(to: Self.url, atomically: true, encoding: .utf8)
    }
    #expect(text.split(separator: "\n\n\(table)\n").count == 2)
  }

  /// The block behind the `plumbline check` command, line by line; `...` stands for any lines.
  @Test func showsWhatCheckPrints() throws {
    let readme = try String(contentsOf: Self.url, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(readme.firstIndex { $0.hasPrefix("    plumbline check ") })
    let block = readme[start...].prefix { $0.isEmpty || $0.hasPrefix("    ") }.map {
      $0.dropFirst(4)
    }
    let commandEnd = try #require(block.firstIndex { !$0.hasSuffix("\\") })
    let words = block[...commandEnd].flatMap { $0.split(separator: " ") }.filter { $0 != "\\" }

    let demo = PackageRoot.url.path + "/"
    let arguments = words.dropFirst().map { $0.hasPrefix("conf/") ? demo + $0 : String($0) }
    let run = try Program.run(Program.plumblinePath, arguments)
    #expect(run.status == 0, "\(run.errors)")
    var printed = run.output.split(separator: "\n").map(String.init)[...]
    let shown = block[(commandEnd + 1)...].filter { !$0.isEmpty && $0 != "..." }
    #expect(shown.count > 10)
    for line in shown {
      let found = try #require(printed.firstIndex(of: String(line)), "not printed: \(line)")
      printed = printed[(found + 1)...]
    }
  }
}
