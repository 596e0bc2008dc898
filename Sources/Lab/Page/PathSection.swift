/// The part of a page that shows the path of the message: pictures, what the signs mean, and the
/// same in words.
struct PathSection {
  let run: LabRun

  var markup: Markup {
    let stops = PathStop.stops(of: run)
    let pictures = PathDrawing.Room.allCases.map { room in
      PathDrawing(stops, room: room).svg(description: description)
    }
    return """
      <section id="path">
      <h2>The path of the message</h2>
      <figure>
      \(pictures)
      <figcaption>\(legend)</figcaption>
      </figure>
      <details>
      <summary>The same in words</summary>
      <ol class="steps">
      \(stops.flatMap { stop in stop.steps.map { words($0, at: stop) } })
      </ol>
      </details>
      </section>
      """
  }

  /// A sentence for each hop.
  private var description: String {
    run.steps.map { step in
      let name = run.actors.first { $0.key == step.actor }?.name ?? step.actor
      return "\(name) \(step.text)."
    }.joined(separator: " ")
  }

  private var legend: Markup {
    let states = Finding.State.allCases.map { state -> Markup in
      "<li>\(Finding.icon(state))\(state.words)</li>"
    }
    return """
      <p>An arrow is one sending; beside it stands the client's address. What is said of a message \
      that leaves is what the next host finds.</p>
      <ul class="legend">
      \(states)
      </ul>
      """
  }

  private func words(_ step: PathStep, at stop: PathStop) -> Markup {
    let changes = step.changes.map { change -> Markup in
      "<br><span class=\"muted\">\(change)</span>"
    }
    let effects = step.effects.map { effect -> Markup in
      "<br>\(Finding.icon(effect.state))\(effect.text)"
    }
    let found =
      (step.receipt.map { Finding.findings($0) } ?? Finding.findings(step.step.identifiers))
    return """
      <li><strong>\(stop.actor.name)</strong> \(step.step.text) \
      <a class="line" href="#L\(step.step.line)">line \(step.step.line)</a>\
      \(changes)\(effects)
      <ul class="found">
      \(found.map(\.item))
      </ul></li>
      """
  }
}
