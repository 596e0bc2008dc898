import MailAuth

/// The part of a page about one receiver: what it found beside what was expected, why, the header
/// as it came, and the row of the report.
struct ReceiverSection {
  let name: String
  let actor: LabActor
  /// Nil when the message did not come.
  let receipt: LabReceipt?
  let checks: [LabCheck]
  /// The header as the author wrote it, by ``HeaderListing``.
  let original: String

  var markup: Markup {
    guard let receipt else {
      return """
        <section class="receiver">
        <h3>\(name)</h3>
        <p>\(actor.name) did not get the message: it was refused before.</p>
        \(table([]))
        </section>
        """
    }
    return """
      <section class="receiver">
      <h3>\(name) <span class="muted">\(actor.name)</span></h3>
      <p>\(Self.summary(receipt))</p>
      \(table(Self.rows(receipt)))
      \(why(receipt))
      <div class="pair">
      <div>\(HeaderListing(receipt, original: original).markup)</div>
      <div>\(row(receipt))</div>
      </div>
      </section>
      """
  }

  /// What it came with.
  private static func summary(_ receipt: LabReceipt) -> Markup {
    let path = receipt.mailFrom.isEmpty ? "<>" : receipt.mailFrom
    return """
      \(LabClock.text(receipt.time)): the client \(receipt.clientAddress) says EHLO \
      \(receipt.helo), MAIL FROM \(path), RCPT TO \(receipt.recipients.joined(separator: ", ")).
      """
  }

  private func why(_ receipt: LabReceipt) -> Markup {
    let cause = receipt.rootCause
    let fix: Markup = cause.map { "<dt>What to do</dt><dd>\($0.fix)</dd>" } ?? ""
    return """
      <dl class="why"><dt>Why</dt><dd>\(cause?.explanation ?? receipt.dmarc.explanation)</dd>\
      \(fix)</dl>
      """
  }

  private func row(_ receipt: LabReceipt) -> Markup {
    guard let row = receipt.row else {
      return "<h4>Row of the report</h4>\n<p>The message is in no report.</p>"
    }
    let destination = receipt.reportTo.map { addresses in
      ", which may go to " + (addresses.isEmpty ? "nobody" : addresses.joined(separator: ", "))
    }
    return """
      <h4>Row of the report</h4>
      <p>In the report about \(row.policyDomain)\(destination ?? "").</p>
      <pre class="xml">\(row.xml)</pre>
      """
  }

  // MARK: - The table

  /// A line of the table.
  private struct Row {
    /// As the comparison calls it.
    var subject: String
    var finding: Finding?
    var found: [String]
    /// A sentence about it.
    var detail = ""
  }

  private static func rows(_ receipt: LabReceipt) -> [Row] {
    let spf = receipt.spf
    let helo = receipt.heloSPF
    let dmarc = receipt.dmarc
    let policy = [dmarc.policyDomain, dmarc.appliedPolicy?.rawValue].compactMap { $0 }
    let reasons = receipt.overrideReasons.map { reason in
      reason.type.rawValue + (reason.comment.map { ": \($0)" } ?? "")
    }
    let signatures = receipt.dkim.map(\.explanation)
    return [
      Row(
        subject: "SPF", finding: Finding.spf(spf.domain, spf.result, isAligned: spf.isAligned),
        found: ["\(spf.result.rawValue) \(spf.domain)"], detail: spf.explanation),
      Row(
        subject: "SPF of HELO", found: ["\(helo.result.rawValue) \(helo.domain)"],
        detail: helo.explanation),
      Row(
        subject: "DKIM",
        finding: receipt.dkim.isEmpty ? Finding(state: .absent, text: "no signature") : nil,
        found: receipt.dkim.isEmpty ? ["no signature"] : [],
        detail: signatures.joined(separator: " ")),
      Row(
        subject: "ARC", finding: Finding.chain(receipt.arc.result, receipt.arc.sealers),
        found: [receipt.arc.result.rawValue], detail: receipt.arc.explanation),
      Row(
        subject: "DMARC", finding: Finding.dmarc(dmarc.result, "DMARC"),
        found: ["\(dmarc.result.rawValue) (\(Finding.words(dmarc.cause.rawValue)))"],
        detail: dmarc.explanation),
      Row(subject: "policy", found: [policy.isEmpty ? "none" : policy.joined(separator: " ")]),
      Row(
        subject: "disposition", found: [receipt.disposition.rawValue],
        detail: reasons.joined(separator: "; ")),
      Row(
        subject: "answer", found: [receipt.answer.rawValue], detail: receipt.answerText ?? ""),
      Row(subject: "root cause", found: [receipt.rootCause?.code.rawValue ?? "none"]),
      Row(
        subject: "removed fields",
        found: [
          receipt.removedFields.isEmpty ? "none" : receipt.removedFields.joined(separator: ", ")
        ]
      ),
    ]
  }

  private func table(_ rows: [Row]) -> Markup {
    let known = rows.map(\.subject)
    let others = checks.filter { !known.contains($0.difference.subject) }
    return """
      <table class="checks" role="table">
      <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">What</th>\
      <th scope="col" role="columnheader">Found</th><th scope="col" role="columnheader">Expected</th>\
      </tr></thead>
      <tbody role="rowgroup">
      \(rows.map { line($0) })
      \(others.map { check in
        tableRow(
          check.difference.subject, Self.folded(check.difference.found), expectation(check))
      })
      </tbody>
      </table>
      """
  }

  private func line(_ row: Row) -> Markup {
    let check = checks.first { $0.difference.subject == row.subject }
    let detail: Markup =
      row.detail.isEmpty ? "" : "<div class=\"muted\">\(Self.folded(row.detail))</div>"
    let words: Markup
    if row.subject == "DKIM", let receipt, !receipt.dkim.isEmpty {
      words = Markup(receipt.dkim.map { Self.signature($0) })
    } else {
      let sign: Markup = row.finding.map { Finding.icon($0.state) } ?? ""
      words = "\(sign)\(row.found.joined(separator: ", "))\(detail)"
    }
    return tableRow(row.subject, words, check.map { expectation($0) } ?? "")
  }

  /// A text, with its end folded away when it is very long, as of 50 seals.
  private static func folded(_ text: String) -> Markup {
    guard text.count > 300 else { return "\(text)" }
    return "<details><summary>\(String(text.prefix(120)))...</summary>\(text)</details>"
  }

  private static func signature(_ signature: LabReceipt.DKIM) -> Markup {
    let finding = Finding.signature(
      signature.domain, signature.result, signature.cause, isAligned: signature.isAligned)
    return """
      <div>\(Finding.icon(finding.state))\(signature.result.rawValue) \(signature.domain) \
      (selector \(signature.selector))<div class="muted">\(signature.explanation)</div></div>
      """
  }

  private func tableRow(_ subject: String, _ found: Markup, _ expected: Markup) -> Markup {
    let suffix = " in the report"
    let title =
      subject.hasSuffix(suffix)
      ? "Report: \(subject.dropLast(suffix.count))"
      : subject.prefix(1).uppercased() + subject.dropFirst()
    // Small screens show rows in another layout, which would take their meaning away.
    return """
      <tr role="row"><th scope="row" role="rowheader">\(title)</th><td role="cell">\(found)</td>\
      <td role="cell">\(expected)</td></tr>
      """
  }

  private func expectation(_ check: LabCheck) -> Markup {
    let difference = check.difference
    guard !check.holds else {
      return "<span class=\"ok\">\(Finding.icon(.good))\(difference.expected)</span>"
    }
    return """
      <strong class="differs">\(Finding.icon(.bad))differs: \(difference.expected)</strong> \
      <a class="line" href="#L\(difference.line)">line \(difference.line)</a>
      """
  }
}
