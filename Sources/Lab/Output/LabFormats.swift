import Foundation

/// Runs as JSON.
public enum LabJSON {
  /// An array of ``LabRun``, keys in alphabetical order, no final line end.
  ///
  /// - Throws: What the encoder throws.
  public static func text(of runs: [LabRun]) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(runs), as: UTF8.self)
  }
}

/// Runs as JUnit XML, as test reporters of build servers read it.
public enum LabJUnit {
  /// A test suite with one test for each scenario; ends with a line end.
  public static func text(of runs: [LabRun]) -> String {
    let failed = runs.count { !$0.isAsExpected }
    var lines = [
      #"<?xml version="1.0" encoding="UTF-8"?>"#,
      "<testsuite name=\"plumbline lab\" tests=\"\(runs.count)\" failures=\"\(failed)\">",
    ]
    for run in runs {
      let head = "  <testcase classname=\"\(escaped(run.path))\" name=\"\(escaped(run.title))\""
      if let reason = run.skipped {
        lines.append(head + ">")
        lines.append("    <skipped message=\"\(escaped(reason))\"/>")
        lines.append("  </testcase>")
        continue
      }
      guard !run.isAsExpected else {
        lines.append(head + "/>")
        continue
      }
      let count = run.differences.count
      lines.append(head + ">")
      lines.append(
        "    <failure message=\"\(count) difference\(count == 1 ? "" : "s")\">"
          + run.differences.map { escaped("line \($0.line): \($0.text)") }
          .joined(separator: "\n") + "</failure>")
      lines.append("  </testcase>")
    }
    return (lines + ["</testsuite>"]).map { $0 + "\n" }.joined()
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in PlainText.withoutControls(text).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\u{FFFE}", "\u{FFFF}": result += "?"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

/// Runs as Markdown.
public enum LabMarkdown {
  /// A section with a table for each run; ends with a line end.
  public static func text(of runs: [LabRun]) -> String {
    let failed = runs.count { !$0.isAsExpected }
    var lines = ["# Lab: \(runs.count) scenarios, \(failed) not as expected", ""]
    for run in runs {
      lines += ["## \(escaped(run.title))", "", escaped(run.why), ""]
      lines.append(
        "File: `\(run.path)`. " + (run.isAsExpected ? "As expected." : "**Differs.**")
          + (run.skipped.map { " In memory only: \(escaped($0))" } ?? ""))
      lines += ["", "| " + LabTable.titles.joined(separator: " | ") + " |"]
      lines.append("|" + LabTable.titles.map { _ in "---|" }.joined())
      lines += run.receipts.map { receipt in
        let cells = LabTable.cells(receipt).map { $0.map(escaped).joined(separator: "<br>") }
        return "| " + cells.joined(separator: " | ") + " |"
      }
      lines.append("")
      if !run.differences.isEmpty {
        lines += run.differences.map { "* line \($0.line): \(escaped($0.text))" } + [""]
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in PlainText.withoutControls(text).unicodeScalars {
      if "\\|*_<>`[]".unicodeScalars.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar == "\n" ? " " : scalar)
    }
    return result
  }
}
