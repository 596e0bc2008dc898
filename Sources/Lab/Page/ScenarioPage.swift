import MailAuth

/// The page of one scenario, complete in itself: no script, and nothing loaded from anywhere.
struct ScenarioPage {
  /// A page beside this one.
  struct Neighbor {
    var title: String
    var file: String
  }

  let run: LabRun
  let scenario: Scenario
  var previous: Neighbor?
  var next: Neighbor?

  var html: String {
    PageFrame(
      title: run.title,
      body: """
        <header>
        \(navigation)
        <h1>\(run.title)</h1>
        <p class="lead">\(run.why)</p>
        \(badge)
        </header>
        <main>
        \(PathSection(run: run).markup)
        \(receivers)
        <div class="pair">
        <section id="dns"><h2>The DNS</h2>
        \(ZoneListing(scenario: scenario).markup)
        </section>
        <section id="file"><h2>The scenario file</h2>
        <p><code>\(run.path)</code></p>
        \(SourceListing(text: scenario.source, marked: Set(run.differences.map(\.line))).markup)
        </section>
        </div>
        </main>
        """
    ).html
  }

  private var navigation: Markup {
    let before: Markup =
      previous.map { "<a rel=\"prev\" href=\"\($0.file)\">Previous: \($0.title)</a>" } ?? ""
    let behind: Markup =
      next.map { "<a rel=\"next\" href=\"\($0.file)\">Next: \($0.title)</a>" } ?? ""
    return """
      <nav aria-label="Pages"><a href="index.html">All scenarios</a>
      \(before)
      \(behind)</nav>
      """
  }

  private var badge: Markup {
    guard !run.isAsExpected else {
      let note: Markup =
        run.skipped.map { "\n<p>Played in memory only, not through Postfix. \($0)</p>" } ?? ""
      return "<p class=\"badge ok\">\(Finding.icon(.good))As expected</p>\(note)"
    }
    let count = run.differences.count
    return """
      <p class="badge differs">\(Finding.icon(.bad))\(count) \(count == 1 ? "thing is" : "things are") \
      not as expected</p>
      <ul class="differences">
      \(run.differences.map { difference -> Markup in
        """
        <li>\(difference.receiver), \(difference.subject): expected \
        <strong>\(difference.expected)</strong>, found <strong>\(difference.found)</strong> \
        <a class="line" href="#L\(difference.line)">line \(difference.line)</a></li>
        """
      })
      </ul>
      """
  }

  private var receivers: Markup {
    let checks = Comparison.checks(scenario, run.receipts)
    let original = HeaderListing.text(of: scenario.mail)
    let sections = scenario.hops.compactMap { hop -> Markup? in
      guard case .receive(let receive) = hop.action else { return nil }
      return ReceiverSection(
        name: receive.name,
        actor: run.actors.first { $0.key == hop.actor }
          ?? LabActor(key: hop.actor, name: hop.actor, address: ""),
        receipt: run.receipts.first { $0.receiver == receive.name },
        checks: checks.filter { $0.difference.receiver == receive.name }, original: original
      ).markup
    }
    let title = sections.count == 1 ? "What the receiver finds" : "What the receivers find"
    return """
      <section id="receivers"><h2>\(title)</h2>
      \(sections)
      </section>
      """
  }
}

/// The text of a file with line numbers that links can lead to.
struct SourceListing {
  let text: String
  /// Lines to point out.
  let marked: Set<Int>

  var markup: Markup {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    let rows = lines.enumerated().map { index, line -> Markup in
      let isMarked = marked.contains(index + 1)
      return """
        <span id="L\(index + 1)" class="row\(isMarked ? " marked" : "")">\(String(line))</span>
        """
    }
    return "<pre class=\"source\">\(Markup(rows, separator: ""))</pre>"
  }
}
