import MailAuth

/// The page that lists all scenarios of a run.
struct IndexPage {
  /// A scenario with its page.
  struct Entry {
    var run: LabRun
    var scenario: Scenario
    var file: String
  }

  let entries: [Entry]

  var html: String {
    let groups = ScenarioGroup.allCases.map { group in
      (group, entries.filter { ScenarioGroup($0.run, $0.scenario) == group })
    }.filter { !$0.1.isEmpty }
    return PageFrame(
      title: "Scenarios",
      body: """
        <header>
        <h1>Scenarios</h1>
        \(counts)
        </header>
        <main>
        \(failures)
        <nav aria-label="Groups"><ul class="groups">
        \(groups.map { group, entries -> Markup in
          "<li><a href=\"#\(group.rawValue)\">\(group.title)</a> (\(entries.count))</li>"
        })
        </ul></nav>
        <table class="index">
        <thead><tr><th scope="col">Scenario</th><th scope="col">What receivers say</th>\
        <th scope="col">Expected</th></tr></thead>
        \(groups.map { section($0, $1) })
        </table>
        </main>
        """
    ).html
  }

  private var counts: Markup {
    let failed = entries.count { !$0.run.isAsExpected }
    let receivers = entries.reduce(0) { $0 + $1.run.receipts.count }
    let state: Markup =
      failed == 0
      ? "<span class=\"badge ok\">\(Finding.icon(.good))all as expected</span>"
      : "<span class=\"badge differs\">\(Finding.icon(.bad))\(failed) not as expected</span>"
    return """
      <p class="lead">\(entries.count) scenario\(entries.count == 1 ? "" : "s"), \(receivers) \
      receiver\(receivers == 1 ? "" : "s"): \(state)</p>
      """
  }

  private var failures: Markup {
    let failed = entries.filter { !$0.run.isAsExpected }
    guard !failed.isEmpty else { return "" }
    return """
      <section><h2>Not as expected</h2><ul class="differences">
      \(failed.map { entry -> Markup in
        """
        <li><a href="\(entry.file)">\(entry.run.title)</a>: \
        \(entry.run.differences.map(\.text).joined(separator: "; "))</li>
        """
      })
      </ul></section>
      """
  }

  private func section(_ group: ScenarioGroup, _ entries: [Entry]) -> Markup {
    """
    <tbody id="\(group.rawValue)">
    <tr class="group"><th scope="rowgroup" colspan="3">\(group.title)</th></tr>
    \(entries.map { row($0) })
    </tbody>
    """
  }

  private func row(_ entry: Entry) -> Markup {
    let run = entry.run
    let state: Markup =
      run.isAsExpected
      ? "<span class=\"ok\">\(Finding.icon(.good))\(run.skipped == nil ? "yes" : "yes, in memory only")</span>"
      : "<strong class=\"differs\">\(Finding.icon(.bad))no</strong>"
    return """
      <tr><th scope="row"><a href="\(entry.file)">\(run.title)</a><div class="muted">\(run.why)</div>\
      </th><td>\(run.receipts.map { verdict($0, isOnly: run.receipts.count == 1) })</td>\
      <td>\(state)</td></tr>
      """
  }

  private func verdict(_ receipt: LabReceipt, isOnly: Bool) -> Markup {
    let name: Markup = isOnly ? "" : "<span class=\"muted\">\(receipt.receiver):</span> "
    let finding = Finding.dmarc(receipt.dmarc.result, "DMARC")
    let cause = receipt.rootCause.map { Finding.words($0.code.rawValue) }
    let why: Markup = cause.map { "<div class=\"muted\">\($0)</div>" } ?? ""
    return """
      <div>\(name)\(Finding.icon(finding.state))DMARC \(receipt.dmarc.result.rawValue): \(receipt.outcome)\
      \(why)</div>
      """
  }
}
