import Foundation
import Ledger
import MailAuth
import Reports

/// A replay for people.
struct ReplayText {
  private let replay: Replay
  private let settings: [String]

  init(_ replay: Replay, _ settings: [String]) {
    self.replay = replay
    self.settings = settings
  }

  /// A table, and sentences under it.
  var text: String {
    let lines = heading + [""] + table + [""] + causes + changes + notes
    return lines.map(\.withoutControls).joined(separator: "\n")
  }

  private var heading: [String] {
    let record = replay.recorded
    let time = UTCDay.timeText(record.receivedAt)
    let source = replay.isLive ? "the DNS as it is now" : "the DNS as it was"
    let with = settings.isEmpty ? "" : " and " + settings.joined(separator: ", ")
    let moment =
      replay.current.receivedAt == record.receivedAt
      ? "" : ", as of \(UTCDay.timeText(replay.current.receivedAt)) UTC"
    return [
      "Message \(record.queueID), received by \(record.host) at \(time) UTC from "
        + "\(record.envelope.clientAddress), evaluated again with \(source)\(with)\(moment)."
    ]
  }

  private var table: [String] {
    let cells =
      [["", "recorded", "now", ""]]
      + replay.rows.map { [$0.subject, $0.recorded, $0.now, $0.differs ? "<--" : ""] }
    let widths = (0..<3).map { column in cells.map { $0[column].count }.max() ?? 0 }
    return cells.map { row in
      let padded = zip(row, widths + [0]).map { cell, width in
        cell + String(repeating: " ", count: max(width - cell.count, 0))
      }
      return String(padded.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
    }
  }

  private var causes: [String] {
    let (old, new) = (Self.cause(replay.recorded), Self.cause(replay.current))
    if replay.isSame { return ["Nothing is different. \(new)"] }
    var lines = ["Then: \(old)", "Now:  \(new)"]
    if let fix = replay.current.evaluation.rootCause?.fix { lines.append("What to fix: \(fix)") }
    return lines
  }

  private static func cause(_ record: MessageRecord) -> String {
    record.evaluation.rootCause?.explanation ?? record.evaluation.dmarc.explanation
  }

  private var changes: [String] {
    replay.changes.map { change in
      "DNS: \(change.name) \(change.type): then \(change.recorded); now \(change.now)"
    }
  }

  private var notes: [String] {
    var notes: [String] = []
    if !replay.unrecorded.isEmpty {
      notes.append(
        "Not asked at that time, so nobody knows the answer; it counts as a failure of the DNS: "
          + replay.unrecorded.joined(separator: ", "))
    }
    if replay.isWithoutBody {
      notes.append("The body was not kept; its recorded hashes stand for it.")
    }
    return notes
  }
}

/// A replay as JSON; the names stay.
struct ReplayJSON: Encodable {
  let host: String
  let queueID: String
  let receivedAt: Int64
  let evaluatedAt: Int64
  let dns: String
  let bodyKept: Bool
  let same: Bool
  let rows: [Replay.Row]
  let recordedExplanation: String
  let explanation: String
  let fix: String?
  let dnsChanges: [Replay.Change]
  let notAskedThen: [String]

  init(_ replay: Replay) {
    host = replay.recorded.host
    queueID = replay.recorded.queueID
    receivedAt = replay.recorded.receivedAt
    evaluatedAt = replay.current.receivedAt
    dns = replay.isLive ? "live" : "recorded"
    bodyKept = !replay.isWithoutBody
    same = replay.isSame
    rows = replay.rows
    let (old, new) = (replay.recorded.evaluation, replay.current.evaluation)
    recordedExplanation = old.rootCause?.explanation ?? old.dmarc.explanation
    explanation = new.rootCause?.explanation ?? new.dmarc.explanation
    fix = new.rootCause?.fix
    dnsChanges = replay.changes
    notAskedThen = replay.unrecorded
  }

  /// The object on one line.
  func line() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
