import Foundation
import Lab
import Ledger
import MailAuth

/// A message evaluated again, beside what was recorded of it.
struct Replay {
  /// A question to the DNS that ended otherwise than before.
  struct Change: Encodable {
    let name: String
    let type: String
    let recorded: String
    let now: String
  }

  /// One thing found out, then and now.
  struct Row: Encodable {
    let subject: String
    let recorded: String
    let now: String
    let differs: Bool

    init(_ subject: String, _ recorded: String, _ now: String) {
      self.subject = subject
      self.recorded = recorded
      self.now = now
      differs = recorded != now
    }
  }

  /// What was recorded.
  let recorded: MessageRecord
  /// What is found now.
  let current: MessageRecord
  /// Whether the DNS was asked, and not what was recorded of it.
  let isLive: Bool
  /// The body's hashes stood for the body.
  let isWithoutBody: Bool
  /// The facts of both, side by side.
  let rows: [Row]
  /// DNS answers that are not as they were.
  let changes: [Change]
  /// Questions that nothing was recorded for.
  let unrecorded: [String]

  /// Whether nothing is different.
  var isSame: Bool { rows.allSatisfy { !$0.differs } }

  /// Evaluates a message again.
  ///
  /// - Parameters:
  ///   - record: What was recorded.
  ///   - capture: What was kept of the message.
  ///   - header: The header that was kept.
  ///   - settings: How it is to be evaluated.
  ///   - live: What asks the DNS; nil for the recorded answers.
  ///   - now: The time of evaluation.
  ///   - deadlineSeconds: How long a check may take.
  /// - Throws: When libopendkim cannot be opened.
  init(
    _ record: MessageRecord, _ capture: MessageCapture, header: [HeaderField],
    settings: ReceiverSettings, live: (any Resolver)?, now: Int64, deadlineSeconds: Int
  ) throws {
    let recordedDNS = RecordedResolver(capture.dns)
    let evaluator = try Evaluator(settings: settings.evaluator, resolver: live ?? recordedDNS)
    var envelope = record.envelope
    envelope.mailFrom = capture.mailFrom
    let evaluation = evaluator.begin(
      envelope, now: now, deadline: { ContinuousClock.now.advanced(by: .seconds(deadlineSeconds)) },
      bodyHashes: capture.body == nil ? capture.bodyHashes : nil)
    header.forEach(evaluation.addHeader)
    evaluation.endHeaders()
    if let body = capture.body {
      unsafe body.withUnsafeBytes { unsafe evaluation.addBody($0) }
    }
    let found = evaluation.finish()
    let verdict = Verdict(found, envelope: envelope, settings: settings.verdicts)
    recorded = record
    current =
      MessageRecord(
        host: record.host, queueID: record.queueID, receivedAt: now, envelope: envelope,
        evaluation: found, verdict: verdict, isReportTraffic: record.isReportTraffic
      ).withoutLocalParts
    isLive = live != nil
    isWithoutBody = capture.body == nil && !capture.bodyHashes.entries.isEmpty
    rows = ReplayFacts.rows(recorded, current)
    changes = Self.changes(capture.dns, evaluation.recordedAnswers, isLive: isLive)
    unrecorded = recordedDNS.unrecordedQuestions.map { "\($0.name) \($0.type.rawValue)" }
  }

  /// The answers that differ, of questions asked then and now.
  private static func changes(
    _ before: [RecordedAnswer], _ now: [RecordedAnswer], isLive: Bool
  ) -> [Change] {
    guard isLive else { return [] }
    let then = RecordedResolver(before)
    let known = Set(before.map(\.question))
    var seen: Set<DNSQuestion> = []
    return now.compactMap { answer in
      guard seen.insert(answer.question).inserted else { return nil }
      let old = then.answer(answer.question, deadline: nil)
      let oldText = known.contains(answer.question) ? text(old.outcome, old.records) : "not asked"
      let newText = text(answer.outcome, answer.records)
      guard oldText != newText else { return nil }
      return Change(
        name: answer.name, type: answer.type.rawValue, recorded: oldText, now: newText)
    }
  }

  private static func text(_ outcome: DNSOutcome, _ records: [DNSRecord]) -> String {
    guard outcome == .answer else { return outcome.rawValue }
    // Servers give records in any order.
    return records.map { record in
      switch record {
      case .address(let address): "\(address)"
      case .mx(let preference, let host): "\(preference) \(host)."
      case .ptr(let name): name
      case .txt(let strings): strings.joined().printable(limit: 2000)
      }
    }.sorted().joined(separator: " | ")
  }
}
