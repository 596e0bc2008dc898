import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// `plumbline lab capture` and `plumbline replay`, with a milter that captures.
@Suite struct CaptureTests {
  private func milter(_ settings: String, zone: String = CapturedMail.zone) throws -> RunningMilter {
    try RunningMilter(zone: zone, ledger: settings)
  }

  private func deliver(_ mail: CapturedMail, _ queueID: String, to milter: RunningMilter) throws {
    let client = try milter.connect()
    try client.command("H", MilterPacket.octets(mail.helo))
    _ = try client.deliver(mail.milterMessage(queueID: queueID))
  }

  private func plumbline(_ milter: RunningMilter, _ arguments: [String]) throws -> Program.Result {
    try Program.run(
      Program.plumblinePath, arguments + ["--config", milter.directory.path("plumbline.conf")])
  }

  @Test(arguments: ["header", "message"])
  func eachMessageComesOutAsRecorded(_ content: String) throws {
    let milter = try milter("capture = \"\(content)\"\ncapture_of = \"all\"")
    for (index, mail) in CapturedMail.all.enumerated() {
      try deliver(mail, "4M\(index)", to: milter)
    }
    let records = try milter.ledger()
    let files = try milter.directory.makeDirectory("captured")
    for (index, mail) in CapturedMail.all.enumerated() {
      let name = Comment(rawValue: mail.name)
      let record = try #require(records.first { $0.queueID == "4M\(index)" }, name)
      #expect(record.evaluation.dmarc.result.rawValue == mail.dmarc, name)
      #expect(record.evaluation.dkim.map(\.cause.rawValue) == mail.dkim, name)

      let captured = try plumbline(
        milter, ["lab", "capture", "4M\(index)", "--out", "\(files)/\(index).yml"])
      #expect(captured.status == 0, "\(mail.name): \(captured.errors)")
      let replayed = try plumbline(milter, ["replay", "4M\(index)"])
      #expect(replayed.status == 0, "\(mail.name): \(replayed.errors)\(replayed.output)")
      #expect(replayed.output.contains("\nNothing is different. "), name)
      #expect(!replayed.output.contains("Not asked"), name)
    }
    let played = try Program.run(Program.plumblinePath, ["lab", "run", files])
    #expect(played.status == 0, "\(played.output)\(played.errors)")
    #expect(played.output.hasSuffix("\(CapturedMail.all.count) scenarios, all as expected\n"))
  }
}
