/// The DNS of a scenario as a table.
struct ZoneListing {
  let scenario: Scenario

  var markup: Markup {
    let owners = scenario.zone.owners
    guard !owners.isEmpty else { return "<p>There is nothing in it.</p>" }
    return """
      <table class="zone">
      <thead><tr><th scope="col">Name</th><th scope="col">What is there</th></tr></thead>
      <tbody>
      \(owners.map { owner -> Markup in
        """
        <tr><th scope="row">\(name(owner))</th><td>\(records(owner))</td>\
        </tr>
        """
      })
      </tbody>
      </table>
      """
  }

  /// The name, which can be broken behind its dots.
  private func name(_ owner: ScenarioZone.Owner) -> Markup {
    guard !owner.name.isEmpty else { return "." }
    let labels = owner.name.split(separator: ".", omittingEmptySubsequences: false)
    return Markup(labels.map { "\(String($0))" }, separator: ".<wbr>")
  }

  private func records(_ owner: ScenarioZone.Owner) -> Markup {
    var lines = owner.elements.map { text(of: $0.content) }
    if let delay = owner.delay { lines.append("answers come after \(delay) s") }
    if lines.isEmpty { lines.append("the name exists, without records") }
    return Markup(lines.map { "<div>\($0)</div>" })
  }

  private func text(of element: ScenarioZone.Element) -> String {
    switch element {
    case .plain(let yaml):
      yaml.hasPrefix("{") && yaml.hasSuffix("}") ? String(yaml.dropFirst().dropLast()) : yaml
    case .key(let name, let tags):
      "TXT: the public key of \(name)"
        + (scenario.keys.first { $0.name == name }.map { " (\($0.kind.rawValue))" } ?? "")
        + (tags.isEmpty ? "" : ", with \(tags)")
    }
  }
}
