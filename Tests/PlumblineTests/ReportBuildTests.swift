import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport
import Testing

/// `plumbline report build` as a program.
@Suite struct ReportBuildTests {
  private let directory: TemporaryDirectory
  private let config: String

  /// A ledger with messages of several days, on two of which clocks change in Newfoundland.
  init() throws {
    directory = try TemporaryDirectory()
    config = try directory.write(
      """
      [milter]
      authserv_id = "mx.receiver.example"
      [ledger]
      database = "ledger.sqlite"
      """, to: "plumbline.conf")
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    for day in Self.days {
      let begin = try #require(UTCDay(day)).begin
      // Both ends, what lies beyond them, and every half hour between.
      for second in [-1, 86_399, 86_400] + stride(from: Int64(0), to: 86_400, by: 1_800) {
        try store.append(.test(queueID: "\(day) \(second)", at: begin + second))
      }
    }
    store.close()
  }

  private static let days = ["2026-03-08", "2026-11-01", "2026-11-20"]

  private func build(
    _ day: String, _ more: [String] = [], zone: String = "UTC", into name: String
  ) throws -> Program.Result {
    try Program.run(
      "/usr/bin/env",
      [
        "TZ=\(zone)", Program.plumblinePath, "report", "build", "--config", config, "--day", day,
        "--out", directory.path(name),
      ] + more)
  }

  private func files(_ name: String) throws -> [String: Data] {
    let path = directory.path(name)
    var files: [String: Data] = [:]
    for file in try FileManager.default.contentsOfDirectory(atPath: path) {
      files[file] = try Data(contentsOf: URL(filePath: "\(path)/\(file)"))
    }
    return files
  }

  @Test(arguments: ["Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"])
  func buildsTheSameBytesInEveryTimeZone(_ zone: String) throws {
    let offset = try Program.run("/usr/bin/env", ["TZ=\(zone)", "date", "+%z"]).output
    try #require(offset.hasPrefix("+0000") == false, "this system does not know \(zone)")
    for day in Self.days {
      #expect(try build(day, into: "utc-\(day)").status == 0)
      let local = try build(day, zone: zone, into: "local-\(day)")
      #expect(local.status == 0)
      #expect(local.output.hasSuffix("\(day): 1 report built, 0 rejected, 49 messages\n"))
      #expect(try files("local-\(day)") == files("utc-\(day)"))
    }
  }

  @Test func buildsTheOldFormWhenAsked() throws {
    let result = try build("2026-11-20", ["--form", "rfc7489"], into: "old")
    #expect(result.status == 0)
    let name = try #require(try files("old").keys.first)
    let text = try Program.run("/bin/gzip", ["-dc", directory.path("old") + "/" + name]).output
    #expect(text.contains("<feedback>"))
    #expect(text.contains("<pct>100</pct>"))
    let wrong = try build("2026-11-20", ["--form", "rfc1"], into: "wrong")
    #expect(wrong.status == 64)
  }

  @Test func namesTheFileThatCannotBeWritten() throws {
    #expect(try build("2026-11-20", into: "out").status == 0)
    let name = try #require(try files("out").keys.first)
    let path = directory.path("taken") + "/" + name
    try FileManager.default.createDirectory(
      atPath: path + "/x", withIntermediateDirectories: true)
    let result = try build("2026-11-20", into: "taken")
    #expect(result.status == 73)
    #expect(result.errors == "plumbline: cannot write \(path): Is a directory\n")
    #expect(!result.output.contains("rejected"))
  }
}
