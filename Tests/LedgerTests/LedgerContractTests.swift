import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Ledger

/// What every ``LedgerStore`` must do; runs against each kind of store there is.
@Suite struct LedgerContractTests {
  /// A kind of store, and how to make one.
  enum Kind: String, CaseIterable, Sendable {
    case sqlite

    func makeStore(in directory: TemporaryDirectory) throws -> any LedgerStore {
      switch self {
      case .sqlite: try SQLiteStore(path: directory.path("ledger.sqlite"))
      }
    }
  }

  private func all(_ store: any LedgerStore) throws -> [MessageRecord] {
    var records: [MessageRecord] = []
    try store.read { ledger in
      try ledger.messages(in: Int64.min..<Int64.max) { records.append($0.record) }
    }
    return records
  }

  @Test(arguments: Kind.allCases)
  func givesBackEverythingExceptLocalParts(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let record = try Self.fullRecord()

    try store.append(record)

    var expected = record
    expected.envelope.mailFrom = Array("@bounce.example.net".utf8)
    expected.envelope.recipients = ["@receiver.example", "@other.example"].map { Array($0.utf8) }
    expected.evaluation.dkim[0].identity = "@mail.example.com"
    expected.evaluation.arc.sets[0].results[0].properties[0].value = "@example.com"
    #expect(try all(store) == [expected])
    #expect(record.withoutLocalParts == expected)
  }

  @Test(arguments: Kind.allCases)
  func givesBackASparseRecord(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    var record = MessageRecord.test(
      envelope: .test(client: "2001:db8::1", helo: "", mailFrom: "", recipients: []),
      authorDomain: nil,
      spf: SPFOutcome(
        identity: .mailFrom, domain: "", result: .none, cause: .invalidDomain, explanation: ""),
      dkim: [],
      dmarc: DMARCOutcome(
        result: .permerror, cause: .noFrom, explanation: "no From", discovery: .psl))
    record.evaluation.heloSPF.alignment = nil

    try store.append(record)

    #expect(try all(store) == [record])
  }

  @Test(arguments: [
    ("", ""), ("user@example.com", "@example.com"), ("user", "@"), ("user@", "@"),
    ("a@b@example.com", "@example.com"), ("user@[192.0.2.1]", "@[192.0.2.1]"),
    ("user@bücher.example", "@bücher.example"),
  ])
  func keepsOfAReversePathTheDomain(_ address: String, _ kept: String) throws {
    let directory = try TemporaryDirectory()
    let store = try SQLiteStore(path: directory.path("ledger.sqlite"))
    try store.append(.test(envelope: .test(mailFrom: address)))
    #expect(try all(store).map { String(decoding: $0.envelope.mailFrom, as: UTF8.self) } == [kept])
  }

  @Test(arguments: Kind.allCases)
  func keepsOctetsThatAreNotText(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    var record = MessageRecord.test()
    record.envelope.helo = [0x61, 0x00, 0xFF]
    record.envelope.mailFrom = Array("a@".utf8) + [0xE9, 0x2E, 0x66, 0x72]
    record.evaluation.mailFromSPF.explanation = "a\0b"

    try store.append(record)

    let stored = try #require(try all(store).first)
    #expect(stored.envelope.helo == record.envelope.helo)
    #expect(stored.envelope.mailFrom == [0x40, 0xE9, 0x2E, 0x66, 0x72])
    #expect(stored.evaluation.mailFromSPF.explanation == "a\\x00b")
  }

  @Test(arguments: Kind.allCases)
  func keepsAMessageOnceHoweverOftenItIsReplayed(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let record = try Self.fullRecord()
    for _ in 0..<3 { try store.append(record) }
    // A replayed record may have lost its local parts on the way.
    try store.append(record.withoutLocalParts)
    #expect(try all(store).count == 1)
  }

  @Test(arguments: Kind.allCases)
  func tellsMessagesApartByHostQueueIDAndTime(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let records = [
      MessageRecord.test(queueID: "A", at: 1, host: "mx1.example"),
      MessageRecord.test(queueID: "A", at: 1, host: "mx2.example"),
      MessageRecord.test(queueID: "A", at: 2, host: "mx1.example"),
      MessageRecord.test(queueID: "B", at: 2, host: "mx1.example"),
    ]
    for record in records { try store.append(record) }
    #expect(try all(store) == records.map(\.withoutLocalParts))
  }

  @Test(arguments: Kind.allCases)
  func tellsMessagesWithoutAQueueIDApartByTheirContents(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let first = MessageRecord.test(queueID: "NOQUEUE")
    let second = MessageRecord.test(queueID: "NOQUEUE", dkim: [.test(.fail, .bodyHashMismatch)])
    for record in [first, second, first, second] { try store.append(record) }
    #expect(try all(store) == [first.withoutLocalParts, second.withoutLocalParts])
  }

  @Test(arguments: Kind.allCases)
  func readsAWindowInOrderOfTime(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    for time in [30, 10, 20, 19, 40] {
      try store.append(.test(queueID: "\(time)", at: Int64(time)))
    }
    var seen: [Int64] = []
    try store.read { ledger in
      try ledger.messages(in: 19..<40) { seen.append($0.record.receivedAt) }
    }
    #expect(seen == [19, 20, 30])
  }

  @Test(arguments: Kind.allCases)
  func findsMessagesByQueueID(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    for (id, time) in [("A", 2), ("B", 1), ("A", 1)] {
      try store.append(.test(queueID: id, at: Int64(time)))
    }
    var seen: [Int64] = []
    try store.read { try $0.messages(queueID: "A") { seen.append($0.record.receivedAt) } }
    #expect(seen == [1, 2])
  }

  @Test(arguments: Kind.allCases)
  func stopsAVisitWhereTheVisitorThrows(_ kind: Kind) throws {
    struct Enough: Error {}
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    for time in 1...3 { try store.append(.test(at: Int64(time))) }
    var visits = 0
    #expect(throws: Enough.self) {
      try store.read { ledger in
        try ledger.messages(in: 0..<10) { _ in
          visits += 1
          throw Enough()
        }
      }
    }
    #expect(visits == 1)
  }

  @Test(arguments: Kind.allCases)
  func countsMessagesPerPolicyOfAWindow(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let none = DMARCPolicyRecord.test(.none)
    func append(_ id: String, at time: Int64, _ dmarc: DMARCOutcome, from: String? = "example.com")
      throws
    {
      try store.append(.test(queueID: id, at: time, authorDomain: from, dmarc: dmarc))
    }
    try append("a", at: 10, .test(.pass))
    try append("b", at: 11, .test(.fail), from: "sub.example.com")
    try append("c", at: 12, .test(.fail, record: none))
    try append("d", at: 13, .test(.fail, policyDomain: "bank.example"))
    try append("e", at: 14, .testWithoutRecord)
    try append("f", at: 15, .test(.permerror), from: nil)
    try append("g", at: 20, .test(.pass))

    let members = WindowMembers(period: 10..<20)
    let policies = try store.read { try $0.policies(of: members, policyDomain: nil) }

    #expect(policies.map(\.policyDomain.text) == ["bank.example", "example.com", "example.com"])
    #expect(policies.map(\.messages) == [1, 2, 1])
    #expect(policies.map(\.lastSeenAt) == [13, 11, 12])
    #expect(policies.map(\.record) == [.test(.reject), .test(.reject), none])
    #expect(
      policies.map(\.text) == ["v=DMARC1; p=reject", "v=DMARC1; p=reject", "v=DMARC1; p=none"])
    #expect(policies.map(\.discovery) == [.treewalk, .treewalk, .treewalk])
    let one = try store.read {
      try $0.policies(of: members, policyDomain: domain("bank.example"))
    }
    #expect(one == [policies[0]])
  }

  @Test(arguments: Kind.allCases)
  func givesWhatAReportNeedsOfTheMessagesOfAPolicy(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let full = try Self.fullRecord()
    try store.append(full)
    try store.append(.test(queueID: "unsigned", at: full.receivedAt, dkim: []))
    try store.append(.test(queueID: "other day", at: full.receivedAt + 86_400))
    let window = WindowMembers(period: full.receivedAt..<(full.receivedAt + 1))

    var seen: [ReportableMessage] = []
    try store.read { ledger in
      let policies = try ledger.policies(of: window, policyDomain: nil)
      #expect(policies.map(\.messages) == [1, 1])
      for policy in policies {
        try ledger.reportableMessages(ofPolicies: [policy.id], of: window) { seen.append($0) }
      }
    }

    try #require(seen.count == 2)
    let message = seen[0].dkim.isEmpty ? seen[1] : seen[0]
    #expect(message.clientAddress == full.envelope.clientAddress)
    #expect(message.authorDomain == domain("mail.example.com"))
    #expect(message.authorDomainExists == true)
    #expect(!message.hasNullReversePath)
    #expect(message.envelopeFromDomain == Array("bounce.example.net".utf8))
    #expect(message.spf.domain == "bounce.example.net")
    #expect(message.spf.result == .softfail)
    #expect(message.spf.cause == .matched)
    #expect(message.dkim.map(\.selector) == ["s1", ""])
    #expect(message.dkim.map(\.domain) == ["mail.example.com", ""])
    #expect(message.dkim.map(\.result) == [.permerror, .neutral])
    #expect(message.dkim.map(\.cause) == [.noKey, .signatureSyntax])
    #expect(message.dkim.map(\.isAligned) == [true, nil])
    #expect(message.result == .fail)
    #expect(message.cause == .alignedNotPassed)
    #expect(message.appliedPolicy == .quarantine)
    #expect(!message.spfAligned)
    #expect(!message.dkimAligned)
    #expect(message.disposition == .quarantine)
    #expect(message.overrideReasons == full.verdict.overrideReasons)
  }

  @Test(arguments: Kind.allCases)
  func keepsAppendsOfManyThreads(_ kind: Kind) throws {
    let directory = try TemporaryDirectory()
    let store = try kind.makeStore(in: directory)
    let failures = FailureList()
    // One thread per connection, as libmilter has them; libdispatch would give as many as cores.
    let threads = (0..<64).map { thread in
      JoinableThread {
        for message in 0..<50 {
          do {
            try store.append(.test(queueID: "\(thread)-\(message)", at: Int64(message)))
          } catch { failures.add("\(error)") }
        }
      }
    }
    threads.forEach { $0.start() }
    threads.forEach { $0.join() }

    #expect(failures.texts == [])
    let ids = try all(store).map(\.queueID)
    #expect(ids.count == 3_200)
    #expect(Set(ids).count == 3_200)
    if let store = store as? SQLiteStore { #expect(store.commitCount < 1_600) }
  }

  /// A record with every field set to something that is not the default.
  static func fullRecord() throws -> MessageRecord {
    var record = MessageRecord.test(queueID: "4dQzBn3Xk5z1", at: 1_795_218_211)
    record.envelope = .test(
      client: "2001:db8:25::7", helo: "out.example.net", mailFrom: "user+tag@bounce.example.net",
      recipients: ["a@receiver.example", "b@receiver.example", "c@other.example"])
    record.envelope.clientName = "out.example.net"
    let alignment = Alignment(
      isAligned: false, mode: .strict, organizationalDomain: domain("example.net"),
      obstacle: .otherOrganization)
    let spf = SPFOutcome(
      identity: .mailFrom, domain: "bounce.example.net", result: .softfail, cause: .matched,
      term: "~all", termDomain: "_spf.example.net", explanation: "The term ~all matched.",
      senderExplanation: "See https://example.net/why", lookups: 3, voidLookups: 1,
      failedName: "gone.example.net", alignment: alignment)
    var helo = spf
    helo.identity = .helo
    helo.alignment = nil
    let dkim = DKIMOutcome(
      domain: "mail.example.com", selector: "s1", algorithm: "rsa-sha256",
      identity: "joe@mail.example.com", keyBits: 2048, canonicalization: "relaxed/simple",
      bodyLength: 120, signatureStart: "dzdVyOfA", isTestKey: true, result: .permerror,
      cause: .noKey, explanation: "There is no key.",
      alignment: Alignment(isAligned: true, mode: .relaxed))
    let broken = DKIMOutcome(
      domain: "", selector: "", algorithm: "", result: .neutral, cause: .signatureSyntax,
      explanation: "The signature cannot be read.")
    var policy = DMARCPolicyRecord.test(.reject)
    policy.subdomainPolicy = .quarantine
    policy.nonexistentSubdomainPolicy = DomainOwnerPolicy.none
    policy.dkimAlignment = .strict
    policy.spfAlignment = .strict
    policy.isTesting = true
    policy.isPublicSuffix = false
    policy.failureReportURIs = ["mailto:ruf@example.com"]
    policy.failureOptions = "1:d"
    policy.percent = 50
    policy.problems = ["rf was ignored"]
    let comparison = try JSONDecoder().decode(
      DiscoveryComparison.self,
      from: Data(
        """
        {"discovery":"psl","result":"none","cause":"noPolicyRecord",
         "organizationalDomain":"mail.example.com","differences":["result","policyDomain"]}
        """.utf8))
    let dmarc = DMARCOutcome(
      result: .fail, cause: .alignedNotPassed, explanation: "No identifier passed.",
      discovery: .treewalk, policyDomain: domain("example.com"), record: policy,
      recordText: "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; t=y",
      organizationalDomain: domain("example.com"), authorDomainExists: true,
      policyBeforeTesting: .reject, appliedPolicy: .quarantine, isSampledOut: true,
      comparison: comparison)
    let dns = try JSONDecoder().decode(
      [DNSEvidence].self,
      from: Data(
        """
        [{"name":"s1._domainkey.mail.example.com","type":"TXT","outcome":"nxdomain",
          "milliseconds":12.375,"cached":false,"secure":true},
         {"name":"example.com","type":"A","outcome":"servfail","milliseconds":0.1,
          "cached":true,"secure":false,"detail":"no server answered"}]
        """.utf8))
    record.evaluation = Evaluation(
      authorDomain: domain("mail.example.com"), mailFromSPF: spf, heloSPF: helo,
      dkim: [dkim, broken], arc: brokenChain(), dmarc: dmarc,
      authorDomains: [domain("other.example"), domain("mail.example.com")],
      flow: FlowEvidence(signs: [.listID, .arcSets], listIdentifier: "list.example"),
      rootCause: RootCause(code: .signatureUnusable, explanation: "No key.", fix: "Publish it."),
      dns: dns)
    record.verdict = Verdict(
      disposition: .quarantine,
      overrideReasons: [
        OverrideReason(.policyTestMode), OverrideReason(.localPolicy, comment: "a list"),
      ], authenticationResults: "mx.receiver.example; spf=softfail")
    record.addedARCSet = AddedARCSet(
      instance: 3, chainValidation: .fail, domain: domain("forwarder.example"),
      selector: domain("arc"))
    return record
  }

  private static func brokenChain() -> ARCOutcome {
    var first = ARCSetOutcome(instance: 1)
    first.sealDomain = domain("first.example")
    first.sealSelector = "s1"
    first.chainValidation = ChainValidation.none
    first.seal = .verified
    first.messageSignatureDomain = domain("mail.first.example")
    first.messageSignatureSelector = "s2"
    first.messageSignature = .failed
    first.authservID = "mx.first.example \u{e4}\u{0}\""
    first.results = [
      ReportedResult(
        method: "spf", result: "pass",
        properties: [.init(type: "smtp", name: "mailfrom", value: "ann@example.com")]),
      ReportedResult(method: "dmarc", result: "pass"),
    ]
    return ARCOutcome(
      result: .fail, cause: .dnsTimeout, explanation: "The key did not come.", failedInstance: 2,
      failedField: .seal, sets: [first, ARCSetOutcome(instance: 2)], oldestPass: 1,
      remoteAddress: IPAddress("2001:db8::1"))
  }
}
