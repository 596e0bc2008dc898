import MailAuth
import Reports

/// A report as text: who sent it and for when, then its rows, with the words that are also used for
/// messages of our own.
struct InspectText {
  private let report: ReadReport
  private let file: String
  private let findings: [RowFindings]
  private static let titles = ["COUNT", "SOURCE", "FROM", "SPF", "DKIM", "DMARC", "DONE"]

  init(_ report: ReadReport, file: String, _ publicSuffixList: PublicSuffixList?) {
    self.report = report
    self.file = file
    findings = report.rows.map { report.findings(of: $0, publicSuffixList: publicSuffixList) }
  }

  /// The messages that passed DMARC.
  var passed: Int {
    zip(report.rows, findings).reduce(0) { $0 + ($1.1.dmarc == .pass ? $1.0.count : 0) }
  }

  /// Prints the report and an empty line.
  func print() {
    for line in headLines { Swift.print(line.onOneLine) }
    let rows = zip(report.rows, findings).map(Self.cells)
    let widths = Self.titles.indices.map { column in
      ([Self.titles] + rows).map { $0[column].utf8.count }.max() ?? 0
    }
    Swift.print(Self.line(Self.titles, widths))
    for (index, cells) in rows.enumerated() {
      Swift.print(Self.line(cells, widths))
      for sentence in Self.sentences(report.rows[index], findings[index]) {
        Swift.print("    \(sentence.onOneLine)")
      }
    }
    Swift.print()
  }

  private var headLines: [String] {
    let policy = report.policy
    let tags = [
      ("p", policy.policy), ("sp", policy.subdomainPolicy),
      ("np", policy.nonexistentSubdomainPolicy), ("pct", policy.percentage.map { "\($0)" }),
      ("adkim", policy.dkimAlignment), ("aspf", policy.spfAlignment),
      ("fo", policy.failureOptions), ("testing", policy.testing),
      ("by", policy.discoveryMethod),
    ]
    let published = tags.compactMap { name, value in value.map { "\(name)=\($0)" } }
    let contact = [report.email, report.extraContact].compactMap { $0 }.filter { !$0.isEmpty }
    let part = report.part.map { ": \($0)" } ?? ""
    return ["\(file)\(part)"]
      + [
        "Report   \(report.reportID ?? "without ID") (\(report.form.rawValue)"
          + "\(report.generator.map { ", by \($0)" } ?? ""))",
        "From     \(report.organization)"
          + (contact.isEmpty ? "" : " (\(contact.joined(separator: ", ")))"),
        "Period   \(Self.time(report.begin)) to \(Self.time(report.end)) UTC",
        "Policy   \(policy.domain): \(published.joined(separator: " "))",
      ] + report.errors.map { "Error    \($0)" } + report.problems.map { "Problem  \($0)" }
  }

  private static func cells(_ row: ReadReport.Row, _ findings: RowFindings) -> [String] {
    let spf =
      row.spfResult.map { mark($0.result, findings.spf.alignment) } ?? "-"
    let dkim = zip(row.dkimResults, findings.dkim).map { mark($0.result, $1.alignment) }
    return [
      "\(row.count)", row.sourceIP, row.headerFrom.isEmpty ? "-" : row.headerFrom, spf,
      dkim.isEmpty ? "none" : dkim.joined(separator: ","), findings.dmarc.rawValue,
      row.disposition ?? "-",
    ].map { String($0.onOneLine.prefix(200)) }
  }

  private static func mark(_ result: String, _ alignment: Alignment?) -> String {
    let word = result.isEmpty ? "?" : result
    return switch alignment?.isAligned {
    case true?: word + "+"
    case false?: word + "-"
    case nil: word
    }
  }

  private static func line(_ cells: [String], _ widths: [Int]) -> String {
    let padded = zip(cells, widths).enumerated().map { column, pair in
      let (cell, width) = pair
      let blanks = String(repeating: " ", count: max(0, width - cell.utf8.count))
      // Numbers stand under their last digit.
      return column == 0 ? blanks + cell : cell + blanks
    }.joined(separator: "  ")
    return String(padded.reversed().drop { $0 == " " }.reversed())
  }

  /// What was wrong with each identifier that did not pass, why the policy was not followed, and
  /// what to fix.
  private static func sentences(_ row: ReadReport.Row, _ findings: RowFindings) -> [String] {
    var lines: [String] = []
    if row.spfResult != nil, findings.spf.result != .pass {
      lines.append("SPF \(findings.spf.result.rawValue): \(findings.spf.explanation)")
    }
    lines += findings.dkim.filter { $0.result != .pass }.map {
      "DKIM \($0.result.rawValue): \($0.explanation)"
    }
    lines += row.reasons.map { reason in
      "Override: \(reason.type)\(reason.comment.map { " (\($0))" } ?? "")"
    }
    if let contradiction = findings.contradiction { lines.append("Odd: \(contradiction).") }
    guard let cause = findings.rootCause else { return lines }
    if !lines.contains(where: { $0.hasSuffix(cause.explanation) }) {
      lines.append(cause.explanation)
    }
    return lines + ["What to fix (\(cause.code.rawValue)): \(cause.fix)"]
  }

  /// A time as reports mean it; a number that is no time of ours as it is.
  private static func time(_ seconds: Int64) -> String {
    guard (0..<253_402_300_800).contains(seconds) else { return "\(seconds)" }
    let day = UTCDay(containing: seconds)
    let second = seconds - day.begin
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(day) \(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
  }
}
