import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// `plumbline milter` as a process, with messages no honest client would send.
@Suite(.serialized) struct MilterCommandTests {
  private static let signer = TestSigner(domain: "example.com")

  private static let zone = """
    example.com: [{TXT: "v=spf1 ip4:192.0.2.1 -all"}]
    _dmarc.example.com: [{TXT: "v=DMARC1; p=reject"}]
    \(signer.keyName): [{TXT: "\(TestSigner.keyRecord)"}]
    bomb.example: [{TXT: "v=spf1 a:\(String(repeating: "%{d}", count: 16_000)).example -all"}]
    """

  /// A signed message from example.com.
  private func message(
    queueID: String, body: String = "Hello.\r\n", extra: [HeaderField] = [],
    mailFrom: String = "ann@example.com"
  ) -> MilterMessage {
    var header: [HeaderField] = .test()
    header = Self.signer.signed(header, body: body) + extra
    return MilterMessage(
      mailFrom: mailFrom,
      header: header.map { field in
        .init(
          String(decoding: field.name, as: UTF8.self),
          String(decoding: field.value, as: UTF8.self))
      }, body: Array(body.utf8), queueID: queueID)
  }

  @Test func marksAndRecordsAMessage() throws {
    let milter = try RunningMilter(zone: Self.zone)
    let client = try milter.connect()
    let forged = (0..<3).flatMap { _ in
      [
        HeaderField("Authentication-Results", " mx.receiver.example; dmarc=pass"),
        HeaderField("authentication-results", " other.example; dmarc=pass"),
      ]
    }
    let outcome = try client.deliver(message(queueID: "4A", extra: forged))
    #expect(outcome.reply == .continue || outcome.reply == .accept)
    // Ours went from the highest occurrence down, the other's stayed; the new field is on top.
    let deletions = outcome.edits.dropLast().map { edit -> UInt32? in
      guard case .change(let occurrence, let name, "") = edit,
        name.lowercased() == "authentication-results"
      else { return nil }
      return occurrence
    }
    #expect(deletions == [5, 3, 1])
    guard case .insert(0, "Authentication-Results", let value) = try #require(outcome.edits.last)
    else {
      Issue.record("the last edit is \(outcome.edits)")
      return
    }
    #expect(value.hasPrefix(" mx.receiver.example;\n\tspf=pass "))
    #expect(value.contains(";\n\tdmarc=pass "))

    let record = try #require(try milter.ledger().first)
    #expect(record.queueID == "4A")
    #expect(record.host == "mx.test")
    #expect(record.evaluation.dmarc.result == .pass)
    #expect(record.evaluation.dkim.map(\.result) == [.pass])
    #expect(record.envelope.clientAddress.description == "192.0.2.1")
    let summary = milter.program.errors.split(separator: "\n").filter { $0.hasPrefix("4A: ") }
    #expect(summary.count == 1)
    #expect(summary[0].contains("dmarc=pass"))
    #expect(summary[0].contains("removed=3"))
  }

  @Test(
    arguments: [
      ("", 0x111), ("enforce = \"quarantine\"", 0x111), ("quarantine_action = \"hold\"", 0x111),
      ("enforce = \"quarantine\"\nquarantine_action = \"hold\"", 0x131),
    ] as [(String, UInt32)])
  func asksToHoldMessagesOnlyIfItMay(policy: String, actions: UInt32) throws {
    let milter = try RunningMilter(zone: Self.zone, settings: "[policy]\n\(policy)")
    #expect(try milter.connect().agreement.actions == actions)
  }

  /// Forward-confirmed by the MTA, as Postfix's `smtpd_peername_lookup` has it.
  @Test func trustsForwardersByTheirVerifiedName() throws {
    let milter = try RunningMilter(
      zone: Self.zone,
      settings: "[policy]\nenforce = \"reject\"\ntrusted_forwarders = [\"alumni.example\"]")
    for (queueID, name, reply) in [
      ("4F1", "mx.alumni.example", MilterReplyCode.continue),
      ("4F2", "[198.51.100.7]", .reply("550 5.7.26 Rejected by the DMARC policy of example.com")),
    ] {
      let client = try MilterClient(
        .unix(milter.directory.path("milter.sock")), timeoutSeconds: 60)
      try client.negotiate()
      try client.connect(
        MilterClientHost(name: name, address: "198.51.100.7"), hostName: "mx.test")
      try client.command("H", MilterPacket.octets("mx.alumni.example"))
      let outcome = try client.deliver(
        MilterMessage(
          mailFrom: "ann@example.com", header: [.init("From", " ann@example.com")],
          queueID: queueID))
      #expect(outcome.reply == reply)
    }
    #expect(
      try milter.ledger().map(\.verdict.overrideReasons) == [[.trustedForwarder], []])
  }

  @Test func recordsWhereTheOtherWayOfDiscoveryDiffers() throws {
    let list = try TemporaryDirectory()
    try list.write("com\n", to: "list.dat")
    let milter = try RunningMilter(
      zone: Self.zone.replacing("p=reject", with: "p=reject; t=y"),
      settings: """
        [dmarc]
        discovery = "compare"
        public_suffix_list = "\(list.path("list.dat"))"
        """)
    _ = try milter.connect().deliver(message(queueID: "4D"))
    let record = try #require(try milter.ledger().first)
    #expect(record.evaluation.dmarc.discovery == .treewalk)
    #expect(record.evaluation.dmarc.appliedPolicy == .quarantine)
    let comparison = try #require(record.evaluation.dmarc.comparison)
    #expect(comparison.discovery == .psl)
    #expect(comparison.differences == [.appliedPolicy])
    let summary = milter.program.errors.split(separator: "\n").filter { $0.hasPrefix("4D: ") }
    #expect(summary.contains { $0.contains(" psl=pass(reject,example.com)") })
  }

  @Test func hostileMessagesHaveOutcomesAndTheNextIsServed() throws {
    let milter = try RunningMilter(zone: Self.zone)
    let client = try milter.connect()
    let signature = Self.signer.sign(.test(), body: "Hello.\r\n")
    let names = (0..<1200).map { "x\($0)" }.joined(separator: ":")
    let costly = Self.signer.sign(
      .test(), body: "Hello.\r\n", tags: ["h": "From:\(names)"])
    let hostile: [(String, MilterMessage)] = [
      ("4B1", message(queueID: "4B1", extra: Array(repeating: signature, count: 300))),
      (
        "4B2",
        message(
          queueID: "4B2", extra: (0..<5000).map { HeaderField("X-\($0)", " \($0)") })
      ),
      (
        "4B3",
        message(
          queueID: "4B3", extra: [HeaderField("X", String(repeating: " abcdefgh", count: 120_000))])
      ),
      ("4B4", message(queueID: "4B4", extra: [HeaderField("X", " a\u{0}b")])),
      ("4B5", message(queueID: "4B5", mailFrom: "ann@bomb.example")),
      ("4B6", message(queueID: "4B6", extra: [HeaderField("From", " b@other.example")])),
      (
        "4B7",
        message(
          queueID: "4B7",
          extra: Array(repeating: costly, count: 200)
            + (0..<4000).map { HeaderField("X\($0 % 1200)", " \($0)") })
      ),
      (
        "4B8",
        message(queueID: "4B8", extra: [HeaderField("Authentication-Results", " (((((\\")])
      ),
    ]
    for (queueID, message) in hostile {
      let outcome = try client.deliver(message)
      #expect(outcome.reply == .continue || outcome.reply == .accept, "\(queueID)")
      #expect(!outcome.edits.isEmpty, "\(queueID)")
    }
    _ = try client.deliver(message(queueID: "4C"))
    let records = try milter.ledger()
    #expect(records.map(\.queueID).sorted() == hostile.map(\.0) + ["4C"])
    func record(_ queueID: String) throws -> MessageRecord {
      try #require(records.first { $0.queueID == queueID })
    }
    #expect(try record("4B1").evaluation.dkim.count == 301)
    #expect(try record("4B3").evaluation.dmarc.result == .pass)
    #expect(try record("4B5").evaluation.mailFromSPF.result == .fail)
    #expect(try record("4B6").evaluation.dmarc.cause == .multipleFromFields)
    #expect(try record("4C").evaluation.dmarc.result == .pass)
    #expect(milter.program.isRunning)
  }

  @Test func wrongPacketsHurtNobody() throws {
    let milter = try RunningMilter(zone: Self.zone)
    let bystander = try milter.connect()
    for garbage: [UInt8] in [
      [0xFF, 0xFF, 0xFF, 0xFF, 0x4F], [0, 0, 0, 0], [0, 0, 0, 1, 0x45],
      Array("GET / HTTP/1.0".utf8),
      [0, 0, 0, 3, 0x44, 0x43, 0x6A], [0, 0, 0, 5, 0x43, 0x34, 0x34, 0x34, 0x34],
    ] {
      let client = try MilterClient(.unix(milter.directory.path("milter.sock")))
      try client.writeRaw(garbage)
    }
    // A connection that ends in the middle of a message.
    let lost = try milter.connect()
    _ = try lost.begin(message(queueID: "4X"))
    try lost.flush()
    _ = try bystander.deliver(message(queueID: "4D"))
    #expect(try milter.ledger().map(\.queueID) == ["4D"])
    #expect(milter.program.isRunning)
  }

  @Test func aHugeMessageIsNeverHeldInMemory() throws {
    let milter = try RunningMilter(zone: Self.zone)
    let client = try milter.connect()
    let line = String(repeating: "0123456789", count: 7) + "abcdef\r\n"
    let body = String(repeating: line, count: 100 * 1024 * 1024 / line.utf8.count)
    _ = try client.deliver(message(queueID: "4E", body: body))
    let record = try #require(try milter.ledger().first)
    #expect(record.evaluation.dkim.map(\.result) == [.pass])
    let peak = try milter.peakResidentBytes()
    #expect(peak < 100 * 1024 * 1024, "\(peak / 1024 / 1024) MB were resident")
  }

  @Test func skipsWhatWasNotReceivedFromOutside() throws {
    let milter = try RunningMilter(
      zone: Self.zone, settings: "trusted_networks = [\"198.51.100.0/24\"]")
    for address in ["127.0.0.1", "::1", "198.51.100.7"] {
      let client = try milter.connect(address: address)
      #expect(try client.deliver(message(queueID: "4F")).edits.isEmpty, "\(address)")
    }
    var submitted = message(queueID: "4G")
    submitted.authenticatedName = "ann"
    #expect(try milter.connect().deliver(submitted).edits.isEmpty)
    #expect(try !milter.connect().deliver(message(queueID: "4H")).edits.isEmpty)
    #expect(try milter.ledger().map(\.queueID) == ["4H"])
  }

  @Test func messagesAreKeptAsideWhileTheLedgerIsLocked() throws {
    let milter = try RunningMilter(zone: Self.zone)
    let other = try Program(
      "/usr/bin/python3",
      [
        "-c",
        """
        import os, sqlite3, sys, time
        ledger = sqlite3.connect(sys.argv[1])
        ledger.execute("BEGIN IMMEDIATE")
        print("locked", file=sys.stderr, flush=True)
        while not os.path.exists(sys.argv[2]): time.sleep(0.01)
        """, milter.directory.path("ledger.sqlite"), milter.directory.path("release"),
      ])
    try waitUntil("the ledger to be locked") { other.errors.contains("locked") }
    let outcome = try milter.connect().deliver(message(queueID: "4L"))
    #expect(outcome.reply == .continue || outcome.reply == .accept)
    #expect(try milter.ledger().isEmpty)
    try waitUntil("the database to be given up") {
      milter.program.errors.contains("messages are kept in ")
    }
    try milter.directory.write("", to: "release")
    #expect(try other.result().status == 0)
    milter.program.signal(SIGTERM)
    #expect(try milter.program.result().status == 0)
    #expect(try milter.ledger().map(\.queueID) == ["4L"])
  }

  @Test func hangupReloadsAndTerminationDrains() throws {
    let milter = try RunningMilter(zone: Self.zone)
    let client = try milter.connect()
    _ = try client.begin(message(queueID: "4I"))
    try client.flush()
    milter.program.signal(SIGHUP)
    try waitUntil("the configuration to be read again") {
      milter.program.errors.contains("configuration read again")
    }
    // A file with errors leaves everything as it was.
    try milter.directory.write("[milter]\nsocket = 7\n", to: "plumbline.conf")
    milter.program.signal(SIGHUP)
    try waitUntil("the errors to be logged") {
      milter.program.errors.contains("error: the configuration stays as it was")
    }
    milter.program.signal(SIGTERM)
    try waitUntil("the drain to begin") { milter.program.errors.contains("stopping") }
    let rest = message(queueID: "4I")
    for field in rest.header {
      _ = try client.command(
        "L", MilterPacket.octets(field.name) + MilterPacket.octets(field.value))
    }
    try client.command("N")
    try client.command("B", rest.body)
    let outcome = try client.endOfMessage(queueID: "4I")
    #expect(!outcome.edits.isEmpty)
    let result = try milter.program.result()
    #expect(result.status == 0)
    #expect(try milter.ledger().map(\.queueID) == ["4I"])
  }

  @Test func whatCannotWorkEndsTheStartWith78() throws {
    let directory = try TemporaryDirectory()
    try directory.write("this is no database, and long enough to be sure of it", to: "text.sqlite")
    try directory.write("a.example: [{A: nonsense}]", to: "broken.yml")
    for (name, text, words) in [
      ("syntax", "[milter\n", "syntax.conf:1"),
      ("unknown", "[milter]\nsokcet = \"unix:/x\"\n", "socket"),
      (
        "directory", "[milter]\nsocket = \"unix:a\"\n[ledger]\ndatabase = \"none/l.sqlite\"\n",
        "does not exist"
      ),
      (
        "database", "[milter]\nsocket = \"unix:a\"\n[ledger]\ndatabase = \"text.sqlite\"\n",
        "not an SQLite database"
      ),
      (
        "zone",
        "[milter]\nsocket = \"unix:a\"\n[dns]\nzone_file = \"broken.yml\"\n"
          + "[ledger]\ndatabase = \"l.sqlite\"\n", "broken.yml"
      ),
      (
        "socket",
        "[milter]\nsocket = \"unix:none/a\"\n[ledger]\ndatabase = \"l.sqlite\"\n", "none"
      ),
    ] {
      try directory.write(text, to: "\(name).conf")
      let result = try Program.run(
        Program.plumblinePath, ["milter", "--config", directory.path("\(name).conf")])
      #expect(result.status == 78, "\(name): \(result.errors)")
      #expect(result.errors.contains(words), "\(name): \(result.errors)")
    }
  }
}
