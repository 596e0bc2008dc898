import TestSupport
import Testing

@testable import Lab
@testable import plumbline

/// What a run looks like on terminals of several widths.
@Suite struct LabTextTests {
  private static func run(_ text: String) throws -> LabRun {
    let scenario = try Scenario(text, path: "x.yml", configurator: LabConfigurator())
    return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
  }

  private static func shipped(_ names: String...) throws -> [LabRun] {
    try names.map { name in
      let scenario = try Scenario(
        contentsOf: "\(ShippedScenariosTests.directory)/\(name).yml",
        configurator: LabConfigurator())
      return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
    }
  }

  @Test func linesFitTheTerminal() throws {
    var runs = try Self.shipped(
      "06-list-tag-and-footer", "11-gateway-then-inner-check", "arc-5-sealers-trusted",
      "arc-replay-under-a-trusted-seal")
    runs.append(try Self.run(ScenarioFormatTests.replacing("spf: pass", "spf: softfail")))
    for width in [60, 80, 100, 200] {
      let lines = LabText(isColored: false, width: width).text(of: runs).split(separator: "\n")
      #expect(lines.allSatisfy { $0.count <= width }, "\(width)")
      #expect(lines.allSatisfy { $0.last != " " })
    }
  }

  @Test func aWideTerminalShowsReceiversInLines() throws {
    let runs = try Self.shipped("06-list-tag-and-footer")
    let text = LabText(isColored: false, width: 200).text(of: runs)
    #expect(text.contains("receiver  SPF"))
    let narrow = LabText(isColored: false, width: 80).text(of: runs)
    #expect(narrow.contains("\n     SPF          pass lists.example.net\n"))
  }

  @Test func whatDiffersIsRedBesideWhatWasExpected() throws {
    let run = try Self.run(ScenarioFormatTests.replacing("spf: pass", "spf: softfail"))
    let text = LabText(isColored: true, width: 100).text(of: [run])
    #expect(text.contains("\u{1B}[31mpass example.com\u{1B}[0m"))
    #expect(
      text.contains(
        "SPF      \u{1B}[32msoftfail of example.com\u{1B}[0m  "
          + "\u{1B}[31mpass of example.com (matched)\u{1B}[0m  24\n"))
    #expect(!LabText(isColored: false, width: 100).text(of: [run]).contains("\u{1B}"))
  }

  @Test(arguments: [
    ("short", 10, ["short"]),
    ("one two three", 8, ["one two", "  three"]),
    ("users-bounces@lists.example.net", 16, ["users-bounces@", "  lists.example.", "  net"]),
    ("aaaaaaaaaaaaaaaaaaaa", 8, ["aaaaaa", "  aaaaaa", "  aaaaaa", "  aa"]),
    ("", 8, [""]),
  ])
  func wraps(_ text: String, _ width: Int, _ lines: [String]) {
    #expect(TextColumns.wrapped(text, width: width, indent: 2) == lines)
  }
}
