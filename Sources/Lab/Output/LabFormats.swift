import Foundation
import MailAuth

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
    let skipped = runs.count { $0.skipped != nil }
    let counts =
      "tests=\"\(runs.count)\" failures=\"\(failed)\" errors=\"0\" skipped=\"\(skipped)\""
    var lines = [
      #"<?xml version="1.0" encoding="UTF-8"?>"#,
      "<testsuites name=\"plumbline lab\" \(counts)>",
      "  <testsuite name=\"plumbline lab\" \(counts)>",
    ]
    for run in runs {
      let head =
        "    <testcase classname=\"lab.\(escaped(className(run.path)))\" "
        + "name=\"\(escaped(run.title))\" file=\"\(escaped(run.path))\""
      if let reason = run.skipped {
        lines.append(head + ">")
        lines.append("      <skipped message=\"\(escaped(reason))\"/>")
        lines.append("    </testcase>")
        continue
      }
      guard let first = run.differences.first else {
        lines.append(head + "/>")
        continue
      }
      let others = run.differences.count - 1
      let message = first.text + (others == 0 ? "" : " (and \(others) more)")
      lines.append(head + ">")
      lines.append(
        "      <failure type=\"difference\" message=\"\(escaped(message))\">"
          + run.differences.map { escaped("\(run.path):\($0.line): \($0.text)") }
          .joined(separator: "\n") + "</failure>")
      lines.append("    </testcase>")
    }
    return (lines + ["  </testsuite>", "</testsuites>"]).map { $0 + "\n" }.joined()
  }

  /// The name of the file without its extension; dots would be read as packages.
  private static func className(_ path: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    return (file.hasSuffix(".yml") ? String(file.dropLast(4)) : file).replacing(".", with: "-")
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
    var lines = [
      "# Lab: \(runs.count) scenario\(runs.count == 1 ? "" : "s"), \(failed) not as expected", "",
    ]
    for run in runs {
      lines += ["## \(escaped(run.title))", "", escaped(run.why), ""]
      lines.append(
        "File: \(escaped(run.path)). " + (run.isAsExpected ? "As expected." : "**Differs.**")
          + (run.skipped.map { " In memory only: \(escaped($0))" } ?? ""))
      lines += [""] + table(LabTable.titles, run.receipts.map(LabTable.cells))
      if !run.differences.isEmpty {
        lines += table(
          ["line", "receiver", "what", "expected", "found"],
          run.differences.map { difference in
            [
              "\(difference.line)", difference.receiver, difference.subject, difference.expected,
              difference.found,
            ].map { [$0] }
          })
      }
      for receipt in run.receipts {
        let why = receipt.rootCause?.explanation ?? receipt.dmarc.explanation
        lines += ["\(escaped(receipt.receiver)): \(escaped(why))", ""]
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func table(_ titles: [String], _ rows: [[[String]]]) -> [String] {
    guard !rows.isEmpty else { return [] }
    return [
      "| " + titles.joined(separator: " | ") + " |", "|" + titles.map { _ in "---|" }.joined(),
    ]
      + rows.map { row in
        "| " + row.map { $0.map(escaped).joined(separator: "<br>") }.joined(separator: " | ") + " |"
      } + [""]
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in PlainText.withoutControls(text).unicodeScalars {
      if "\\|*_<>`[]#~&!".unicodeScalars.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar == "\n" ? " " : scalar)
    }
    return result
  }
}
