import Ledger
import MailAuth
import Reports

/// What was recorded of a message as the expectations of a scenario.
struct RecordedExpectations {
  /// The lines, indented by four blanks.
  let lines: [String]

  init(_ record: MessageRecord) {
    let evaluation = record.evaluation
    let dmarc = evaluation.dmarc
    var lines = [
      "spf: " + Self.words(evaluation.mailFromSPF),
      "helo: " + Self.words(evaluation.heloSPF),
    ]
    if evaluation.dkim.isEmpty {
      lines.append("dkim: none")
    } else {
      lines.append("dkim:")
      lines += evaluation.dkim.map { signature in
        "  - "
          + Self.words(signature.result.rawValue, signature.domain, signature.cause.rawValue)
      }
    }
    if evaluation.arc.cause != .notEvaluated {
      lines.append("arc: \(evaluation.arc.result.rawValue) \(evaluation.arc.cause.rawValue)")
    }
    lines.append("dmarc: \(dmarc.result.rawValue) \(dmarc.cause.rawValue)")
    let policy = [dmarc.policyDomain?.text, dmarc.appliedPolicy?.rawValue].compactMap { $0 }
    lines.append("policy: " + (policy.isEmpty ? "none" : policy.joined(separator: " ")))
    lines += [
      "disposition: \(record.verdict.disposition.rawValue)",
      "cause: \(evaluation.rootCause?.code.rawValue ?? "none")",
    ]
    lines += Self.report(record)
    self.lines = lines.map { "    " + $0 }
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
