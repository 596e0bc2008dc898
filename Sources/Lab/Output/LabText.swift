import MailAuth

/// Runs as text for a terminal.
public struct LabText: Sendable {
  private let isColored: Bool

  /// Makes a writer; colours are those of ANSI terminals.
  public init(isColored: Bool) { self.isColored = isColored }

  /// A table for each run, and a line that counts them; ends with a line end.
  public func text(of runs: [LabRun]) -> String {
    let failed = runs.count { !$0.isAsExpected }
    let skipped = runs.count { $0.skipped != nil }
    let summary =
      "\(runs.count) scenario\(runs.count == 1 ? "" : "s"), "
      + (skipped == 0 ? "" : "\(skipped) skipped, ")
      + (failed == 0 ? "all as expected" : "\(failed) not as expected")
    return runs.map { lines(of: $0).joined(separator: "\n") + "\n\n" }.joined()
      + colored(summary, isGood: failed == 0) + "\n"
  }

  private func lines(of run: LabRun) -> [String] {
    if let reason = run.skipped, run.isAsExpected {
      return [
        "skip "
          + PlainText.withoutControls("\(run.title)  [\(run.path)]"),
        "     " + PlainText.withoutControls("in memory only: \(reason)"),
      ]
    }
    let mark = run.isAsExpected ? "ok  " : "FAIL"
    var lines = [
      colored(mark, isGood: run.isAsExpected) + " " + PlainText.withoutControls(run.title)
        + "  [\(PlainText.withoutControls(run.path))]"
    ]
    let table = TextColumns.lines(LabTable.titles, run.receipts.map(LabTable.cells))
    lines += table.map { "     " + PlainText.withoutControls($0) }
    lines += run.receipts.map { receipt in
      "     "
        + PlainText.withoutControls(
          "\(receipt.receiver): \(receipt.rootCause?.explanation ?? receipt.dmarc.explanation)")
    }
    lines += run.differences.map { difference in
      "     "
        + colored(
          PlainText.withoutControls("line \(difference.line): \(difference.text)"), isGood: false)
    }
    return lines
  }

  private func colored(_ text: String, isGood: Bool) -> String {
    isColored ? "\u{1B}[\(isGood ? 32 : 31)m\(text)\u{1B}[0m" : text
  }
}

/// Two runs of one scenario side by side.
public struct LabComparisonText: Sendable {
  private let isColored: Bool

  /// Makes a writer; colours are those of ANSI terminals.
  public init(isColored: Bool) { self.isColored = isColored }

  /// What is different at each receiver; ends with a line end.
  ///
  /// - Parameters:
  ///   - before: The scenario as its file has it.
  ///   - after: The same under other settings.
  ///   - settings: These settings, for the title.
  /// - Returns: A table with both for each receiver.
  public func text(_ before: LabRun, _ after: LabRun, settings: [String]) -> String {
    var lines = [
      "\(before.title)  [\(before.path)]", "With \(settings.joined(separator: ", ")):", "",
    ]
    let names =
      before.receipts.map(\.receiver)
      + after.receipts.map(\.receiver).filter { name in
        !before.receipts.contains { $0.receiver == name }
      }
    var isSame = true
    for name in names {
      let old = before.receipts.first { $0.receiver == name }.map(Self.facts)
      let new = after.receipts.first { $0.receiver == name }.map(Self.facts)
      let rows = Self.rows(old, new)
      let changed = rows.filter { $0.old != $0.new }
      isSame = isSame && changed.isEmpty
      lines += TextColumns.lines(
        [name, "as it is", "then", ""],
        rows.map { row in
          [[row.name], [row.old], [row.new], [row.old == row.new ? "" : "<--"]]
        }
      ).map { isColored && $0.hasSuffix("<--") ? "\u{1B}[33m\($0)\u{1B}[0m" : $0 }
      lines.append("")
    }
    if isSame { lines.append("Nothing changes.") }
    return PlainTextLines.joined(lines)
  }

  private struct Row {
    var name: String
    var old: String
    var new: String
  }

  private static func rows(_ old: [(String, String)]?, _ new: [(String, String)]?) -> [Row] {
    (old ?? new ?? []).indices.map { index in
      Row(
        name: (old ?? new ?? [])[index].0, old: old?[index].1 ?? "does not get it",
        new: new?[index].1 ?? "does not get it")
    }
  }

  private static func facts(_ receipt: LabReceipt) -> [(String, String)] {
    let cells = LabTable.cells(receipt).map { $0.joined(separator: ", ") }
    let row = receipt.row.map { row in
      let reasons = row.reasons.map(\.type).joined(separator: ", ")
      return "\(row.disposition), dkim \(row.dkimAligned ? "pass" : "fail"), "
        + "spf \(row.spfAligned ? "pass" : "fail")" + (reasons.isEmpty ? "" : ", \(reasons)")
    }
    let policy = [receipt.dmarc.policyDomain, receipt.dmarc.appliedPolicy?.rawValue]
      .compactMap { $0 }.joined(separator: " ")
    let addresses = receipt.reportTo ?? ["unknown"]
    return Array(zip(LabTable.titles, cells).dropFirst()) + [
      ("policy", policy.isEmpty ? "none" : policy), ("answer", receipt.answer.rawValue),
      ("report row", row ?? "none"),
      ("report to", addresses.isEmpty ? "nobody" : addresses.joined(separator: ", ")),
    ]
  }
}

private enum PlainTextLines {
  /// Lines with their ends; escape sequences of ours are kept.
  static func joined(_ lines: [String]) -> String {
    lines.map { line in
      line.hasPrefix("\u{1B}[") ? line + "\n" : PlainText.withoutControls(line) + "\n"
    }.joined()
  }
}
