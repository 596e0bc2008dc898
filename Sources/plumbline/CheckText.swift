import MailAuth

/// The text of `plumbline check`: the outcome as one person would tell another.
struct CheckText {
  private let evaluation: Evaluation
  private let verdict: Verdict
  private let envelope: Envelope

  init(_ evaluation: Evaluation, _ verdict: Verdict, _ envelope: Envelope) {
    self.evaluation = evaluation
    self.verdict = verdict
    self.envelope = envelope
  }

  /// The text, lines of any length, no final line end.
  var text: String {
    var lines: [String] = []
    let dmarc = evaluation.dmarc
    lines.append("DMARC    \(dmarc.result.rawValue) (\(dmarc.cause.rawValue))")
    lines.append("         \(dmarc.explanation)")
    lines.append("Author   \(evaluation.authorDomain?.text ?? "no usable From domain")")
    if evaluation.authorDomains.count > 1 {
      let names = evaluation.authorDomains.map(\.text).joined(separator: ", ")
      lines.append("         From names authors of \(names)")
    }
    lines += policyLines
    lines += verdictLines
    if let comparison = dmarc.comparison { lines.append("Compare  \(comparison.explanation)") }
    if let cause = evaluation.rootCause {
      lines.append("Cause    \(cause.code.rawValue)")
      lines.append("         \(cause.explanation)")
      lines.append("Fix      \(cause.fix)")
    }
    lines.append("")
    lines += spfLines(
      envelope.hasNullReversePath ? "SPF of the null sender, by its HELO name" : "SPF of MAIL FROM",
      evaluation.mailFromSPF)
    if !envelope.hasNullReversePath { lines += spfLines("SPF of HELO", evaluation.heloSPF) }
    lines.append("")
    if evaluation.dkim.isEmpty { lines.append("DKIM     none: the message is not signed.") }
    for (index, signature) in evaluation.dkim.enumerated() {
      lines += dkimLines(signature, number: index + 1)
    }
    lines += arcLines
    lines.append("")
    lines += dnsLines
    lines.append("")
    lines.append("Header   Authentication-Results:")
    lines += verdict.authenticationResults.split(separator: "; ").map { "           \($0)" }
    lines += verdict.addedFields.dropFirst().map { "         \($0.name): \($0.value)" }
    return lines.joined(separator: "\n").withoutControls
  }

  private var policyLines: [String] {
    let dmarc = evaluation.dmarc
    guard let record = dmarc.record, let domain = dmarc.policyDomain else {
      return ["Policy   none that applies"]
        + (dmarc.recordText.map { ["         found: \($0)"] } ?? [])
    }
    var lines = [
      "Policy   \(dmarc.recordText ?? record.text)",
      "         found at _dmarc.\(domain) by \(dmarc.discovery.rawValue)",
    ]
    if dmarc.result == .fail, let applied = dmarc.appliedPolicy {
      let done = verdict.disposition.rawValue
      let sampled = dmarc.isSampledOut ? ", outside the sample of pct=" : ""
      lines.append("         asks for \(applied.rawValue) on this message\(sampled); done: \(done)")
    }
    return lines + record.problems.map { "         problem: \($0)" }
  }

  /// Why the policy is not followed, and what the client is told.
  private var verdictLines: [String] {
    // Where a record asks for something, the line about it tells what was done.
    let isUnsaid = verdict.disposition != .none && evaluation.dmarc.result != .fail
    let done = isUnsaid ? ["         done: \(verdict.disposition.rawValue)"] : []
    let reasons =
      done
      + verdict.overrideReasons.map { reason in
        "         override: \(reason.type.rawValue)\(reason.comment.map { " (\($0))" } ?? "")"
      }
    switch verdict.answer {
    case .accept: return reasons
    case .hold: return reasons + ["         the message is held"]
    case .reject(let reply), .tempfail(let reply):
      return reasons + ["         the client is told: \(reply)"]
    }
  }

  private func spfLines(_ title: String, _ outcome: SPFOutcome) -> [String] {
    var lines = ["\(title): \(outcome.result.rawValue) (\(outcome.cause.rawValue))"]
    lines.append("         \(outcome.explanation)")
    if let text = outcome.senderExplanation {
      lines.append("         the domain says: \"\(text)\"")
    }
    lines.append(
      "         DNS terms used: \(outcome.lookups) of 10, without an answer: \(outcome.voidLookups)"
    )
    return lines + alignmentLines(outcome.domain, outcome.alignment, outcome.notAlignedReason)
  }

  private func dkimLines(_ outcome: DKIMOutcome, number: Int) -> [String] {
    var facts = [outcome.algorithm, outcome.canonicalization ?? ""].filter { !$0.isEmpty }
    if let bits = outcome.keyBits { facts.append("\(bits)-bit key") }
    if outcome.isTestKey { facts.append("test key") }
    let signer = outcome.domain.isEmpty ? "no domain" : outcome.domain
    let selector = outcome.selector.isEmpty ? "no selector" : "selector \(outcome.selector)"
    return [
      "DKIM \(number)   \(outcome.result.rawValue) (\(outcome.cause.rawValue))",
      "         \(outcome.explanation)",
      "         by \(signer), \(selector)\(facts.isEmpty ? "" : ", " + facts.joined(separator: ", "))",
    ] + alignmentLines(outcome.domain, outcome.alignment, outcome.notAlignedReason)
  }

  private var arcLines: [String] {
    let arc = evaluation.arc
    if arc.cause == .noSets { return ["ARC      none: the message has no ARC fields."] }
    return [
      "ARC      \(arc.result.rawValue) (\(arc.cause.rawValue))", "         \(arc.explanation)",
    ]
      + arc.sets.reversed().flatMap { set in
        let sealer = set.sealDomain?.text ?? "an unknown sealer"
        let reports = set.results.map { "\($0.method)=\($0.result)" }.joined(separator: " ")
        return [
          "         set \(set.instance) by \(sealer): seal \(set.seal.words), message signature "
            + set.messageSignature.words
        ] + (reports.isEmpty ? [] : ["           says \(reports)"])
      }
  }

  private func alignmentLines(
    _ domain: String, _ alignment: Alignment?, _ reason: NotAlignedReason?
  ) -> [String] {
    guard let alignment, let author = evaluation.authorDomain else { return [] }
    let mode = alignment.mode == .strict ? "strict" : "relaxed"
    let organization = alignment.organizationalDomain.map { " (organization \($0))" } ?? ""
    let sentence =
      switch (alignment.isAligned, alignment.obstacle) {
      case (true?, _) where reason == .notPassed:
        "\(domain)\(organization) aligns with \(author) (\(mode)), but did not pass"
      case (true?, _): "\(domain)\(organization) aligns with \(author) (\(mode))"
      case (nil, _): "whether \(domain) aligns with \(author) is unknown: the DNS failed"
      case (_, .strictMismatch):
        "\(domain) does not align with \(author): strict alignment wants the same name, "
          + "relaxed would do"
      case (_, .noDomain): "\"\(domain)\" is no domain name, so it cannot align"
      default: "\(domain)\(organization) does not align with \(author): another organization"
      }
    return ["         \(sentence)"]
  }

  private var dnsLines: [String] {
    guard !evaluation.dns.isEmpty else { return ["DNS      nothing was asked"] }
    let width = evaluation.dns.map(\.name.utf8.count).max() ?? 0
    return ["DNS      \(evaluation.dns.count) questions"]
      + evaluation.dns.map { evidence in
        let name = evidence.name.padding(toColumns: width)
        let type = evidence.type.rawValue.padding(toColumns: 4)
        let marks = [evidence.cached ? "cached" : nil, evidence.secure ? "secure" : nil]
          .compactMap { $0 }
        let tenths = Int((evidence.milliseconds * 10).rounded())
        return "         \(name)  \(type)  "
          + ([evidence.outcome.rawValue] + marks + ["\(tenths / 10).\(tenths % 10) ms"])
          .joined(separator: ", ")
      }
  }
}

extension ARCSetOutcome.Signature {
  fileprivate var words: String {
    switch self {
    case .verified: "verified"
    case .failed: "not verified"
    case .notChecked: "not checked"
    }
  }
}

extension String {
  /// The text with "?" for control and format characters, line ends aside: names and addresses come
  /// from strangers, and must not steer a terminal.
  var withoutControls: String {
    var scalars = UnicodeScalarView()
    for scalar in unicodeScalars {
      let category = scalar.properties.generalCategory
      let isControl = (category == .control && scalar != "\n") || category == .format
      scalars.append(isControl ? "?" : scalar)
    }
    return String(scalars)
  }

  /// The text with blanks behind it up to `columns` octets.
  func padding(toColumns columns: Int) -> String {
    self + String(repeating: " ", count: max(0, columns - utf8.count))
  }
}
