import Ledger
import MailAuth
import Reports

/// What was found out about a message, in the few words that replay compares.
enum ReplayFacts {
  /// The facts of two evaluations of one message, side by side.
  static func rows(_ before: MessageRecord, _ now: MessageRecord) -> [Replay.Row] {
    let (old, new) = (before.evaluation, now.evaluation)
    var rows = [
      Replay.Row("SPF", spf(old.mailFromSPF), spf(new.mailFromSPF)),
      Replay.Row("SPF of HELO", spf(old.heloSPF), spf(new.heloSPF)),
    ]
    for index in 0..<max(old.dkim.count, new.dkim.count, 1) {
      func text(_ outcomes: [DKIMOutcome]) -> String {
        outcomes.indices.contains(index) ? signature(outcomes[index]) : "none"
      }
      rows.append(
        Replay.Row("DKIM" + (index == 0 ? "" : " \(index + 1)"), text(old.dkim), text(new.dkim)))
    }
    if old.arc.cause != .notEvaluated {
      rows.append(Replay.Row("ARC", chain(old.arc), chain(new.arc)))
    }
    return rows + [
      Replay.Row("DMARC", dmarc(old.dmarc), dmarc(new.dmarc)),
      Replay.Row("policy", policy(old.dmarc), policy(new.dmarc)),
      Replay.Row(
        "disposition", before.verdict.disposition.rawValue, now.verdict.disposition.rawValue),
      Replay.Row("overrides", overrides(before.verdict), overrides(now.verdict)),
      Replay.Row(
        "root cause", old.rootCause?.code.rawValue ?? "none",
        new.rootCause?.code.rawValue ?? "none"),
      Replay.Row("report row", report(before), report(now)),
    ]
  }

  private static func spf(_ outcome: SPFOutcome) -> String {
    "\(outcome.result.rawValue) \(outcome.domain) (\(outcome.cause.rawValue))"
      + alignment(outcome.alignment)
  }

  private static func signature(_ outcome: DKIMOutcome) -> String {
    let cause = outcome.cause == .verified ? "" : " (\(outcome.cause.rawValue))"
    return "\(outcome.result.rawValue) \(outcome.domain)/\(outcome.selector)\(cause)"
      + alignment(outcome.alignment)
  }

  private static func alignment(_ alignment: Alignment?) -> String {
    switch alignment?.isAligned {
    case true?: ", aligned"
    case false?: ", not aligned"
    case nil: ""
    }
  }

  private static func chain(_ arc: ARCOutcome) -> String {
    let sealers = arc.sets.suffix(3).map { $0.sealDomain?.text ?? "?" }
    let by = sealers.isEmpty ? "" : " " + sealers.joined(separator: " < ")
    let cause = [.verified, .noSets].contains(arc.cause) ? "" : " (\(arc.cause.rawValue))"
    return arc.result.rawValue + by + cause
  }

  private static func dmarc(_ outcome: DMARCOutcome) -> String {
    "\(outcome.result.rawValue) (\(outcome.cause.rawValue))"
  }

  private static func policy(_ outcome: DMARCOutcome) -> String {
    let words = [outcome.policyDomain?.text, outcome.appliedPolicy?.rawValue].compactMap { $0 }
    return words.isEmpty ? "none" : words.joined(separator: " ")
  }

  private static func overrides(_ verdict: Verdict) -> String {
    let words = verdict.overrideReasons.map(\.type.rawValue)
    return words.isEmpty ? "none" : words.joined(separator: ", ")
  }

  private static func report(_ record: MessageRecord) -> String {
    guard let row = ReportRow(record)?.record else { return "none" }
    return "\(row.disposition.rawValue), dkim \(row.dkimAligned ? "pass" : "fail"), "
      + "spf \(row.spfAligned ? "pass" : "fail")"
  }
}
