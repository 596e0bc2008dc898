import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

/// Each thing that a policy can do to a message, through a real Postfix.
@Suite(
  .serialized,
  .enabled(if: PostfixInstance.isAvailable, "needs root and an installed Postfix"))
struct PolicyPostfixTests {
  private static let mark = "X-Plumbline-Disposition"

  private func host(_ policy: String, settings: [String] = []) throws -> MailHost {
    try MailHost(settings: settings, policy: "[policy]\n" + policy)
  }

  /// Sends octets through a host and returns the reply to them.
  private func send(
    _ octets: [UInt8], to host: MailHost, client: String = "127.0.0.66",
    mailFrom: String = "security@bank.example"
  ) throws -> SMTPClient.Reply {
    try host.postfix.client(from: client)
      .deliver(octets, hello: "dialup66.badhost.example", from: mailFrom, to: "r@receiver.example")
  }

  private func spoof() throws -> [UInt8] { try DemoExpectation.message("11-spoof.eml").bytes() }

  /// The one row about a domain in the reports of the days that the messages lie in.
  private func row(_ domain: String, _ host: MailHost) throws -> ReportDocument.Record {
    let days = try host.ledger().map {
      Date(timeIntervalSince1970: TimeInterval($0.receivedAt))
        .formatted(.iso8601.year().month().day())
    }
    let folder = host.directory.path("reports")
    for day in Set(days) {
      let built = try host.plumbline(["report", "build", "--day", day, "--out", folder])
      #expect(built.status == 0, "\(built.errors)")
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".xml.gz") }
    let reports = try files.map { try ReportDocument(gzip: folder + "/" + $0) }
    let rows = reports.filter { $0.domain == domain }.flatMap(\.records)
    return try #require(rows.first)
  }

  // MARK: Reject

  @Test func refusesWhatThePolicyWantsRefused() throws {
    let host = try host("enforce = \"reject\"")
    let reply = try host.send(DemoExpectation.message("11-spoof.eml"))
    #expect(reply.code == 550)
    #expect(reply.lines == ["5.7.26 Rejected by the DMARC policy of bank.example"])

    let record = try #require(try host.ledger().first)
    #expect(record.verdict.disposition == .reject)
    #expect(record.verdict.overrideReasons.isEmpty)
    let row = try row("bank.example", host)
    #expect(row["row/policy_evaluated/disposition"] == "reject")
    #expect(row.all("row/policy_evaluated/reason").isEmpty)
    #expect(row["row/count"] == "1")

    // p=quarantine is not refused, and what passes goes on.
    let service = try host.delivered(host.send(DemoExpectation.message("03-esp-own-domain.eml")))
    #expect(service[Self.mark] == ["quarantine"])
    let pass = try host.delivered(host.send(DemoExpectation.message("02-forwarded.eml")))
    #expect(pass[Self.mark].isEmpty)
    #expect(try host.postfix.mailbox().count == 2)
    let log = host.milter.errors.split(separator: "\n")
    #expect(log.contains { $0.contains("disposition=reject answer=550 overrides=- ") })
  }

  @Test func refusesInTheAdministratorsWords() throws {
    let host = try host(
      "enforce = \"reject\"\nreject_text = \"DMARC: 100% of {domain}, see https://a.example/?d\"")
    let reply = try host.send(DemoExpectation.message("11-spoof.eml"))
    #expect(reply.description == "550 5.7.26 DMARC: 100% of bank.example, see https://a.example/?d")
  }

  // MARK: Quarantine

  @Test(arguments: ["quarantine", "reject"])
  func marksWithAField(enforce: String) throws {
    let host = try host("enforce = \"\(enforce)\"")
    let message = try DemoExpectation.message("03-esp-own-domain.eml")
    let delivered = try host.delivered(host.send(message))
    #expect(delivered[Self.mark] == ["quarantine"])
    #expect(
      delivered["Authentication-Results"].first?
        .contains("(p=quarantine dis=quarantine) header.from=shop.example policy.dmarc=quarantine")
        == true)
    #expect(try host.ledger().map(\.verdict.disposition) == [.quarantine])
    #expect(try row("shop.example", host)["row/policy_evaluated/disposition"] == "quarantine")
  }

  /// RFC 9989 section 7.4.
  @Test func quarantinesForRejectWhereNoMoreIsEnforced() throws {
    let host = try host("enforce = \"quarantine\"\nquarantine_field = \"X-Spam-Flag: YES\"")
    let delivered = try host.delivered(host.send(DemoExpectation.message("11-spoof.eml")))
    #expect(delivered["X-Spam-Flag"] == ["YES"])
    #expect(delivered[Self.mark].isEmpty)
    let record = try #require(try host.ledger().first)
    #expect(record.verdict.disposition == .quarantine)
    #expect(record.verdict.overrideReasons == [.quarantineOnly])
    let row = try row("bank.example", host)
    #expect(row["row/policy_evaluated/disposition"] == "quarantine")
    #expect(row["row/policy_evaluated/reason/type"] == "local_policy")
  }

  @Test func holdsInPostfixsQueue() throws {
    let host = try host("enforce = \"quarantine\"\nquarantine_action = \"hold\"")
    let reply = try host.send(DemoExpectation.message("11-spoof.eml"))
    let queueID = try #require(reply.queueID)
    #expect(try host.postfix.heldQueueIDs() == [queueID])
    #expect(host.postfix.mailLog.contains("\(queueID): milter-hold: END-OF-MESSAGE"))
    #expect(try host.ledger().map(\.verdict.disposition) == [.quarantine])
    // A message behind it goes on at once.
    let pass = try host.delivered(host.send(DemoExpectation.message("01-aligned-pass.eml")))
    #expect(pass[Self.mark].isEmpty)
    #expect(try host.postfix.heldQueueIDs() == [queueID])

    // What the administrator looks at, and may release, carries the results.
    let held = try host.postfix.queued(queueID)
    #expect(held["Authentication-Results"].first?.contains("dis=quarantine") == true)
    #expect(held[Self.mark].isEmpty)
  }

  @Test func holdsAsSoonAsAReloadSaysSo() throws {
    let host = try host("enforce = \"off\"")
    _ = try host.delivered(host.send(DemoExpectation.message("11-spoof.eml")))
    try host.configure(policy: "[policy]\nenforce = \"reject\"\nquarantine_action = \"hold\"")
    host.milter.signal(SIGHUP)
    let service = try DemoExpectation.message("03-esp-own-domain.eml")
    try waitUntil("a message on hold") {
      _ = try host.send(service)
      return try !host.postfix.heldQueueIDs().isEmpty
    }
  }

  @Test func deliversWithResultsOnlyIfToldTo() throws {
    let host = try host("enforce = \"reject\"\nquarantine_action = \"none\"")
    let delivered = try host.delivered(host.send(DemoExpectation.message("03-esp-own-domain.eml")))
    #expect(delivered[Self.mark].isEmpty)
    #expect(delivered["Authentication-Results"].first?.contains("dis=quarantine") == true)
    #expect(try host.postfix.heldQueueIDs().isEmpty)
  }

  // MARK: Defer

  @Test func defersForMissingAnswersIfToldTo() throws {
    let host = try host("on_temperror = \"tempfail\"")
    for (file, domain) in [
      ("07-key-timeout.eml", "parcel.example"), ("15-policy-servfail.eml", "flaky.example"),
    ] {
      let reply = try host.send(DemoExpectation.message(file))
      #expect(reply.code == 451)
      #expect(reply.lines.first?.hasPrefix("4.7.1 DMARC of \(domain) could not be ") == true)
    }
    let records = try host.ledger()
    #expect(records.map(\.verdict.disposition) == [.none, .none])
    #expect(records.map(\.verdict.overrideReasons) == [[.deferred], [.deferred]])
    #expect(try host.postfix.mailbox().isEmpty)
  }

  @Test func takesMailWithoutAnswersOtherwise() throws {
    let host = try host("enforce = \"reject\"")
    for file in ["07-key-timeout.eml", "15-policy-servfail.eml"] {
      let delivered = try host.delivered(host.send(DemoExpectation.message(file)))
      #expect(delivered["Authentication-Results"].first?.contains("dmarc=temperror") == true)
      #expect(delivered[Self.mark].isEmpty)
    }
  }

  // MARK: From

  @Test(arguments: [
    ("From: a@bank.example\r\nFrom: b@example.com\r\n", "more than one From"),
    ("To: b@example.com\r\n", "no From"), ("From: nobody\r\n", "no usable address"),
  ])
  func refusesAFromThatNamesNobodyIfToldTo(header: String, problem: String) throws {
    // Postfix adds a From field to mail of its own only; the client is a stranger.
    let message = Array("\(header)Subject: x\r\n\r\nHello.\r\n".utf8)
    let strict = try host("on_bad_from = \"reject\"")
    let reply = try send(message, to: strict)
    #expect(reply.code == 550)
    #expect(reply.description.contains(problem))
    let refused = try #require(try strict.ledger().first)
    #expect(refused.verdict.disposition == .reject)
    #expect(refused.verdict.overrideReasons == [.unusableFrom])

    let mild = try host("enforce = \"reject\"")
    _ = try mild.delivered(send(message, to: mild))
    let taken = try #require(try mild.ledger().first)
    #expect(taken.verdict.disposition == .none)
    #expect(taken.evaluation.dmarc.result != .pass)
  }

  /// A sender who names more domains, or writes more header, than is evaluated gains nothing.
  @Test func nobodyEscapesBehindALimit() throws {
    let host = try MailHost(
      policy: "[limits]\nheader_fields = 100\n[policy]\nenforce = \"reject\"")
    let own = ["a@one.example", "b@two.example", "c@three.example"]
    func message(_ from: [String], fields: Int = 0) -> [UInt8] {
      let more = String(repeating: "X-Filler: x\r\n", count: fields)
      return Array("From: \(from.joined(separator: ", "))\r\n\(more)\r\nHello.\r\n".utf8)
    }
    let behind = try host.delivered(send(message(own + ["d@bank.example"]), to: host))
    #expect(behind[Self.mark] == ["quarantine"])
    #expect(
      behind["Authentication-Results"].first?
        .contains("dmarc=permerror reason=\"multipleFromDomains\" (dis=quarantine)") == true)
    let inFront = try send(message(["d@bank.example"] + own), to: host)
    #expect(inFront.description == "550 5.7.26 Rejected by the DMARC policy of bank.example")
    let long = try host.delivered(send(message(["d@bank.example"], fields: 100), to: host))
    #expect(long[Self.mark] == ["quarantine"])
    let records = try host.ledger()
    #expect(records.map(\.verdict.overrideReasons) == [[.beyondLimits], [], [.beyondLimits]])
    #expect(
      records.map(\.evaluation.dmarc.cause)
        == [.multipleFromDomains, .alignedNotPassed, .messageTooLarge])
  }

  @Test func quarantinesAFromThatNamesNobodyIfToldTo() throws {
    let host = try host("on_bad_from = \"quarantine\"\nquarantine_action = \"hold\"")
    let message = Array("From: a@bank.example\r\nFrom: b@example.com\r\n\r\nHello.\r\n".utf8)
    let queueID = try #require(try send(message, to: host).queueID)
    #expect(try host.postfix.heldQueueIDs() == [queueID])
    #expect(try host.ledger().map(\.verdict.overrideReasons) == [[.unusableFrom]])
  }

  // MARK: Exemptions

  @Test func sparesExemptNetworks() throws {
    let host = try host("enforce = \"reject\"\nexempt_networks = [\"127.0.0.64/30\"]")
    let spoof = try DemoExpectation.message("11-spoof.eml")
    let delivered = try host.delivered(host.send(spoof))
    #expect(delivered[Self.mark].isEmpty)
    #expect(delivered["Authentication-Results"].first?.contains("(p=reject dis=none)") == true)
    #expect(try send(self.spoof(), to: host, client: "127.0.0.68").code == 550)
    #expect(try host.ledger().map(\.verdict.overrideReasons) == [[.exemptNetwork], []])
    let reasons = try row("bank.example", host).all("row/policy_evaluated/reason")
    #expect(reasons.count <= 1)
  }

  @Test func sparesTrustedForwardersWhereItLooksLikeForwarding() throws {
    let host = try host("enforce = \"reject\"\ntrusted_forwarders = [\"127.0.0.40\"]")
    // The reverse-path of the author, from an address that its SPF record does not list.
    _ = try host.delivered(send(spoof(), to: host, client: "127.0.0.40"))
    // The same from elsewhere, and the forwarder's own mail in the bank's name.
    #expect(try send(spoof(), to: host).code == 550)
    let own = try send(spoof(), to: host, client: "127.0.0.40", mailFrom: "b@nowhere.example")
    #expect(own.code == 550)
    #expect(
      try host.ledger().map(\.verdict.overrideReasons) == [[.trustedForwarder], [], []])
  }

  @Test func quarantinesListsInsteadOfRefusingThem() throws {
    let listed = Array("List-Id: <cooking.lists.example>\r\n".utf8) + (try spoof())
    let host = try host("enforce = \"reject\"")
    let delivered = try host.delivered(send(listed, to: host))
    #expect(delivered[Self.mark] == ["quarantine"])
    #expect(try host.ledger().map(\.verdict.overrideReasons) == [[.mailingList]])
    let row = try row("bank.example", host)
    #expect(row["row/policy_evaluated/disposition"] == "quarantine")
    #expect(row["row/policy_evaluated/reason/type"] == "mailing_list")

    let strict = try self.host("enforce = \"reject\"\nspare_mailing_lists = false")
    #expect(try send(listed, to: strict).code == 550)
  }

  // MARK: Forged fields

  /// Fields of our name, of others, and nearly ours, in every order of the kinds.
  @Test func removesForgedFieldsInEveryMix() throws {
    let host = try MailHost(policy: "[headers]\nreceived_spf = true")
    let kinds = [
      "Authentication-Results: mx.receiver.example; dmarc=pass x=N",
      "authentication-results: (c) MX.Receiver.Example (d); dmarc=pass x=N",
      "Authentication-Results:\r\n \"mx.receiver.example\";\r\n\tdmarc=pass x=N",
      "Authentication-Results: mx.other.example; dmarc=fail x=N",
      "X-Plumbline-Disposition: none N", "x-plumbline-disposition:N",
      "Received-SPF: pass (x) receiver=mx.receiver.example; x=N",
      "Received-SPF: fail (x) receiver=mx.other.example; x=N",
    ]
    let body = Array("From: Ann <ann@oldtimes.example>\r\nSubject: x\r\n\r\nHello.\r\n".utf8)
    for first in kinds.indices {
      // Each kind comes first once; twice over, so that each also stands behind each other.
      let order = (0..<(2 * kinds.count)).map { kinds[($0 * (first % 2 == 0 ? 1 : 3) + first) % 8] }
      let header = order.enumerated().map { $1.replacing("N", with: "\($0)") + "\r\n" }.joined()
      let delivered = try host.delivered(
        send(Array(header.utf8) + body, to: host, mailFrom: "ann@oldtimes.example"))
      let results = delivered["Authentication-Results"]
      #expect(results.first?.hasPrefix("mx.receiver.example; spf=") == true)
      #expect(results.dropFirst().allSatisfy { $0.hasPrefix("mx.other.example; dmarc=fail x=") })
      #expect(results.count == 3)
      #expect(delivered[Self.mark].isEmpty)
      let spf = delivered["Received-SPF"]
      #expect(spf.first?.contains("receiver=mx.receiver.example") == true)
      #expect(spf.dropFirst().allSatisfy { $0.contains("receiver=mx.other.example") })
      #expect(spf.count == 3)
      // What stays keeps its order.
      let numbers = results.dropFirst().compactMap { Int($0.split(separator: "=").last ?? "") }
      #expect(numbers == numbers.sorted() && numbers.count == 2)
    }
  }

  @Test func writesFieldsOnTopInShortLines() throws {
    let host = try MailHost(
      policy: "[policy]\nenforce = \"quarantine\"\n[headers]\nreceived_spf = true")
    let delivered = try host.delivered(host.send(DemoExpectation.message("11-spoof.eml")))
    let names = delivered.fields.map(\.name)
    let top = try #require(names.firstIndex(of: "Authentication-Results"))
    #expect(
      names[top...].prefix(4)
        == ["Authentication-Results", "Received-SPF", Self.mark, "Received"])
    let record = try #require(try host.ledger().first)
    #expect(delivered["Authentication-Results"].first == record.verdict.authenticationResults)
  }
}
