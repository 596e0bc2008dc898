import Ledger
import MailAuth
import Reports

/// What was recorded of a message as the expectations of a scenario.
struct RecordedExpectations {
  /// One expectation.
  struct Item {
    /// What ``LabDifference/subject`` calls it.
    var subject: String
    /// Its lines, not indented.
    var lines: [String]
  }

  /// All of them, in the order of the file.
  let items: [Item]

  init(_ record: MessageRecord) {
    let evaluation = record.evaluation
    let dmarc = evaluation.dmarc
    var items = [
      Item(subject: "SPF", lines: ["spf: " + Self.words(evaluation.mailFromSPF)]),
      Item(subject: "SPF of HELO", lines: ["helo: " + Self.words(evaluation.heloSPF)]),
    ]
    let signatures = evaluation.dkim.map { signature in
      "  - " + Self.words(signature.result.rawValue, signature.domain, signature.cause.rawValue)
    }
    items.append(
      Item(
        subject: "DKIM",
        lines: signatures.isEmpty ? ["dkim: none"] : ["dkim:"] + signatures))
    if evaluation.arc.cause != .notEvaluated {
      let arc = "arc: \(evaluation.arc.result.rawValue) \(evaluation.arc.cause.rawValue)"
      items.append(Item(subject: "ARC", lines: [arc]))
    }
    let policy = [dmarc.policyDomain?.text, dmarc.appliedPolicy?.rawValue].compactMap { $0 }
    items += [
      Item(subject: "DMARC", lines: ["dmarc: \(dmarc.result.rawValue) \(dmarc.cause.rawValue)"]),
      Item(
        subject: "policy",
        lines: ["policy: " + (policy.isEmpty ? "none" : policy.joined(separator: " "))]),
      Item(
        subject: "disposition", lines: ["disposition: \(record.verdict.disposition.rawValue)"]),
      Item(
        subject: "root cause", lines: ["cause: \(evaluation.rootCause?.code.rawValue ?? "none")"]),
      Item(subject: "report", lines: Self.report(record)),
    ]
    self.items = items
  }

  /// The lines of a file, indented by four blanks.
  ///
  /// - Parameter missing: The subjects of differences; what they are about becomes a comment.
  /// - Returns: The lines.
  func lines(without missing: Set<String> = []) -> [String] {
    items.flatMap { item -> [String] in
      let isMissing = missing.contains { subject in
        subject == item.subject || (item.subject == "report" && subject.contains("report"))
      }
      guard isMissing else { return item.lines.map { "    " + $0 } }
      return ["    # recorded, and not to be had without the message:"]
        + item.lines.map { "    #   " + $0 }
    }
  }

  private static func words(_ spf: SPFOutcome) -> String {
    words(spf.result.rawValue, spf.domain, spf.cause.rawValue)
  }

  /// A result with its domain, where `expect` can tell that it is one, and its cause.
  private static func words(_ result: String, _ domain: String, _ cause: String) -> String {
    let name = DomainName(domain).flatMap { $0.text == domain && domain.contains(".") ? $0 : nil }
    return [result, name?.text, cause].compactMap { $0 }.joined(separator: " ")
  }

  private static func report(_ record: MessageRecord) -> [String] {
    guard let row = ReportRow(record)?.record else { return ["report: none"] }
    func passed(_ isAligned: Bool) -> String { isAligned ? "pass" : "fail" }
    var lines = [
      "report:", "  source_ip: \(YAMLText.quoted(row.sourceIP))",
      "  disposition: \(row.disposition.rawValue)", "  dkim: \(passed(row.dkimAligned))",
      "  spf: \(passed(row.spfAligned))", "  header_from: \(YAMLText.quoted(row.headerFrom))",
    ]
    if let domain = row.envelopeFrom {
      lines.append("  envelope_from: \(YAMLText.quoted(domain))")
    }
    let reasons = row.reasons.map(\.type.rawValue)
    lines.append("  reasons: " + (reasons.isEmpty ? "none" : YAMLText.list(reasons)))
    return lines
  }
}
