import Foundation
import Testing

@testable import Lab
@testable import plumbline

/// The scenarios that come with the program: each plays as its file says.
@Suite struct ShippedScenariosTests {
  static let directory = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("conf/lab").path

  static let files: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.filter { $0.hasSuffix(".yml") }.sorted()
  }()

  private static let runner = LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed))

  private static func scenario(_ file: String) throws -> Scenario {
    try Scenario(contentsOf: "\(directory)/\(file)", configurator: LabConfigurator())
  }

  /// The first 44 numbers are the catalogue of indirect mail and of broken records; a letter behind
  /// a number is a variation.
  @Test(arguments: 1...44) func haveEveryNumber(_ number: Int) {
    let prefix = number < 10 ? "0\(number)-" : "\(number)-"
    #expect(Self.files.count { $0.hasPrefix(prefix) } == 1)
  }

  @Test func haveTheOtherGroups() {
    #expect(Self.files.count { $0.hasPrefix("arc-") } >= 10)
    #expect(Self.files.count { $0.hasPrefix("ask-") } >= 4)
    let known = Self.files.filter { file in
      file.first?.isNumber == true || ["arc-", "ask-", "dns-"].contains { file.hasPrefix($0) }
    }
    #expect(known == Self.files)
  }

  @Test func titlesAreUnique() throws {
    let titles = try Self.files.map { try Self.scenario($0).title }
    #expect(Dictionary(grouping: titles) { $0 }.filter { $1.count > 1 }.keys.sorted() == [])
  }

  @Test(arguments: files) func playsAsExpected(_ file: String) throws {
    let run = try Self.runner.run(try Self.scenario(file))
    #expect(run.differences.map(\.text) == [])
    #expect(!run.receipts.isEmpty)
  }

  @Test(arguments: files) func isDocumented(_ file: String) throws {
    let scenario = try Self.scenario(file)
    #expect(scenario.title.count > 10 && !scenario.title.hasSuffix("."))
    #expect(scenario.why.hasSuffix(".") && scenario.why.count > 30)
  }

  @Test func everyHopIsShown() throws {
    let words = try Set(
      Self.files.flatMap { try Self.scenario($0).hops.map(\.action.word) })
    #expect(Set(Hop.Action.words).subtracting(words).sorted() == [])
  }

  /// What can be said of hops and the DNS, as it stands in files.
  @Test(arguments: [
    "rsa-2048", "rsa-1024", "ed25519", "KEY: {key: author, tags:", "DELAY:", "[TIMEOUT]",
    "[SERVFAIL]", "[REFUSED]", "canonicalization:", "headers: [", "oversign: [", "oversign: none",
    "body_length:", "expires:", "delivered_to:", "srs:", "address: users@", "subject_tag:",
    "footer:", "envelope_from: users", "from: munge", "from: invalid", "rewrite_links:",
    "disclaimer:", "quoted_printable:", "times:", "broken: ams", "broken: as",
    "broken: missing_instance", "broken: cv_fail", "claims:", "config: {milter.", "mail_from:",
    "rcpt:", "helo: localhost", "as: ", "at: ", "not reached", "answer: hold", "answer: tempfail",
    "answer: reject", "report: none", "report_to: none", "report_to: later", "removes:",
  ])
  func everyWordIsShown(_ word: String) throws {
    let isShown = try Self.files.contains { file in
      try String(contentsOfFile: "\(Self.directory)/\(file)", encoding: .utf8).contains(word)
    }
    #expect(isShown)
  }

  /// New keys change no output: nothing in a run depends on them.
  @Test func newKeysGiveTheSameRuns() throws {
    let files = Self.files.filter { file in
      ["09-", "10", "arc-replay"].contains { file.hasPrefix($0) }
    }
    let other = LabRunner(configurator: LabConfigurator(), keys: KeyStock(.new))
    for file in files {
      let scenario = try Self.scenario(file)
      let first = try LabJSON.text(of: [try Self.runner.run(scenario)])
      #expect(first == (try LabJSON.text(of: [try other.run(scenario)])), "\(file)")
      #expect(!first.contains("header.b="))
    }
  }
}
