import MailAuth

/// Runs as text for a terminal.
public struct LabText: Sendable {
  private static let indent = "     "

  private let isColored: Bool
  private let width: Int

  /// Makes a writer.
  ///
  /// - Parameters:
  ///   - isColored: Whether to use the colours of ANSI terminals.
  ///   - width: How many characters a line may have.
  public init(isColored: Bool, width: Int) {
    self.isColored = isColored
    self.width = max(width, 60)
  }

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
    let title = TextColumns.wrapped(
      PlainText.oneLine("\(run.title)  [\(run.path)]"), width: width - 5, indent: 0)
    var lines = title.enumerated().map { index, line in
      (index == 0 ? colored(mark, isGood: run.isAsExpected) + " " : Self.indent) + line
    }
    lines += table(of: run).map { Self.indent + $0 }
    lines += run.receipts.flatMap { receipt in
      sentence(
        "\(receipt.receiver): \(receipt.rootCause?.explanation ?? receipt.dmarc.explanation)")
    }
    lines += run.notReached.flatMap { sentence("\($0): does not get the message") }
    let differences = differences(of: run).map { Self.indent + $0 }
    return lines + (differences.isEmpty ? [] : [""]) + differences
  }

  private func sentence(_ text: String) -> [String] {
    TextColumns.wrapped(
      PlainText.oneLine(text), width: width - Self.indent.count, indent: 2
    ).map { Self.indent + $0 }
  }

  /// The receivers in lines; where these get too long, in columns.
  private func table(of run: LabRun) -> [String] {
    guard !run.receipts.isEmpty else { return [] }
    let rows = run.receipts.map { LabTable.cells($0).map { $0.map(PlainText.oneLine) } }
    let wrong = run.receipts.map { receipt in
      Set(
        run.differences.filter { $0.receiver == receipt.receiver }
          .compactMap { LabTable.column(of: $0.subject) })
    }
    let width = width - Self.indent.count
    if TextColumns.width(LabTable.titles, rows) <= width {
      return TextColumns.lines(LabTable.titles, rows) { text, row, column in
        wrong[row].contains(column) ? colored(text, isGood: false) : text
      }
    }
    let titles = [""] + rows.map { $0[0].joined() }
    let turned = LabTable.titles.indices.dropFirst().map { column in
      [[LabTable.titles[column]]] + rows.map { $0[column] }
    }
    return TextColumns.lines(titles, turned, width: width) { text, row, column in
      column > 0 && wrong[column - 1].contains(row + 1) ? colored(text, isGood: false) : text
    }
  }

  private func differences(of run: LabRun) -> [String] {
    guard !run.differences.isEmpty else { return [] }
    let isOne = run.receipts.count == 1
    let rows = run.differences.map { difference in
      // Signatures are told in a row.
      func lines(_ text: String) -> [String] {
        guard difference.subject == "DKIM" else { return [PlainText.oneLine(text)] }
        let parts = text.split(separator: ", ").map(String.init)
        return parts.enumerated().map { $0 + 1 < parts.count ? $1 + "," : $1 }
          .map(PlainText.oneLine)
      }
      let subject = isOne ? difference.subject : "\(difference.receiver): \(difference.subject)"
      return [
        [PlainText.oneLine(subject)], lines(difference.expected), lines(difference.found),
        ["\(difference.line)"],
      ]
    }
    return TextColumns.lines(
      ["differs", "expected", "found", "line"], rows, width: width - Self.indent.count
    ) { text, _, column in
      switch column {
      case 1: colored(text, isGood: true)
      case 2: colored(text, isGood: false)
      default: text
      }
    }
  }

  private func colored(_ text: String, isGood: Bool) -> String {
    isColored ? "\u{1B}[\(isGood ? 32 : 31)m\(text)\u{1B}[0m" : text
  }
}

/// Two runs of each scenario side by side.
public struct LabComparisonText: Sendable {
  /// The runs of one scenario.
  public struct Pair: Sendable {
    let before: LabRun
    let after: LabRun

    /// Makes a pair of the run as the file has it, and the run under other settings.
    public init(before: LabRun, after: LabRun) {
      self.before = before
      self.after = after
    }
  }

  private let isColored: Bool
  private let width: Int

  /// Makes a writer.
  ///
  /// - Parameters:
  ///   - isColored: Whether to use the colours of ANSI terminals.
  ///   - width: How many characters a line may have.
  public init(isColored: Bool, width: Int) {
    self.isColored = isColored
    self.width = max(width, 60)
  }

  /// What is different; ends with a line end.
  ///
  /// - Parameters:
  ///   - pairs: The runs; of several those without a difference are only counted.
  ///   - settings: The other settings, for the title.
  /// - Returns: A table for each receiver at which something is different.
  public func text(of pairs: [Pair], settings: [String]) -> String {
    var lines = ["With \(settings.joined(separator: ", ")):", ""]
    var count = 0
    for pair in pairs {
      let difference = self.lines(pair)
      count += difference.isEmpty ? 0 : 1
      guard !difference.isEmpty || pairs.count == 1 else { continue }
      lines += ["\(pair.before.title)  [\(pair.before.path)]", ""] + difference
    }
    if pairs.count > 1 {
      lines.append("\(count) of \(pairs.count) scenarios change.")
    } else if count == 0 {
      lines.append("Nothing changes.")
    }
    return PlainTextLines.joined(lines)
  }

  /// The tables of one scenario, each with an empty line behind; none when nothing is different.
  private func lines(_ pair: Pair) -> [String] {
    let (before, after) = (pair.before, pair.after)
    var lines: [String] = []
    let names =
      before.receipts.map(\.receiver)
      + after.receipts.map(\.receiver).filter { name in
        !before.receipts.contains { $0.receiver == name }
      }
    var hasChanged = false
    for name in names {
      let old = before.receipts.first { $0.receiver == name }.map(Self.facts)
      let new = after.receipts.first { $0.receiver == name }.map(Self.facts)
      let rows = Self.rows(old, new)
      guard rows.contains(where: { $0.old != $0.new }) else {
        lines += ["\(name): no difference", ""]
        continue
      }
      hasChanged = true
      lines += TextColumns.lines(
        [name, "as it is", "then", ""],
        rows.map { row in
          [row.name, row.old, row.new, row.old == row.new ? "" : "<--"]
            .map { [PlainText.oneLine($0)] }
        }, width: width
      ).map { isColored && $0.hasSuffix("<--") ? "\u{1B}[33m\($0)\u{1B}[0m" : $0 }
      lines.append("")
    }
    return hasChanged ? lines : []
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
    var cells = LabTable.cells(receipt).map { $0.joined(separator: ", ") }
    // The answer has a row of its own.
    cells[LabTable.titles.firstIndex(of: "disposition") ?? 0] = receipt.disposition.rawValue
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
