import Foundation
import Ledger
import Logging
import MailAuth
import Milter
import Reports

/// One message on its way in: evaluated, written to the ledger, marked, and let through.
final class IncomingMessage: MilterTransaction {
  /// What the messages of one configuration have in common; an object, so that no message copies it.
  final class Context: Sendable {
    let evaluator: Evaluator
    let ledger: any LedgerStore
    let checks: CheckPool
    let logger: Logger
    /// The local policy, and the name under which results are written.
    let verdicts: VerdictSettings
    /// The name of this host, when the MTA does not give its own.
    let hostName: String
    /// The longest time one message's checks may take.
    let deadlineSeconds: Int
    /// Knows mail about our own reports.
    let reportTraffic: ReportTraffic
    /// How failure reports are prepared; nil when there are none.
    let failureCapture: FailureCapture.Settings?
    /// What seals messages; nil when they are not sealed.
    let sealer: ARCSealer?
    /// How large a header may be.
    let headerLimits: Configuration.Limits
    /// What is kept of messages.
    let capture: CaptureSettings
    /// What a message is answered whose evaluation failed through a fault of ours.
    let onFailure: Configuration.OnFailure
    /// Where the clock stands; nil for the system's clock, always but in the lab.
    let clock: Int64?

    /// - Throws: Whatever keeps one of the parts from being made.
    init(
      _ wiring: Wiring, _ resolver: any Resolver, _ ledger: any LedgerStore, _ checks: CheckPool,
      _ logger: Logger, clock: Int64?
    ) throws {
      let configuration = wiring.configuration
      evaluator = try wiring.evaluator(resolver)
      self.ledger = ledger
      self.checks = checks
      self.logger = logger
      verdicts = configuration.verdictSettings
      hostName = wiring.hostName
      deadlineSeconds = configuration.limits.deadlineSeconds
      reportTraffic = ReportTraffic(configuration.report)
      failureCapture = try wiring.failureCapture()
      sealer = try wiring.sealer()
      headerLimits = configuration.limits
      capture = configuration.ledger.capture
      onFailure = configuration.milter.onFailure
      self.clock = clock
    }
  }

  private let context: Context
  private let start: MilterEnvelopeStart
  private var envelope: Envelope
  private let receivedAt: Int64
  private let evaluation: MessageEvaluation
  private var forged: ForgedFields
  /// The values of the first From fields.
  private var fromValues: [[UInt8]] = []
  /// More From fields than this are not looked at.
  private static let mostFromFields = 10
  private let failure: FailureCapture?
  private let sealing: MessageSealing?
  private let capture: CaptureWork?

  init(_ start: MilterEnvelopeStart, clientAddress: IPAddress, context: Context) {
    self.context = context
    self.start = start
    envelope = Envelope(
      clientAddress: clientAddress, clientName: start.clientName, helo: start.helo,
      mailFrom: start.mailFrom)
    forged = ForgedFields(context.verdicts)
    failure = context.failureCapture.map { FailureCapture($0) }
    sealing = context.sealer.map { MessageSealing($0, limits: context.headerLimits) }
    capture = CaptureWork(context.capture)
    receivedAt = context.clock ?? Int64(Date().timeIntervalSince1970)
    let seconds = context.deadlineSeconds
    evaluation = context.evaluator.begin(
      envelope, now: receivedAt,
      deadline: { ContinuousClock.now.advanced(by: .seconds(seconds)) })
    // As a rule the DNS answers are known, and a thread of its own would cost more than the check.
    let left = evaluation.runKnownChecks()
    if !left.isEmpty { context.checks.offer(left) }
  }

  func recipient(_ address: [UInt8]) {
    envelope.recipients.append(address)
  }

  func header(_ field: HeaderField) {
    let isForged = forged.add(field)
    if !isForged { sealing?.add(field) }
    failure?.add(field)
    capture?.add(field)
    if field.isNamed("From"), fromValues.count < Self.mostFromFields {
      fromValues.append(field.value)
    }
    evaluation.addHeader(field)
  }

  func endOfHeaders() {
    capture?.endHeaders()
    evaluation.endHeaders()
    sealing?.endHeaders()
  }

  func body(_ chunk: UnsafeRawBufferPointer) {
    unsafe capture?.add(body: chunk)
    unsafe evaluation.addBody(chunk)
    unsafe sealing?.body(chunk)
  }

  func endOfMessage(queueID: String) -> MilterVerdict {
    let began = ContinuousClock.now
    let result = evaluation.finish()
    var verdict = Verdict(result, envelope: envelope, settings: context.verdicts)
    verdict.answer = answer(queueID, result, decided: verdict.answer)
    let reply = MilterReply(verdict.answer)
    let sealed = reply.isTaken ? seal(queueID, result, verdict) : nil
    let waited = ContinuousClock.now - began
    let removed = forged.occurrences
    var edits: [HeaderEdit] = []
    // A failure to record comes behind the message's line then, and a line may be of a message that
    // nobody answered.
    record(queueID, result, verdict, sealed?.set) {
      logSummary(queueID, result, verdict, sealed?.set, waited, removed: removed.count)
      edits = Self.edits(removing: removed, adding: (sealed?.fields ?? []) + verdict.addedFields)
    }
    return MilterVerdict(edits: edits, reply: reply)
  }

  /// Seals the message; what keeps it from being sealed is logged and changes nothing else.
  private func seal(
    _ queueID: String, _ result: Evaluation, _ verdict: Verdict
  ) -> (set: AddedARCSet, fields: [AddedField])? {
    let metadata: Logger.Metadata = [LineLogHandler.queueIDKey: "\(queueID)"]
    switch sealing?.finish(result, verdict, now: receivedAt) {
    case nil: return nil
    case .sealed(let set, let fields): return (set, fields)
    case .refused(let reason):
      context.logger.notice("not sealed: \(reason)", metadata: metadata)
      return nil
    case .failed(let reason):
      context.logger.error("not sealed, passed on without a seal: \(reason)", metadata: metadata)
      return nil
    }
  }

  /// The answer of the policy, or that of `on_failure` where a check failed through a fault of ours.
  private func answer(
    _ queueID: String, _ result: Evaluation, decided: Verdict.Answer
  ) -> Verdict.Answer {
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
        SMTPReply(
          code: "451", enhancedCode: "4.7.0", text: "Message could not be evaluated, try again"))
    }
  }

  func abort() {}

  /// Commits the message to the ledger, and does `work` meanwhile; a failure is ours and changes
  /// nothing for the message.
  private func record(
    _ queueID: String, _ result: Evaluation, _ verdict: Verdict, _ addedSet: AddedARCSet?,
    meanwhile work: () -> Void
  ) {
    let host = start.hostName ?? context.hostName
    let incident = failure?.incident(
      result,
      FailureCapture.Reception(
        envelope: envelope, host: host, receivedAt: receivedAt, verdict: verdict),
      spfRecords: evaluation.mailFromSPFRecords)
    let record = MessageRecord(
      host: host, queueID: queueID, receivedAt: receivedAt,
      envelope: envelope, evaluation: result, verdict: verdict, addedARCSet: addedSet,
      isReportTraffic: context.reportTraffic.covers(
        envelope, authorDomains: result.authorDomains,
        authors: fromValues.flatMap(AuthorAddresses.list), spf: result.mailFromSPF.result),
      failureIncident: incident,
      capture: capture?.capture(
        result, envelope, receivedAt: receivedAt, dns: evaluation.recordedAnswers))
    do {
      try context.ledger.append(record, meanwhile: work)
    } catch {
      context.logger.error(
        "not recorded, this message will be missing from reports: \(error)",
        metadata: [LineLogHandler.queueIDKey: "\(queueID)"])
    }
  }

  /// Forged fields go from the last to the first, so that no deletion moves another; ours are put
  /// on top of everything (RFC 8601 sections 4 and 5).
  private static func edits(
    removing removed: [ForgedFields.Occurrence], adding added: [AddedField]
  ) -> [HeaderEdit] {
    let deletions = removed.map { HeaderEdit.delete(name: $0.name, occurrence: $0.number) }
    return deletions
      + added.reversed().map {
        .insert(index: 0, name: $0.name, value: $0.foldedValue)
      }
  }

  private func logSummary(
    _ queueID: String, _ result: Evaluation, _ verdict: Verdict, _ addedSet: AddedARCSet?,
    _ waited: Duration, removed: Int
  ) {
    guard context.logger.logLevel <= .info else { return }
    let dmarc = result.dmarc
    let (seconds, attoseconds) = waited.components
    let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
    var line = SummaryLine()
    line.add("client=", envelope.clientAddress.description)
    line.add(" from=", result.authorDomain?.text ?? "-")
    line.add(" spf=", result.mailFromSPF.result.rawValue)
    line.add("(", result.mailFromSPF.domain.utf8.printable())
    line.add(") dkim=", result.dkim.isEmpty ? "none" : "")
    for (index, signature) in result.dkim.prefix(10).enumerated() {
      line.add(index == 0 ? "" : ",", signature.result.rawValue)
      line.add("(", signature.domain)
      line.add(")")
    }
    if result.dkim.count > 10 { line.add(",and ", "\(result.dkim.count - 10) more") }
    line.add(" dmarc=", dmarc.result.rawValue)
    line.add(" cause=", dmarc.cause.rawValue)
    line.add(" policy=", dmarc.appliedPolicy?.rawValue ?? "-")
    line.add(" disposition=", verdict.disposition.rawValue)
    line.add(" answer=", verdict.answer.label)
    line.add(" overrides=", verdict.overrideReasons.isEmpty ? "-" : "")
    for (index, reason) in verdict.overrideReasons.enumerated() {
      line.add(index == 0 ? "" : ",", reason.type.rawValue)
    }
    line.add(" removed=", removed.description)
    line.add(" ms=", milliseconds.description)
    if let addedSet {
      line.add(" sealed=", "\(addedSet.instance)(cv=\(addedSet.chainValidation.rawValue))")
    }
    if let comparison = dmarc.comparison, !comparison.differences.isEmpty {
      let policy = comparison.appliedPolicy?.rawValue ?? "-"
      line.add(
        " ",
        "\(comparison.discovery.rawValue)=\(comparison.result.rawValue)"
          + "(\(policy),\(comparison.policyDomain?.text ?? "-"))")
    }
    context.logger.info(
      Logger.Message(stringLiteral: line.text),
      metadata: [LineLogHandler.queueIDKey: .string(queueID)])
  }
}

/// The line about a message in the making.
private struct SummaryLine {
  private var buffer = TextBuffer(capacity: 384)

  var text: String { buffer.text }

  /// Adds a name, with what stands in front of it, and its value.
  mutating func add(_ name: String, _ value: String = "") {
    buffer += name
    buffer += value
  }
}

extension MilterReply {
  /// Whether the message goes on, at once or once it is released.
  fileprivate var isTaken: Bool {
    switch self {
    case .accept, .hold: true
    case .reject, .tempfail: false
    }
  }

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
