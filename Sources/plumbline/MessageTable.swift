import Foundation
import Ledger
import MailAuth
import Reports

/// Messages of the ledger as a table for people: what each identifier said, and why DMARC ended as
/// it did, in words.
struct MessageTable {
  private var rows: [[String]] = []
  private var sentences: [[String]] = []
  private static let titles = ["TIME (UTC)", "QUEUE ID", "FROM", "SPF", "DKIM", "DMARC", "CAUSE"]

  /// Takes a message.
  mutating func add(_ record: MessageRecord) {
    let evaluation = record.evaluation
    rows.append([
      UTCDay.timeText(record.receivedAt), record.queueID, evaluation.authorDomain?.text ?? "-",
      Self.spf(evaluation.mailFromSPF), Self.dkim(evaluation.dkim),
      Self.dmarc(evaluation.dmarc), evaluation.dmarc.cause.rawValue,
    ])
    sentences.append(Self.sentences(evaluation) + Self.sealing(record.addedARCSet))
  }

  /// Why DMARC ended as it did, what was wrong with each identifier that did not pass, and what to
  /// fix.
  private static func sentences(_ evaluation: Evaluation) -> [String] {
    let spf = evaluation.mailFromSPF
    let notPassed =
      (spf.result == .pass ? [] : ["SPF \(spf.result.rawValue): \(spf.explanation)"])
      + evaluation.dkim.filter { $0.result != .pass }.map {
        "DKIM \($0.result.rawValue): \($0.explanation)"
      }
    let comparison =
      evaluation.dmarc.comparison
      .flatMap { $0.differences.isEmpty ? nil : [$0.explanation] } ?? []
    let cause = evaluation.rootCause.map { ["What to fix (\($0.code.rawValue)): \($0.fix)"] } ?? []
    return [evaluation.dmarc.explanation] + notPassed + comparison + cause
  }

  private static func sealing(_ set: AddedARCSet?) -> [String] {
    guard let set else { return [] }
    return [
      "Sealed here for \(set.domain) as ARC set \(set.instance), cv=\(set.chainValidation.rawValue)."
    ]
  }

  /// The table: a line of results for each message, and the sentences under it.
  var text: String {
    guard !rows.isEmpty else { return "No messages." }
    let widths = Self.titles.indices.map { column in
      ([Self.titles] + rows).map { $0[column].utf8.count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      let padded = zip(cells, widths).map { $0.padding(toColumns: $1) }.joined(separator: "  ")
      return String(padded.reversed().drop { $0 == " " }.reversed())
    }
    var lines = [line(Self.titles)]
    for (row, sentences) in zip(rows, sentences) {
      lines.append(line(row))
      lines += sentences.map { "    \($0)" }
    }
    return lines.joined(separator: "\n").withoutControls
  }

  private static func spf(_ outcome: SPFOutcome) -> String {
    outcome.result.rawValue + mark(outcome.alignment)
  }

  private static func dkim(_ outcomes: [DKIMOutcome]) -> String {
    outcomes.isEmpty
      ? "none" : outcomes.map { $0.result.rawValue + mark($0.alignment) }.joined(separator: ",")
  }

  private static func dmarc(_ outcome: DMARCOutcome) -> String {
    guard let applied = outcome.appliedPolicy else { return outcome.result.rawValue }
    return "\(outcome.result.rawValue) (\(applied.rawValue))"
  }

  /// A plus behind an identifier that aligns, a minus behind one that does not.
  private static func mark(_ alignment: Alignment?) -> String {
    guard let alignment else { return "" }
    switch alignment.isAligned {
    case true?: return "+"
    case false?: return "-"
    case nil: return "?"
    }
  }
}
