import Foundation
import GRDB
import MailAuth

/// A record as the values of its rows, made before anybody commits, so that committing is only to
/// bind and step.
struct MessageRow: Sendable {
  /// Values for ``message``, without the policy record.
  let message: [DatabaseValue]
  /// Values for ``policyRecord``; nil when no record was found.
  let policyRecord: [DatabaseValue]?
  /// Values for ``spfOutcome``, without the message.
  let spfOutcomes: [[DatabaseValue]]
  /// Values for ``dkimOutcome``, without the message.
  let dkimOutcomes: [[DatabaseValue]]
  /// The details of a failure incident; nil when there is none.
  let incident: DatabaseValue?
  /// Values for ``insertCapture``, without the message; nil when nothing is captured.
  let capture: [DatabaseValue]?
  /// When the message was received, seconds since the epoch: the third of ``messageColumns``.
  var receivedAt: Int64 { message.dropFirst(2).first.flatMap(Int64.fromDatabaseValue) ?? 0 }

  init(
    message: [DatabaseValue], policyRecord: [DatabaseValue]?, spfOutcomes: [[DatabaseValue]],
    dkimOutcomes: [[DatabaseValue]], incident: DatabaseValue?
  ) {
    self.message = message
    self.policyRecord = policyRecord
    self.spfOutcomes = spfOutcomes
    self.dkimOutcomes = dkimOutcomes
    self.incident = incident
    // The journal has none: what cannot be erased there in time does not go there.
    capture = nil
  }

  init(_ fullRecord: MessageRecord) {
    let record = fullRecord.withoutLocalParts
    let evaluation = record.evaluation
    policyRecord = Self.policyValues(evaluation.dmarc)
    // A report about mail about our reports could go on for ever.
    incident = record.isReportTraffic ? nil : record.failureIncident.map(Self.jsonText)
    capture = record.capture.map { Self.values($0) }
    spfOutcomes = [
      Self.values(evaluation.heloSPF, identity: .helo),
      Self.values(evaluation.mailFromSPF, identity: .mailFrom),
    ]
    dkimOutcomes = evaluation.dkim.enumerated().map { Self.values($1, position: $0) }
    let key: [DatabaseValue] = [
      record.host.stored, record.queueID.stored, record.receivedAt.databaseValue,
    ]
    let content = Self.contentValues(record)
    // "NOQUEUE" names no message, so two messages of one second need something else to tell them
    // apart; the same record replayed gives the same text.
    var distinguisher = ""
    if record.queueID.isEmpty || record.queueID == "NOQUEUE" {
      var fingerprint = Fingerprint()
      for value in content + (policyRecord ?? []) + (spfOutcomes + dkimOutcomes).joined() {
        fingerprint.add("\(value)")
      }
      distinguisher = fingerprint.text
    }
    message = key + [distinguisher.databaseValue] + content
  }

  /// Inserts the rows; does nothing when the message is there already.
  func insert(into database: Database) throws {
    func run(_ sql: String, _ values: [DatabaseValue]) throws {
      try LibSQLite.execute(database.cachedStatement(sql: sql), values)
    }
    let policyID = try policyRecord.map { try Self.policyID($0, in: database) }
    try run(Self.insertMessage, message + [policyID.databaseValue])
    guard database.changesCount > 0 else { return }
    let id = database.lastInsertedRowID.databaseValue
    for values in spfOutcomes { try run(Self.insertSPF, [id] + values) }
    for values in dkimOutcomes { try run(Self.insertDKIM, [id] + values) }
    if let incident {
      try database.cachedStatement(sql: Self.insertIncident)
        .execute(arguments: ["message": id, "details": incident])
    }
    if let capture { try run(Self.insertCapture, [id] + capture) }
  }

  /// Nearly every message has a policy that is there already.
  private static func policyID(_ values: [DatabaseValue], in database: Database) throws -> Int64? {
    let find = try database.cachedStatement(sql: findPolicy)
    if let id = try LibSQLite.firstNumber(of: find, values) { return id }
    try LibSQLite.execute(database.cachedStatement(sql: insertPolicy), values)
    guard database.changesCount > 0 else {
      // Only a journal written by hand has values that are one thing as given and another as kept.
      throw DatabaseError(
        resultCode: .SQLITE_MISMATCH, message: "the policy record has values of a wrong type")
    }
    return database.lastInsertedRowID
  }

  private static func contentValues(_ record: MessageRecord) -> [DatabaseValue] {
    let envelope = record.envelope
    let dmarc = record.evaluation.dmarc
    return [
      envelope.clientAddress.description.databaseValue,
      envelope.clientName.stored,
      octets(envelope.helo),
      envelope.hasNullReversePath.databaseValue,
      envelope.mailFrom.count > 1 ? octets(Array(envelope.mailFrom.dropFirst())) : .null,
      json(envelope.recipients.map { String(decoding: $0.dropFirst(), as: UTF8.self) }),
      record.evaluation.authorDomain?.text.databaseValue ?? .null,
      json(record.evaluation.authorDomains),
      dmarc.result.rawValue.databaseValue,
      dmarc.cause.rawValue.databaseValue,
      dmarc.explanation.stored,
      dmarc.discovery.rawValue.databaseValue,
      (dmarc.policyBeforeTesting?.rawValue).databaseValue,
      (dmarc.appliedPolicy?.rawValue).databaseValue,
      dmarc.isSampledOut.databaseValue,
      dmarc.spfAligned.databaseValue,
      dmarc.dkimAligned.databaseValue,
      (dmarc.organizationalDomain?.text).databaseValue,
      dmarc.authorDomainExists.databaseValue,
      dmarc.comparison.map(jsonText) ?? .null,
      record.verdict.disposition.rawValue.databaseValue,
      json(record.verdict.overrideReasons),
      (record.evaluation.rootCause?.code.rawValue).databaseValue,
      (record.evaluation.rootCause?.explanation).stored,
      (record.evaluation.rootCause?.fix).stored,
      json(record.evaluation.flow.signs),
      record.evaluation.flow.listIdentifier.stored,
      record.verdict.authenticationResults.stored,
      json(record.evaluation.dns),
      record.evaluation.arc == .noSets ? noARCSets : jsonText(record.evaluation.arc),
      record.addedARCSet.map(jsonText) ?? .null,
      record.isReportTraffic.databaseValue,
    ]
  }

  private static func policyValues(_ dmarc: DMARCOutcome) -> [DatabaseValue]? {
    guard dmarc.record != nil || dmarc.recordText != nil || dmarc.policyDomain != nil else {
      return nil
    }
    let found: [DatabaseValue] = [
      (dmarc.policyDomain?.text).databaseValue, dmarc.discovery.rawValue.databaseValue,
      dmarc.recordText.stored,
    ]
    guard let record = dmarc.record else {
      return found + [DatabaseValue](repeating: .null, count: 12)
    }
    return found + [
      record.policy.rawValue.databaseValue,
      (record.subdomainPolicy?.rawValue).databaseValue,
      (record.nonexistentSubdomainPolicy?.rawValue).databaseValue,
      record.dkimAlignment.rawValue.databaseValue,
      record.spfAlignment.rawValue.databaseValue,
      (record.isTesting ? "y" : "n").databaseValue,
      record.failureOptions.stored,
      (record.isPublicSuffix.map { $0 ? "y" : "n" } ?? "u").databaseValue,
      record.percent.databaseValue,
      json(record.aggregateReportURIs),
      json(record.failureReportURIs),
      json(record.problems),
    ]
  }

  private static func values(_ capture: MessageCapture) -> [DatabaseValue] {
    [
      capture.expiresAt.databaseValue, json(capture.settings), octets(capture.mailFrom),
      json(capture.dns), capture.header.map { octets(MessageCapture.octets(of: $0)) } ?? .null,
      capture.body.map(octets) ?? .null, jsonText(capture.bodyHashes),
    ]
  }

  private static func values(_ spf: SPFOutcome, identity: SPFIdentity) -> [DatabaseValue] {
    [
      identity.rawValue.databaseValue, spf.domain.stored, spf.result.rawValue.databaseValue,
      spf.cause.rawValue.databaseValue, spf.term.stored, spf.termDomain.stored,
      spf.explanation.stored, spf.senderExplanation.stored, spf.lookups.databaseValue,
      spf.voidLookups.databaseValue, spf.failedName.stored,
    ] + values(spf.alignment)
  }

  private static func values(_ dkim: DKIMOutcome, position: Int) -> [DatabaseValue] {
    [
      position.databaseValue, dkim.domain.stored, dkim.selector.stored, dkim.algorithm.stored,
      dkim.identity.stored, dkim.keyBits.databaseValue, dkim.canonicalization.stored,
      dkim.bodyLength.databaseValue, dkim.signatureStart.stored, dkim.isTestKey.databaseValue,
      dkim.result.rawValue.databaseValue, dkim.cause.rawValue.databaseValue,
      dkim.explanation.stored,
    ] + values(dkim.alignment)
  }

  private static func values(_ alignment: Alignment?) -> [DatabaseValue] {
    [
      (alignment?.isAligned).databaseValue, (alignment?.mode.rawValue).databaseValue,
      (alignment?.organizationalDomain?.text).databaseValue,
      (alignment?.obstacle?.rawValue).databaseValue,
    ]
  }

  /// Octets as TEXT where they are UTF-8 without NUL, which they nearly always are, else as BLOB.
  private static func octets(_ octets: [UInt8]) -> DatabaseValue {
    if !octets.contains(0), let text = String(validating: octets, as: UTF8.self) {
      return text.databaseValue
    }
    return Data(octets).databaseValue
  }

  private static let noARCSets = jsonText(ARCOutcome.noSets)

  private static func json(_ list: [String]) -> DatabaseValue { JSONText.list(list).databaseValue }

  private static func json(_ list: [FlowSign]) -> DatabaseValue {
    JSONText.list(list).databaseValue
  }

  private static func json(_ list: [DNSEvidence]) -> DatabaseValue {
    JSONText.list(list).databaseValue
  }

  /// A list as JSON with keys in a fixed order, so that equal lists give equal text.
  private static func json<Element: Encodable>(_ list: [Element]) -> DatabaseValue {
    list.isEmpty ? "[]".databaseValue : jsonText(list)
  }

  private static func jsonText(_ value: some Encodable) -> DatabaseValue {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self).databaseValue
    } catch {
      // Strings, numbers and words always encode; anything else is a mistake of ours.
      preconditionFailure("\(type(of: value)) does not encode: \(error)")
    }
  }
}

extension MessageRow {
  /// The columns of ``message``, in its order.
  static let messageColumns = [
    "host", "queue_id", "received_at", "distinguisher", "client_address", "client_name", "helo",
    "null_reverse_path", "envelope_from_domain", "recipient_domains", "author_domain",
    "author_domains",
    "dmarc_result", "dmarc_cause", "dmarc_explanation", "discovery", "policy_before_testing",
    "applied_policy", "sampled_out", "spf_aligned", "dkim_aligned", "organizational_domain",
    "author_domain_exists", "discovery_comparison",
    "disposition", "override_reasons", "root_cause", "root_cause_explanation", "root_cause_fix",
    "flow_signs", "list_identifier", "authentication_results", "dns_evidence", "arc",
    "arc_seal", "report_traffic",
  ]

  /// A message's number is larger than all that ever belonged to a report window, also when messages
  /// were deleted by hand: what came late is known by its number.
  static let insertMessage = insert(
    "message",
    id: """
      (SELECT 1 + max(coalesce((SELECT max(id) FROM message), 0),
        coalesce((SELECT max(through_message_id) FROM report_window), 0)))
      """,
    messageColumns + ["policy_record_id"])

  static let policyColumns = [
    "policy_domain", "discovery", "text", "p", "sp", "np", "adkim", "aspf", "t", "fo", "psd",
    "pct", "rua", "ruf", "problems",
  ]

  static let insertPolicy = insert("policy_record", policyColumns)

  /// Repeats the expressions of the unique index, so that the search uses it.
  static let findPolicy: String =
    "SELECT id FROM policy_record WHERE "
    + policyColumns.map { column in
      switch column {
      case "discovery": "discovery = ?"
      case "pct": "coalesce(pct, -1) = coalesce(?, -1)"
      default: "coalesce(\(column), '') = coalesce(?, '')"
      }
    }.joined(separator: " AND ")

  private static let alignmentColumns = [
    "is_aligned", "alignment_mode", "organizational_domain", "alignment_obstacle",
  ]

  /// The columns of each of ``spfOutcomes``, in its order.
  static let spfColumns =
    [
      "identity", "domain", "result", "cause", "term", "term_domain", "explanation",
      "sender_explanation", "lookups", "void_lookups", "failed_name",
    ] + alignmentColumns

  static let insertSPF = insert("spf_outcome", ["message_id"] + spfColumns)

  /// The columns of each of ``dkimOutcomes``, in its order.
  static let dkimColumns =
    [
      "position", "domain", "selector", "algorithm", "identity", "key_bits",
      "canonicalization", "body_length", "signature_start", "is_test_key", "result", "cause",
      "explanation",
    ] + alignmentColumns

  static let insertDKIM = insert("dkim_outcome", ["message_id"] + dkimColumns)

  static let insertCapture = insert(
    "message_capture",
    [
      "message_id", "expires_at", "settings", "mail_from", "dns", "header", "body", "body_hashes",
    ])

  private static func insert(
    _ table: String, id: String? = nil, _ columns: [String]
  ) -> String {
    let names = (id == nil ? [] : ["id"]) + columns
    let marks = (id.map { [$0] } ?? []) + columns.map { _ in "?" }
    return "INSERT INTO \(table) (\(names.joined(separator: ", ")))"
      + " VALUES (\(marks.joined(separator: ", "))) ON CONFLICT DO NOTHING"
  }
}

extension String {
  /// The text as a value; SQLite's text ends at a NUL, so one becomes `\x00`.
  fileprivate var stored: DatabaseValue {
    // Octet by octet it would take longer than all the rest of the row.
    let hasNUL = unsafe utf8.withContiguousStorageIfAvailable { unsafe $0.contains(0) }
    guard hasNUL ?? utf8.contains(0) else {
      return databaseValue
    }
    return utf8.split(separator: 0, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\\x00").databaseValue
  }
}

extension String? {
  fileprivate var stored: DatabaseValue { self?.stored ?? .null }
}

extension Optional where Wrapped: DatabaseValueConvertible {
  fileprivate var databaseValue: DatabaseValue { self?.databaseValue ?? .null }
}

/// FNV-1a, 64 bits: tells apart what happened within one second on one host, nothing more.
struct Fingerprint {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ text: String) {
    for octet in text.utf8 { add(octet) }
    add(UInt8(0xFF))  // no UTF-8 text holds it, so it ends each one
  }

  private mutating func add(_ octet: UInt8) {
    state = (state ^ UInt64(octet)) &* 0x100_0000_01B3
  }

  var text: String { String(state, radix: 16) }
}
