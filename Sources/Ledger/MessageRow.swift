import Foundation
import GRDB
import MailAuth

/// A record as the values of its rows, made before anybody commits, so that committing is only to
/// bind and step.
///
/// An object: on its way it is handed on several times.
final class MessageRow: Sendable {
  /// When the message was received, seconds since the epoch.
  let receivedAt: Int64
  /// Values for ``messageColumns``.
  let message: RowValues
  /// Values for ``policyColumns``; nil when no record was found.
  let policyRecord: RowValues?
  /// Values for ``spfColumns``.
  let spfOutcomes: [RowValues]
  /// Values for ``dkimColumns``.
  let dkimOutcomes: [RowValues]
  /// The details of a failure incident; nil when there is none.
  let incident: DatabaseValue?
  /// What is kept of the message to evaluate it again; nil when nothing is.
  let capture: Capture?

  /// The row of a ``MessageCapture``.
  struct Capture: Sendable {
    /// When it is to be erased, seconds since the epoch.
    let expiresAt: Int64
    /// Values for ``captureColumns``.
    let values: RowValues
  }

  /// Makes rows of values that were kept in the journal.
  init(
    message: [DatabaseValue], policyRecord: [DatabaseValue]?, spfOutcomes: [[DatabaseValue]],
    dkimOutcomes: [[DatabaseValue]], incident: DatabaseValue?
  ) {
    receivedAt = message.dropFirst(2).first.flatMap(Int64.fromDatabaseValue) ?? 0
    self.message = RowValues(message)
    self.policyRecord = policyRecord.map { RowValues($0) }
    self.spfOutcomes = spfOutcomes.map { RowValues($0) }
    self.dkimOutcomes = dkimOutcomes.map { RowValues($0) }
    self.incident = incident
    // The journal has none: what cannot be erased there in time does not go there.
    capture = nil
  }

  /// Makes the rows of a record, without the local parts of addresses; see
  /// ``MessageRecord/withoutLocalParts``.
  init(_ record: borrowing MessageRecord) {
    receivedAt = record.receivedAt
    policyRecord = Self.policyValues(record.evaluation.dmarc)
    // A report about mail about our reports could go on for ever.
    incident = record.isReportTraffic ? nil : record.failureIncident.map(Self.jsonText)
    capture = record.capture.map {
      Capture(expiresAt: $0.expiresAt, values: Self.captureValues($0))
    }
    spfOutcomes = [
      Self.values(record.evaluation.heloSPF, identity: .helo),
      Self.values(record.evaluation.mailFromSPF, identity: .mailFrom),
    ]
    dkimOutcomes = record.evaluation.dkim.enumerated().map { Self.values($1, position: $0) }
    let message = Self.messageValues(record, distinguisher: "")
    // "NOQUEUE" names no message, so two messages of one second need something else to tell them
    // apart; the same record replayed gives the same text.
    guard record.queueID.isEmpty || record.queueID == "NOQUEUE" else {
      self.message = message
      return
    }
    var fingerprint = Fingerprint()
    let content = message.databaseValues.dropFirst(Self.keyColumns.count)
    let others = [policyRecord].compactMap { $0 } + spfOutcomes + dkimOutcomes
    for value in content + others.flatMap(\.databaseValues) { fingerprint.add("\(value)") }
    self.message = Self.messageValues(record, distinguisher: fingerprint.text)
  }

  private static func messageValues(_ record: MessageRecord, distinguisher: String) -> RowValues {
    var row = RowValues(values: messageColumns.count, octets: 2048)
    row.append(record.host)
    row.append(record.queueID)
    row.append(record.receivedAt)
    row.append(distinguisher)
    append(record.envelope, to: &row)
    row.append(record.evaluation.authorDomain?.text)
    row.appendJSON { JSONText.append(record.evaluation.authorDomains, to: &$0) }
    append(record.evaluation.dmarc, to: &row)
    row.append(record.verdict.disposition)
    row.appendJSON { JSONText.append(record.verdict.overrideReasons, to: &$0) }
    let rootCause = record.evaluation.rootCause
    row.append(rootCause?.code)
    row.append(rootCause?.explanation)
    row.append(rootCause?.fix)
    row.appendJSON { JSONText.append(record.evaluation.flow.signs, to: &$0) }
    row.append(record.evaluation.flow.listIdentifier)
    row.append(record.verdict.authenticationResults)
    row.appendJSON { JSONText.append(record.evaluation.dns, to: &$0) }
    let arc = record.evaluation.arc
    row.append(arc == .noSets ? noARCSets : encoded(arc.withoutLocalParts))
    if let set = record.addedARCSet {
      row.appendJSON { JSONText.append(set, to: &$0) }
    } else {
      row.appendNull()
    }
    row.append(record.isReportTraffic)
    return row
  }

  private static func append(_ envelope: Envelope, to row: inout RowValues) {
    row.append(envelope.clientAddress.description)
    row.append(envelope.clientName)
    row.append(envelope.helo)
    row.append(envelope.hasNullReversePath)
    if let domain = envelope.mailFromDomain, !domain.isEmpty {
      row.append(domain)
    } else {
      row.appendNull()
    }
    let domains = envelope.distinctRecipientDomains.map { String(decoding: $0, as: UTF8.self) }
    row.appendJSON { JSONText.append(domains, to: &$0) }
  }

  private static func append(_ dmarc: DMARCOutcome, to row: inout RowValues) {
    row.append(dmarc.result)
    row.append(dmarc.cause)
    row.append(dmarc.explanation)
    row.append(dmarc.discovery)
    row.append(dmarc.policyBeforeTesting)
    row.append(dmarc.appliedPolicy)
    row.append(dmarc.isSampledOut)
    row.append(dmarc.spfAligned)
    row.append(dmarc.dkimAligned)
    row.append(dmarc.organizationalDomain?.text)
    row.append(dmarc.authorDomainExists)
    row.append(dmarc.comparison.map { encoded($0) })
  }

  private static func policyValues(_ dmarc: DMARCOutcome) -> RowValues? {
    guard dmarc.record != nil || dmarc.recordText != nil || dmarc.policyDomain != nil else {
      return nil
    }
    var row = RowValues(values: policyColumns.count, octets: 256)
    row.append(dmarc.policyDomain?.text)
    row.append(dmarc.discovery)
    row.append(dmarc.recordText)
    guard let record = dmarc.record else {
      while row.values.count < policyColumns.count { row.appendNull() }
      return row
    }
    row.append(record.policy)
    row.append(record.subdomainPolicy)
    row.append(record.nonexistentSubdomainPolicy)
    row.append(record.dkimAlignment)
    row.append(record.spfAlignment)
    row.append(record.isTesting ? "y" : "n")
    row.append(record.failureOptions)
    row.append(record.isPublicSuffix.map { $0 ? "y" : "n" } ?? "u")
    row.append(record.percent)
    row.appendJSON { JSONText.append(record.aggregateReportURIs, to: &$0) }
    row.appendJSON { JSONText.append(record.failureReportURIs, to: &$0) }
    row.appendJSON { JSONText.append(record.problems, to: &$0) }
    return row
  }

  private static func captureValues(_ capture: MessageCapture) -> RowValues {
    let header = capture.header.map { MessageCapture.octets(of: $0) }
    var row = RowValues(
      values: captureColumns.count,
      octets: (header?.count ?? 0) + (capture.body?.count ?? 0) + 4096)
    row.append(capture.expiresAt)
    row.append(encoded(capture.settings))
    row.append(capture.mailFrom)
    row.append(encoded(capture.dns))
    if let header { row.append(header) } else { row.appendNull() }
    if let body = capture.body { row.append(body) } else { row.appendNull() }
    row.append(encoded(capture.bodyHashes))
    return row
  }

  private static func values(_ spf: SPFOutcome, identity: SPFIdentity) -> RowValues {
    var row = RowValues(values: spfColumns.count, octets: 320)
    row.append(identity)
    row.append(spf.domain)
    row.append(spf.result)
    row.append(spf.cause)
    row.append(spf.term)
    row.append(spf.termDomain)
    row.append(spf.explanation)
    row.append(spf.senderExplanation)
    row.append(spf.lookups)
    row.append(spf.voidLookups)
    row.append(spf.failedName)
    append(spf.alignment, to: &row)
    return row
  }

  private static func values(_ dkim: DKIMOutcome, position: Int) -> RowValues {
    var row = RowValues(values: dkimColumns.count, octets: 320)
    row.append(position)
    row.append(dkim.domain)
    row.append(dkim.selector)
    row.append(dkim.algorithm)
    row.append(dkim.identity?.withoutLocalPart)
    row.append(dkim.keyBits)
    row.append(dkim.canonicalization)
    row.append(dkim.bodyLength)
    row.append(dkim.signatureStart)
    row.append(dkim.isTestKey)
    row.append(dkim.result)
    row.append(dkim.cause)
    row.append(dkim.explanation)
    append(dkim.alignment, to: &row)
    return row
  }

  private static func append(_ alignment: Alignment?, to row: inout RowValues) {
    row.append(alignment?.isAligned)
    row.append(alignment?.mode)
    row.append(alignment?.organizationalDomain?.text)
    row.append(alignment?.obstacle)
  }

  private static let noARCSets = encoded(ARCOutcome.noSets)

  private static func jsonText(_ value: some Encodable) -> DatabaseValue {
    encoded(value).databaseValue
  }

  /// A value as JSON with keys in a fixed order, so that equal values give equal text.
  ///
  /// It is slow: what every message has is written by ``JSONText``.
  private static func encoded(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      // Strings, numbers and words always encode; anything else is a mistake of ours.
      preconditionFailure("\(type(of: value)) does not encode: \(error)")
    }
  }
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
