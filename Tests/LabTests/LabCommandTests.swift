import Foundation
import TestSupport
import Testing

/// `plumbline lab` as a person calls it.
@Suite struct LabCommandTests {
  private static func lab(_ arguments: String...) throws -> Program.Result {
    try Program.run(Program.plumblinePath, ["lab"] + arguments)
  }

  /// A directory with three of the shipped scenarios.
  private static func few() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    for name in ["01-direct.yml", "06-list-tag-and-footer.yml", "11-gateway-then-inner-check.yml"] {
      let text = try String(
        contentsOfFile: "\(ShippedScenariosTests.directory)/\(name)", encoding: .utf8)
      try directory.write(text, to: name)
    }
    return directory
  }

  private static let wrong = ScenarioFormatTests.replacing("spf: pass", "spf: softfail")

  @Test func endsWithZeroWhenAllIsAsExpected() throws {
    let directory = try Self.few()
    let result = try Self.lab("run", directory.path(""))
    #expect(result.status == 0, "\(result.errors)\(result.output.suffix(500))")
    #expect(result.output.contains("receiver  SPF"))
    #expect(!result.output.contains("\u{1B}["))
    #expect(result.output.hasSuffix("3 scenarios, all as expected\n"))
  }

  @Test func endsWithOneAndNamesTheDifference() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(Self.wrong, to: "wrong.yml")
    let result = try Self.lab("run", path)
    #expect(result.status == 1)
    #expect(
      result.output.contains("SPF      softfail of example.com  pass of example.com (matched)  24"))
    #expect(result.output.hasSuffix("1 scenario, 1 not as expected\n"))
  }

  @Test func tellsTheMistakesOfAllFiles() throws {
    let directory = try TemporaryDirectory()
    try directory.write("titel: x\n", to: "a.yml")
    try directory.write(ScenarioFormatTests.good, to: "b.yml")
    try directory.write(
      ScenarioFormatTests.replacing("- sign:", "- sing:"), to: "c.yml")
    let result = try Self.lab("run", directory.path(""))
    #expect(result.status == 65)
    #expect(result.output.isEmpty)
    #expect(result.errors.contains("a.yml:1: unknown word"))
    #expect(result.errors.contains("c.yml:20: unknown hop"))
  }

  @Test func playsWhatShipsWhenNothingIsNamed() throws {
    let directory = try TemporaryDirectory()
    func run() throws -> Program.Result {
      try Program.run(
        "/bin/sh", ["-c", "cd \(directory.path("")) && exec \(Program.plumblinePath) lab run"])
    }
    let nothing = try run()
    #expect(nothing.status == 66)
    #expect(nothing.errors.contains("share/plumbline/lab; name a file"), "\(nothing.errors)")
    try directory.makeDirectory("conf/lab")
    try directory.write(ScenarioFormatTests.good, to: "conf/lab/a.yml")
    #expect(try run().output.hasSuffix("1 scenario, all as expected\n"))
  }

  @Test func refusesEqualTitles() throws {
    let directory = try TemporaryDirectory()
    let first = try directory.write(ScenarioFormatTests.good, to: "a.yml")
    try directory.write(ScenarioFormatTests.good, to: "b.yml")
    let result = try Self.lab("run", directory.path(""))
    #expect(result.status == 65)
    #expect(result.errors.contains("b.yml: the title \"A story\" is that of"))
    // One file that is named twice is one scenario.
    #expect(try Self.lab("run", first, first).output.hasSuffix("1 scenario, all as expected\n"))
  }

  @Test func endsWith66WhereThereIsNothing() throws {
    let directory = try TemporaryDirectory()
    #expect(try Self.lab("run", directory.path("absent.yml")).status == 66)
    #expect(try Self.lab("run", directory.path("")).status == 66)
  }

  @Test func writesJSON() throws {
    let directory = try Self.few()
    let result = try Self.lab("run", "--format", "json", directory.path(""))
    let runs = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
    #expect(runs.count == 3)
    #expect(runs.allSatisfy { ($0["receipts"] as? [Any])?.isEmpty == false })
    #expect(!result.output.contains("PRIVATE KEY"))
  }

  @Test func writesJUnit() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      Self.wrong.replacing("A story", with: "A <story> & more"), to: "wrong.yml")
    let result = try Self.lab("run", "--format", "junit", path)
    #expect(result.status == 1)
    #expect(result.output.contains("name=\"A &lt;story&gt; &amp; more\" file="))
    #expect(
      result.output.contains(
        "message=\"receiver: SPF: expected softfail of example.com, found pass of example.com (matched)\""
      ))
    #expect(result.output.contains("classname=\"lab.wrong\""))
    #expect(result.output.contains("wrong.yml:24: receiver: SPF: expected softfail"))
    let parsed = try Program.run(
      "/usr/bin/python3", ["-c", Self.parse], input: Data(result.output.utf8))
    #expect(parsed.status == 0, "\(parsed.errors)")
  }

  private static let parse = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.stdin)"

  @Test func writesMarkdown() throws {
    let directory = try Self.few()
    let result = try Self.lab("run", "--format", "markdown", directory.path(""))
    #expect(result.output.contains("| receiver | SPF | DKIM | ARC | DMARC | disposition | why |"))
    #expect(result.output.contains("## A company sends its own mail"))
  }

  @Test func fixedKeysGiveTheSameOutput() throws {
    let arguments = ["lab", "run", "--fixed-keys", "--format", "json"]
    let path = ShippedScenariosTests.directory + "/09-list-sealed-trusted.yml"
    let first = try Program.run(Program.plumblinePath, arguments + [path]).output
    #expect(first == (try Program.run(Program.plumblinePath, arguments + [path]).output))
  }

  @Test func showsWhatWouldChange() throws {
    let path = ShippedScenariosTests.directory + "/10-list-sealed-untrusted.yml"
    let result = try Self.lab(
      "what-if", path, "--set", "arc.trusted_sealers=lists.example.net")
    #expect(result.status == 0, "\(result.errors)")
    let changed = result.output.split(separator: "\n").filter { $0.hasSuffix("<--") }
    #expect(
      changed.map { $0.split(separator: " ").first.map(String.init) }
        == ["disposition", "why", "report"])
    let several = try Self.lab(
      "what-if", path, ShippedScenariosTests.directory + "/01-direct.yml", "--set",
      "arc.trusted_sealers=lists.example.net")
    #expect(several.output.hasSuffix("1 of 2 scenarios change.\n"))
    #expect(!several.output.contains("01-direct"))
    let same = try Self.lab("what-if", path, "--set", "policy.enforce=reject")
    #expect(same.output.hasSuffix("Nothing changes.\n"))
  }

  @Test(arguments: [
    ("policy.enforced=reject", "did you mean \"policy.enforce\"?"), ("policy.enforce", "KEY=VALUE"),
    ("policy.enforce=always", "is not known"), ("ledger.database=x", "changes nothing in the lab"),
  ])
  func refusesSettingsThatAreNone(_ setting: String, _ problem: String) throws {
    let result = try Self.lab(
      "what-if", ShippedScenariosTests.directory + "/01-direct.yml", "--set", setting)
    #expect(result.status == 64)
    #expect(result.errors.contains(problem), "\(result.errors)")
  }

  /// A list breaks the signature, a strict receiver refuses, and the next host gets nothing.
  @Test func showsWhoGetsNothingAnyMore() throws {
    let path = ShippedScenariosTests.directory + "/arc-replay-under-a-trusted-seal.yml"
    let result = try Self.lab(
      "what-if", path, "--set", "arc.trusted_sealers=gateway.example", "--set",
      "policy.spare_mailing_lists=false")
    let answer = result.output.split(separator: "\n").first { $0.hasPrefix("answer ") }
    #expect(answer?.contains(" reject ") == true)
    #expect(result.output.contains("does not get it"))
  }
}
