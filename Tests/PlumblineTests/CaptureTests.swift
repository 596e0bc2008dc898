import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// `plumbline lab capture` and `plumbline replay`, with a milter that captures.
@Suite struct CaptureTests {
  private func milter(_ settings: String, zone: String = CapturedMail.zone) throws -> RunningMilter
  {
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

  // MARK: - What is kept

  @Test func nothingIsKeptByDefault() throws {
    let milter = try milter("")
    for (index, mail) in CapturedMail.all.enumerated() {
      try deliver(mail, "4M\(index)", to: milter)
    }
    #expect(try captures(milter).isEmpty)

    let refused = try plumbline(milter, ["replay", "4M0"])
    #expect(refused.status == 66)
    #expect(refused.errors.contains("nothing was kept of message 4M0 of "))
    #expect(refused.errors.contains("set ledger.capture"))

    // What is made up finds what was recorded, or says that it cannot.
    let files = try milter.directory.makeDirectory("captured")
    for (index, mail) in CapturedMail.all.enumerated() {
      let path = "\(files)/\(index).yml"
      let captured = try plumbline(milter, ["lab", "capture", "4M\(index)", "--out", path])
      #expect(captured.status == 0, "\(mail.name): \(captured.errors)")
      #expect(captured.errors.contains("the scenario is made up"))
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains("# MADE UP: nothing was kept of this message but its record"))
      // What is no property of the octets comes out without them.
      if ["pass", "broken by a list", "expired", "key timed out"].contains(mail.name) {
        #expect(!text.contains("# recorded, and not to be had"), "\(mail.name)\n\(text)")
      }
    }
    let played = try Program.run(Program.plumblinePath, ["lab", "run", files])
    #expect(played.status == 0, "\(played.output)\(played.errors)")
  }

  @Test func onlyFailuresAreKeptUnlessAllAreAskedFor() throws {
    let milter = try milter("capture = \"header\"")
    for (index, mail) in CapturedMail.all.enumerated() {
      try deliver(mail, "4M\(index)", to: milter)
    }
    let kept = try captures(milter)
    let failed = CapturedMail.all.indices.filter { CapturedMail.all[$0].dmarc != "pass" }
    #expect(kept.keys.sorted() == failed.map { "4M\($0)" }.sorted())
    #expect(kept.values.allSatisfy { $0.body == nil && $0.header != nil })
    let first = try #require(kept["4M4"])
    #expect(String(decoding: first.mailFrom, as: UTF8.self) == "users-bounces@lists.example.net")
    #expect(
      first.settings == [
        .init(key: "milter.authserv_id", values: [RunningMilter.authservID])
      ])
  }

  @Test func ofWhatIsTooLargeLessIsKept() throws {
    let milter = try milter(
      "capture = \"message\"\ncapture_of = \"all\"\ncapture_kilobytes = 16")
    var mail = CapturedMail.all[0]
    mail.body += String(repeating: "0123456789abcdef\r\n", count: 1000)
    try deliver(mail, "4Body", to: milter)
    mail.header += (0..<100).map {
      HeaderField("X-Long-\($0)", " " + String(repeating: "x", count: 200))
    }
    try deliver(mail, "4Header", to: milter)
    let kept = try captures(milter)
    #expect(kept["4Body"]?.header?.isEmpty == false)
    #expect(kept["4Body"]?.body == nil)
    #expect(kept["4Body"]?.bodyHashes.entries.isEmpty == false)
    #expect(kept["4Header"]?.header == nil)
    #expect(kept["4Header"]?.body == nil)

    #expect(try plumbline(milter, ["replay", "4Body"]).status == 0)
    let refused = try plumbline(milter, ["replay", "4Header"])
    #expect(refused.status == 66)
    #expect(refused.errors.contains("was too large to be kept; see ledger.capture_kilobytes"))
  }

  // MARK: - What is different

  @Test func showsWhatTheDNSChanged() throws {
    let key = "gone._domainkey.example.com"
    let milter = try milter("capture = \"header\"")
    let mail = CapturedMail(
      name: "no key",
      header: TestSigner(domain: "example.com", selector: "gone")
        .signed(.test(), body: "Hello.\r\n"), body: "Hello.\r\n", dmarc: "fail", dkim: ["noKey"])
    try deliver(mail, "4Key", to: milter)

    try milter.directory.write(
      CapturedMail.zone + "\n\(key): [{TXT: \"\(TestSigner.keyRecord)\"}]", to: "zone.yml")
    #expect(try plumbline(milter, ["replay", "4Key"]).status == 0)
    let live = try plumbline(milter, ["replay", "4Key", "--dns", "live"])
    #expect(live.status == 1, "\(live.errors)")
    #expect(live.output.contains("DNS: \(key) TXT: then nxdomain; now v=DKIM1; k=ed25519"))
    #expect(live.output.contains("permerror example.com/gone (noKey), aligned"))
    #expect(live.output.contains("pass example.com/gone, aligned"))
    #expect(live.output.contains("\nThen: "))
    #expect(live.output.contains("The body was not kept; its recorded hashes stand for it."))

    let json = try plumbline(milter, ["replay", "4Key", "--dns", "live", "--format", "json"])
    #expect(json.status == 1)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    #expect(object["same"] as? Bool == false)
    #expect(object["dns"] as? String == "live")
    #expect(
      (object["rows"] as? [[String: Any]])?.contains { $0["differs"] as? Bool == true } == true)
    #expect((object["dnsChanges"] as? [[String: Any]])?.first?["recorded"] as? String == "nxdomain")

    // A body that would not fit must not pass, however the key comes to be there.
    var changed = mail
    changed.body = "Hello!\r\n"
    try milter.directory.write(CapturedMail.zone, to: "zone.yml")
    try deliver(changed, "4Changed", to: milter)
    try milter.directory.write(
      CapturedMail.zone + "\n\(key): [{TXT: \"\(TestSigner.keyRecord)\"}]", to: "zone.yml")
    let broken = try plumbline(milter, ["replay", "4Changed", "--dns", "live"])
    #expect(broken.output.contains("fail example.com/gone (bodyHashMismatch), aligned"))
  }

  @Test func showsWhatSettingsChange() throws {
    let milter = try RunningMilter(
      zone: CapturedMail.zone,
      settings: "[policy]\nenforce = \"quarantine\"\n[dmarc]\ndiscovery = \"psl\"\n",
      ledger: "capture = \"message\"")
    var mail = CapturedMail.all[4]
    mail.header = .test(from: "ann@a.b.example.com")
    try deliver(mail, "4S", to: milter)
    #expect(try milter.ledger().map(\.verdict.disposition) == [.quarantine])
    #expect(try plumbline(milter, ["replay", "4S"]).status == 0)

    let enforced = try plumbline(milter, ["replay", "4S", "--set", "policy.enforce=reject"])
    #expect(enforced.status == 1, "\(enforced.errors)")
    let row = enforced.output.split(separator: "\n").first { $0.hasPrefix("disposition") }
    #expect(row?.split(separator: " ") == ["disposition", "quarantine", "reject", "<--"])

    // The tree walk asks for names that the public suffix list has no use for.
    let walked = try plumbline(milter, ["replay", "4S", "--set", "dmarc.discovery=treewalk"])
    #expect(walked.status == 1)
    #expect(walked.output.contains("Not asked at that time"))
    #expect(walked.output.contains("_dmarc.b.example.com TXT"))
    #expect(walked.output.contains("temperror"))

    let path = milter.directory.path("plumbline.conf")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try milter.directory.write(
      text.replacing("\"quarantine\"", with: "\"off\""), to: "plumbline.conf")
    #expect(try plumbline(milter, ["replay", "4S"]).status == 0)
    let current = try plumbline(milter, ["replay", "4S", "--settings", "current"])
    #expect(current.status == 1)
    #expect(try plumbline(milter, ["replay", "4S", "--set", "policy.enforse=x"]).status == 64)
  }

  // MARK: - Which message

  @Test func saysThatQueueIDsRepeat() throws {
    let directory = try TemporaryDirectory()
    let configuration = try directory.write(
      "[ledger]\ndatabase = \"\(directory.path("ledger.sqlite"))\"\n", to: "plumbline.conf")
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    for time in [testTime, testTime + 60, testTime + 3600] {
      try store.append(.test(queueID: "4A", at: time))
    }
    store.close()
    func capture(_ arguments: [String]) throws -> Program.Result {
      try Program.run(
        Program.plumblinePath, ["lab", "capture"] + arguments + ["--config", configuration])
    }
    let newest = try capture(["4A"])
    #expect(newest.errors.contains("3 messages have the queue ID 4A, of 2026-11-20 23:43:31, "))
    #expect(newest.errors.contains("this is the newest; choose with --at or --all"))
    #expect(newest.output.contains("\ntime: 2026-11-21 00:43:31\n"))
    let chosen = try capture(["4A", "--at", "2026-11-20 23:44:31"])
    #expect(!chosen.errors.contains("newest"))
    #expect(chosen.output.contains("\ntime: 2026-11-20 23:44:31\n"))
    let wrong = try capture(["4A", "--at", "2026-11-20 23:44:32"])
    #expect(wrong.status == 66)
    #expect(wrong.errors.contains("there are those of 2026-11-20 23:43:31, "))

    let files = try directory.makeDirectory("files")
    #expect(try capture(["4A", "--all", "--out", files]).status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: files).sorted()
    #expect(names == ["4A-1795218211.yml", "4A-1795218271.yml", "4A-1795221811.yml"])
    let attributes = try FileManager.default.attributesOfItem(atPath: "\(files)/\(names[0])")
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try capture(["4A", "--all"]).status == 64)
    #expect(try capture(["4A", "--out", "\(files)/absent/x.yml"]).status == 73)
  }

  @Test(arguments: [["replay"], ["lab", "capture"]])
  func endsWith66WhereThereIsNoSuchMessage(_ command: [String]) throws {
    let directory = try TemporaryDirectory()
    let configuration = try directory.write(
      "[ledger]\ndatabase = \"\(directory.path("ledger.sqlite"))\"\n", to: "plumbline.conf")
    try SQLiteStore(path: directory.path("ledger.sqlite")).close()
    let result = try Program.run(
      Program.plumblinePath, command + ["4\u{1B}X", "--config", configuration])
    #expect(result.status == 66)
    #expect(
      result.errors
        == "plumbline: the ledger has no message with the queue ID 4?X; ledger list shows all\n")
  }

  /// What the ledger keeps, by queue ID.
  private func captures(_ milter: RunningMilter) throws -> [String: MessageCapture] {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = true
    let store = try SQLiteStore(
      path: milter.directory.path("ledger.sqlite"), settings: settings)
    return try store.read { ledger in
      var ids: [String: Int64] = [:]
      try ledger.messages(in: 0..<Int64.max) { ids[$0.record.queueID] = $0.id }
      return try ids.compactMapValues { try ledger.capture(ofMessage: $0) }
    }
  }
}
