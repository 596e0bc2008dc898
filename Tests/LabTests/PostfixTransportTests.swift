import Foundation
import TestSupport
import Testing

@testable import Lab
@testable import plumbline

/// Stories through real Postfix hosts.
@Suite(.enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct PostfixTransportTests {
  /// An alias, a list whose milter seals, a refusal with forged fields, a replay.
  @Test(
    arguments: [
      "03-alias-unsigned", "09-list-sealed-trusted", "36-forged-results",
      "arc-replay-under-a-trusted-seal",
    ])
  func hostsFindWhatMemoryFinds(_ name: String) throws {
    let result = try Program.run(
      Program.plumblinePath,
      ["lab", "run", "--postfix", "\(ShippedScenariosTests.directory)/\(name).yml"])
    #expect(result.status == 0, "\(result.output)\(result.errors)")
    #expect(result.output.hasSuffix("1 scenario, all as expected\n"))
  }

  @Test func aDifferenceIsAFailure() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write(
      ScenarioFormatTests.replacing("spf: pass", "spf: softfail"), to: "wrong.yml")
    let result = try Program.run(Program.plumblinePath, ["lab", "run", "--postfix", path])
    #expect(result.status == 1)
    #expect(result.output.contains("softfail of example.com"))
    #expect(result.output.hasSuffix("1 scenario, 1 not as expected\n"))
  }

  @Test func saysWhyAStoryIsSkipped() throws {
    let path = ShippedScenariosTests.directory + "/dns-key-too-late.yml"
    let result = try Program.run(Program.plumblinePath, ["lab", "run", "--postfix", path])
    #expect(result.status == 0)
    #expect(result.output.contains("in memory only: Its DNS answers come late"))
    #expect(result.output.hasSuffix("1 scenario, 1 skipped, all as expected\n"))
  }

  /// Killed in the middle, a run leaves neither processes nor files.
  @Test(arguments: ["--postfix", "--netns"]) func leavesNothingWhenKilled(_ flag: String) throws {
    let program = try Program(
      Program.plumblinePath,
      ["lab", "run", flag, ShippedScenariosTests.directory])
    let marker = "/tmp/plumbline-lab."
    func directories() throws -> Set<String> {
      Set(
        try FileManager.default.contentsOfDirectory(atPath: "/tmp")
          .filter { "/tmp/\($0)".hasPrefix(marker) })
    }
    var own: String?
    try waitUntil("a host of the run") {
      guard program.isRunning else { throw FixtureError("it ended: \(program.errors)") }
      let children = Self.commandLines(ofChildrenOf: program.processID)
      own = try directories().first { name in
        children.contains { $0.contains("/tmp/\(name)") }
          && FileManager.default.fileExists(atPath: "/tmp/\(name)/story-1/1/mail.log")
      }
      return own != nil
    }
    let name = try #require(own)
    program.signal(SIGKILL)
    try waitUntil("the run's directory to go") { try !directories().contains(name) }
    try waitUntil("the run's processes to go") { !Self.processes(with: name) }
  }

  private static func commandLines(ofChildrenOf parent: Int32) -> [String] {
    processIDs.compactMap { id in
      guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8),
        status.contains("PPid:\t\(parent)\n")
      else { return nil }
      return try? String(contentsOfFile: "/proc/\(id)/cmdline", encoding: .utf8)
    }
  }

  /// Whether a process has the name in its command line or environment, as Postfix and milters do.
  private static func processes(with name: String) -> Bool {
    processIDs.contains { id in
      ["cmdline", "environ"].contains { file in
        // A process may end while it is looked at.
        let data = FileManager.default.contents(atPath: "/proc/\(id)/\(file)") ?? Data()
        return String(decoding: data, as: UTF8.self).contains(name)
      }
    }
  }

  private static var processIDs: [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }
  }
}
