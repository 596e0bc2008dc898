import Foundation
import Ledger
import TestSupport
import Testing

/// Commands whose standard output is full or closed.
@Suite struct OutputTests {
  private func run(_ command: String) throws -> Program.Result {
    try Program.run("/bin/sh", ["-c", "\"$0\" " + command, Program.plumblinePath])
  }

  @Test(arguments: [">/dev/full", ">&-"])
  func saysThatItCouldNotBeWritten(_ output: String) throws {
    let directory = try TemporaryDirectory()
    let config = try directory.write(
      "milter.socket = 'unix:s'\nledger.database = 'l.sqlite'\n", to: "c.conf")
    let zone = try directory.write("a.example: [{A: 192.0.2.1}]\n", to: "zone.yml")
    let message = try directory.write("From: a@a.example\n\nx\n", to: "m.eml")
    for command in [
      "config example", "config table",
      "config show --config \(config)", "config check --config \(config)",
      "check \(message) --ip 192.0.2.1 --helo h --mail-from '' --zone \(zone)",
    ] {
      let result = try run("\(command) \(output)")
      #expect(result.status == 74, "\(command): \(result.errors)")
      #expect(
        result.errors.hasPrefix("plumbline: standard output cannot be written"), "\(result.errors)")
    }
    // Nothing else got the number of standard output.
    #expect(try String(contentsOfFile: message, encoding: .utf8) == "From: a@a.example\n\nx\n")
  }

  @Test func listsIntoAFullDeviceWithAnError() throws {
    let host = try TemporaryDirectory()
    let config = try host.write("ledger.database = 'l.sqlite'\n", to: "c.conf")
    let store = try SQLiteStore(path: host.path("l.sqlite"))
    try store.append(.test(queueID: "A"))
    store.close()
    let list = "ledger list --config \(config)"
    #expect(try run(list).status == 0)
    for format in ["text", "json"] {
      let result = try run("\(list) --format \(format) >/dev/full")
      #expect(result.status == 74, "\(result.errors)")
      #expect(result.errors.contains("No space left on device"))
    }
  }

  @Test func aClosedStandardInputIsNoMessage() throws {
    let directory = try TemporaryDirectory()
    let zone = try directory.write("a.example: [{A: 192.0.2.1}]\n", to: "zone.yml")
    let result = try run(
      "check - --ip 192.0.2.1 --helo h --mail-from '' --zone \(zone) <&-")
    #expect(result.status == 66, "\(result.output)\(result.errors)")
  }
}
