import Foundation
import Ledger
import Logging
import MailAuth
import Milter
import Reports

/// One message on its way in: evaluated, written to the ledger, marked, and let through.
final class IncomingMessage: MilterTransaction {
  /// What the messages of one configuration have in common.
  struct Context: Sendable {
    var evaluator: Evaluator
    var ledger: any LedgerStore
    var checks: CheckPool
    var logger: Logger
    /// The local policy, and the name under which results are written.
    var verdicts: VerdictSettings
    /// The name of this host, when the MTA does not give its own.
    var hostName: String
    /// The longest time one message's checks may take.
    var deadlineSeconds: Int
    /// Knows mail about our own reports.
    var reportTraffic: ReportTraffic
    /// How failure reports are prepared; nil when there are none.
    var failureCapture: FailureCapture.Settings?
    /// What is kept of messages.
    var capture: CaptureSettings
    /// What a message is answered whose evaluation failed through a fault of ours.
    var onFailure: Configuration.OnFailure
  }

  private let context: Context
  private let start: MilterEnvelopeStart
  private var envelope: Envelope
  private let receivedAt: Int64
  private let evaluation: MessageEvaluation
  private var forged: ForgedFields
  private var authors: [String] = []
  /// More From fields than this are not looked at.
  private static let mostFromFields = 10
  private var fromFields = 0
  private var failure: FailureCapture?
  private var capture: CaptureWork?

  init(_ start: MilterEnvelopeStart, clientAddress: IPAddress, context: Context) {
    self.context = context
    self.start = start
    envelope = Envelope(
      clientAddress: clientAddress, clientName: start.clientName, helo: start.helo,
      mailFrom: start.mailFrom)
    forged = ForgedFields(context.verdicts)
    failure = context.failureCapture.map { FailureCapture($0) }
    capture = CaptureWork(context.capture)
    receivedAt = Int64(Date().timeIntervalSince1970)
    let seconds = context.deadlineSeconds
    evaluation = context.evaluator.begin(
      envelope, now: receivedAt,
      deadline: { ContinuousClock.now.advanced(by: .seconds(seconds)) })
    context.checks.offer(evaluation.earlyChecks)
  }

  func recipient(_ address: [UInt8]) {
    envelope.recipients.append(address)
  }

  func header(_ field: HeaderField) {
    forged.add(field)
    failure?.add(field)
    capture?.add(field)
    if field.isNamed("From") {
      fromFields += 1
      if fromFields <= Self.mostFromFields {
        authors += AuthorAddresses.list(inFrom: field.value)
      }
    }
    evaluation.addHeader(field)
  }

  func endOfHeaders() {
    capture?.endHeaders()
    evaluation.endHeaders()
  }

  func body(_ chunk: UnsafeRawBufferPointer) {
    unsafe capture?.add(body: chunk)
    unsafe evaluation.addBody(chunk)
  }

  func endOfMessage(queueID: String) -> MilterVerdict {
    let began = ContinuousClock.now
    let result = evaluation.finish()
    let verdict = Verdict(result, envelope: envelope, settings: context.verdicts)
    let waited = ContinuousClock.now - began
    record(queueID, result, verdict)
    logSummary(queueID, result, verdict, waited)
    return MilterVerdict(edits: edits(verdict), reply: reply(queueID, result, verdict))
  }

  private func reply(
    _ queueID: String, _ result: Evaluation, _ verdict: Verdict
  ) -> MilterReply {
    let decided = MilterReply(verdict.answer)
    guard let failed = result.dkim.first(where: { $0.cause == .internalError }) else {
      return decided
    }
    context.logger.error(
      "not evaluated fully: \(failed.explanation)",
      metadata: [LineLogHandler.queueIDKey: "\(queueID)"])
    switch context.onFailure {
    case .accept:
      // The missing result is ours, so the answer for missing DNS answers does not fit.
      if case .tempfail = decided { return .accept }
      return decided
    case .tempfail:
      return .tempfail(
        code: "451", enhancedCode: "4.7.0", text: "Message could not be evaluated, try again")
    }
  }

  func abort() {}

  /// Commits the message to the ledger; a failure is ours and changes nothing for the message.
  private func record(_ queueID: String, _ result: Evaluation, _ verdict: Verdict) {
    let host = start.hostName ?? context.hostName
    let incident = failure?.incident(
      result,
      FailureCapture.Reception(
        envelope: envelope, host: host, receivedAt: receivedAt, verdict: verdict),
      spfRecords: evaluation.mailFromSPFRecords)
    let record = MessageRecord(
      host: host, queueID: queueID, receivedAt: receivedAt,
      envelope: envelope, evaluation: result, verdict: verdict,
      isReportTraffic: context.reportTraffic.covers(
        envelope, authors: authors, spf: result.mailFromSPF.result),
      failureIncident: incident,
      capture: capture?.capture(
        result, envelope, receivedAt: receivedAt, dns: evaluation.recordedAnswers))
    do {
      try context.ledger.append(record)
    } catch {
      context.logger.error(
        "not recorded, this message will be missing from reports: \(error)",
        metadata: [LineLogHandler.queueIDKey: "\(queueID)"])
    }
  }

  /// Forged fields go from the last to the first, so that no deletion moves another; ours are put
  /// on top of everything (RFC 8601 sections 4 and 5).
  private func edits(_ verdict: Verdict) -> [HeaderEdit] {
    let deletions = forged.occurrences.map {
      HeaderEdit.delete(name: $0.name, occurrence: $0.number)
    }
    return deletions
      + verdict.addedFields.reversed().map {
        .insert(index: 0, name: $0.name, value: $0.foldedValue)
      }
  }

  private func logSummary(
    _ queueID: String, _ result: Evaluation, _ verdict: Verdict, _ waited: Duration
  ) {
    let dmarc = result.dmarc
    let signatures =
      result.dkim.isEmpty
      ? "none"
      : result.dkim.prefix(10).map { "\($0.result.rawValue)(\($0.domain))" }.joined(separator: ",")
        + (result.dkim.count > 10 ? ",and \(result.dkim.count - 10) more" : "")
    let milliseconds =
      waited.components.seconds * 1000 + waited.components.attoseconds / 1_000_000_000_000_000
    let overrides = verdict.overrideReasons.map(\.type.rawValue).joined(separator: ",")
    var parts = [
      "client=\(envelope.clientAddress)", "from=\(result.authorDomain?.text ?? "-")",
      "spf=\(result.mailFromSPF.result.rawValue)(\(result.mailFromSPF.domain.utf8.printable()))",
      "dkim=\(signatures)", "dmarc=\(dmarc.result.rawValue)", "cause=\(dmarc.cause.rawValue)",
      "policy=\(dmarc.appliedPolicy?.rawValue ?? "-")",
      "disposition=\(verdict.disposition.rawValue)", "answer=\(verdict.answer.label)",
      "overrides=\(overrides.isEmpty ? "-" : overrides)", "removed=\(forged.occurrences.count)",
      "ms=\(milliseconds)",
    ]
    if let comparison = dmarc.comparison, !comparison.differences.isEmpty {
      let policy = comparison.appliedPolicy?.rawValue ?? "-"
      parts.append(
        "\(comparison.discovery.rawValue)=\(comparison.result.rawValue)"
          + "(\(policy),\(comparison.policyDomain?.text ?? "-"))")
    }
    context.logger.info(
      "\(parts.joined(separator: " "))", metadata: [LineLogHandler.queueIDKey: "\(queueID)"])
  }
}

extension MilterReply {
  /// The answer of a verdict in the milter's terms.
  fileprivate init(_ answer: Verdict.Answer) {
    self =
      switch answer {
      case .accept: .accept
      case .hold(let reason): .hold(reason: reason)
      case .reject(let reply):
        .reject(code: reply.code, enhancedCode: reply.enhancedCode, text: reply.text)
      case .tempfail(let reply):
        .tempfail(code: reply.code, enhancedCode: reply.enhancedCode, text: reply.text)
      }
  }
}

extension Verdict.Answer {
  /// One word for log lines.
  fileprivate var label: String {
    switch self {
    case .accept: "accept"
    case .hold: "hold"
    case .reject(let reply), .tempfail(let reply): reply.code
    }
  }
}
