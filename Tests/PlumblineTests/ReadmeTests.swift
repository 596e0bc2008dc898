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
      // There are other tables with keys.
      let heading = try #require(lines.firstIndex(of: "## Configuration"))
      let first = try #require(lines[heading...].firstIndex { $0.hasPrefix("| key | type |") })
      let end = try #require(lines[first...].firstIndex { !$0.hasPrefix("|") })
      text = (lines[..<first] + [Substring(table.dropLast())] + lines[end...])
        .joined(separator: "\n")
      try text.write(to: Self.url, atomically: true, encoding: .utf8)
    }
    #expect(text.contains("\n\n\(table)\n"))
    #expect(text.components(separatedBy: "| key | type |").count == 2, "the table is there once")
  }

  @Test func explainsEachKeyOfARowThatInspectPrints() throws {
    let directory = try TemporaryDirectory()
    let report = try directory.write(
      """
      <feedback><report_metadata><org_name>o</org_name><report_id>1</report_id>
      <date_range><begin>1</begin><end>2</end></date_range></report_metadata>
      <policy_published><domain>example.com</domain><p>none</p></policy_published>
      <record><row><source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated>
      <disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
      <identifiers><header_from>example.com</header_from></identifiers><auth_results>
      <spf><domain>example.com</domain><result>fail</result></spf></auth_results></record>
      </feedback>
      """, to: "report.xml")
    let run = try Program.run(Program.plumblinePath, ["inspect", "--format", "json", report])
    let printed = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let first = try #require((printed as? [[String: Any]])?.first, "\(run.errors)")
    let row = try #require((first["rows"] as? [[String: Any]])?.first)
    let readme = try String(contentsOf: Self.url, encoding: .utf8)
    let start = try #require(readme.range(of: "| key | what |\n|---|---|\n")).upperBound
    let cells = readme[start...].split(separator: "\n\n", maxSplits: 1)[0]
      .split(separator: "\n").compactMap { $0.split(separator: "|").first }
    let names = cells.flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
    #expect(Set(names) == Set(row.keys))
    #expect(names.count == row.count)
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
