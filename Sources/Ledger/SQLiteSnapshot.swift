import GRDB
import MailAuth

/// The SQLite ledger at one moment: a read transaction.
struct SQLiteSnapshot: LedgerSnapshot {
  let database: Database
  let path: String

  func messages(in window: Range<Int64>, _ body: (StoredMessage) throws -> Void) throws {
    try messages(
      where: "received_at >= ? AND received_at < ?", [window.lowerBound, window.upperBound], body)
  }

  func messages(queueID: String, _ body: (StoredMessage) throws -> Void) throws {
    try messages(where: "queue_id = ?", [queueID], body)
  }

  func capture(ofMessage id: Int64) throws -> MessageCapture? {
    let found = try Row.fetchOne(
      database, sql: "SELECT * FROM message_capture WHERE message_id = ?", arguments: [id])
    return try found.map { try StoredRow(row: $0, path: path).messageCapture() }
  }

  private func messages(
    where condition: String, _ arguments: StatementArguments,
    _ body: (StoredMessage) throws -> Void
  ) throws {
    let cursor = try Row.fetchCursor(
      database,
      sql: """
        SELECT message.*, policy_domain, text, p, sp, np, adkim, aspf, t, fo, psd, pct, rua, ruf,
          problems
        FROM message LEFT JOIN policy_record ON policy_record.id = policy_record_id
        WHERE \(condition) ORDER BY received_at, message.id
        """, arguments: arguments)
    let spf = try database.makeStatement(
      sql: "SELECT * FROM spf_outcome WHERE message_id = ?")
    let dkim = try database.makeStatement(
      sql: "SELECT * FROM dkim_outcome WHERE message_id = ? ORDER BY position")
    while let next = try cursor.next() {
      let row = StoredRow(row: next, path: path)
      let id = Int64(try row.integer("id"))
      let spfRows = try Row.fetchAll(spf, arguments: [id]).map { StoredRow(row: $0, path: path) }
      let dkimRows = try Row.fetchAll(dkim, arguments: [id]).map { StoredRow(row: $0, path: path) }
      try body(StoredMessage(id: id, record: try row.messageRecord(spf: spfRows, dkim: dkimRows)))
    }
  }
}

extension StoredRow {
  fileprivate func messageRecord(spf: [StoredRow], dkim: [StoredRow]) throws -> MessageRecord {
    func outcome(_ identity: SPFIdentity) throws -> SPFOutcome {
      let found = try spf.first { try $0.text("identity") == identity.rawValue }
      guard let found else {
        throw LedgerError(
          path: path,
          problem: .unreadable("message \(try integer("id")) has no SPF outcome \(identity)"))
      }
      return try found.spfOutcome(identity)
    }
    let at = UInt8(ascii: "@")
    var mailFrom: [UInt8] = []
    if try !flag("null_reverse_path") {
      mailFrom = [at] + (try optionalOctets("envelope_from_domain") ?? [])
    }
    let recipients: [String] = try list("recipient_domains")
    return MessageRecord(
      host: try text("host"), queueID: try text("queue_id"),
      receivedAt: Int64(try integer("received_at")),
      envelope: Envelope(
        clientAddress: try address("client_address"), clientName: try optionalText("client_name"),
        helo: try optionalOctets("helo") ?? [], mailFrom: mailFrom,
        recipients: recipients.map { [at] + Array($0.utf8) }),
      evaluation: Evaluation(
        authorDomain: try optionalDomain("author_domain"), mailFromSPF: try outcome(.mailFrom),
        heloSPF: try outcome(.helo), dkim: try dkim.map { try $0.dkimOutcome() },
        arc: try json("arc") ?? .notEvaluated,
        dmarc: try dmarcOutcome(), authorDomains: try list("author_domains"),
        flow: FlowEvidence(
          signs: try list("flow_signs"), listIdentifier: try optionalText("list_identifier")),
        rootCause: try rootCause(), dns: try list("dns_evidence")),
      verdict: Verdict(
        disposition: try word("disposition"), overrideReasons: try list("override_reasons"),
        authenticationResults: try text("authentication_results")),
      addedARCSet: try optionalObject("arc_seal"), isReportTraffic: try flag("report_traffic"))
  }

  fileprivate func messageCapture() throws -> MessageCapture {
    MessageCapture(
      expiresAt: Int64(try integer("expires_at")), settings: try list("settings"),
      mailFrom: try optionalOctets("mail_from") ?? [], dns: try list("dns"),
      header: try optionalOctets("header").map(MessageCapture.header),
      body: try optionalOctets("body"), bodyHashes: try json("body_hashes") ?? BodyHashes())
  }

  private func rootCause() throws -> RootCause? {
    guard let code: RootCause.Code = try optionalWord("root_cause") else { return nil }
    return RootCause(
      code: code, explanation: try text("root_cause_explanation"),
      fix: try text("root_cause_fix"))
  }

  private func dmarcOutcome() throws -> DMARCOutcome {
    DMARCOutcome(
      result: try word("dmarc_result"), cause: try word("dmarc_cause"),
      explanation: try text("dmarc_explanation"), discovery: try word("discovery"),
      policyDomain: try optionalDomain("policy_domain"), record: try policyRecord(),
      recordText: try optionalText("text"),
      organizationalDomain: try optionalDomain("organizational_domain"),
      authorDomainExists: try optionalFlag("author_domain_exists"),
      policyBeforeTesting: try optionalWord("policy_before_testing"),
      appliedPolicy: try optionalWord("applied_policy"), isSampledOut: try flag("sampled_out"),
      spfAligned: try flag("spf_aligned"), dkimAligned: try flag("dkim_aligned"),
      comparison: try optionalObject("discovery_comparison"))
  }

  /// The interpreted record; nil when there is none.
  func policyRecord() throws -> DMARCPolicyRecord? {
    guard let policy: DomainOwnerPolicy = try optionalWord("p") else { return nil }
    var record = DMARCPolicyRecord()
    record.policy = policy
    record.subdomainPolicy = try optionalWord("sp")
    record.nonexistentSubdomainPolicy = try optionalWord("np")
    record.dkimAlignment = try word("adkim")
    record.spfAlignment = try word("aspf")
    record.isTesting = try text("t") == "y"
    record.failureOptions = try text("fo")
    record.isPublicSuffix = ["y": true, "n": false][try text("psd")]
    record.percent = try optionalInteger("pct")
    record.aggregateReportURIs = try list("rua")
    record.failureReportURIs = try list("ruf")
    record.problems = try list("problems")
    return record
  }

  private func spfOutcome(_ identity: SPFIdentity) throws -> SPFOutcome {
    SPFOutcome(
      identity: identity, domain: try text("domain"), result: try word("result"),
      cause: try word("cause"), term: try optionalText("term"),
      termDomain: try optionalText("term_domain"), explanation: try text("explanation"),
      senderExplanation: try optionalText("sender_explanation"), lookups: try integer("lookups"),
      voidLookups: try integer("void_lookups"), failedName: try optionalText("failed_name"),
      alignment: try alignment())
  }

  private func dkimOutcome() throws -> DKIMOutcome {
    DKIMOutcome(
      domain: try text("domain"), selector: try text("selector"), algorithm: try text("algorithm"),
      identity: try optionalText("identity"), keyBits: try optionalInteger("key_bits"),
      canonicalization: try optionalText("canonicalization"),
      bodyLength: try optionalInteger("body_length"),
      signatureStart: try optionalText("signature_start"), isTestKey: try flag("is_test_key"),
      result: try word("result"), cause: try word("cause"), explanation: try text("explanation"),
      alignment: try alignment())
  }

  private func alignment() throws -> Alignment? {
    guard let mode: AlignmentMode = try optionalWord("alignment_mode") else { return nil }
    return Alignment(
      isAligned: try optionalFlag("is_aligned"), mode: mode,
      organizationalDomain: try optionalDomain("organizational_domain"),
      obstacle: try optionalWord("alignment_obstacle"))
  }
}
