import Foundation
import Ledger
import TestSupport
import Testing

@testable import plumbline

@Suite struct ProgressBarTests {
  @Test(arguments: [
    (80, "sending [###############...............] 5 of 10"),
    (36, "sending [########........] 5 of 10"), (20, "5 of 10"), (5, "5 of"),
  ])
  func fitsIntoOneLine(columns: Int, text: String) {
    let bar = ProgressBar.text("sending", 5, of: 10, columns: columns)
    #expect(bar == text)
    #expect(bar.count < columns)
  }

  @Test func neverRunsOver() {
    for columns in 0...120 {
      for done in [-1, 0, 1, 999, 1_000, 2_000] {
        let bar = ProgressBar.text("building", done, of: 1_000, columns: columns)
        #expect(bar.count <= max(columns - 1, 0), "\(columns) \(done)")
      }
    }
  }

  /// `script` of util-linux runs a program on a pseudo-terminal of its own.
  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script"), "needs script"))
  func isOnATerminalOnlyAndGoesAway() throws {
    let host = try ReportHost(domains: ["a.example", "b.example"])
    let command =
      "\(Program.plumblinePath) report run --now --config \(host.directory.path("plumbline.conf"))"
    let shown = try Program.run("/usr/bin/script", ["-qec", command, "/dev/null"]).output
    #expect(shown.contains("\rbuilding ["), "\(shown)")
    #expect(shown.contains("#] 2 of 2\r\u{1B}[K2 sent, "), "\(shown)")
    let id = try #require(try host.deliveries().first).reportID
    for arguments in [["resend", id], ["run", "--now"]] {
      let plain = try host.start(arguments).result()
      #expect(plain.status == 0, "\(plain.errors)")
      #expect(!(plain.output + plain.errors).contains("["), "\(plain)")
    }
  }
}
