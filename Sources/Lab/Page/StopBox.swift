import MailAuth

/// A stay at a host as a box of a drawing: its text in lines, set for a width.
struct StopBox {
  /// A kind of text.
  enum Style: String {
    case name, host, deed, detail, caption, verdict

    var size: Double {
      switch self {
      case .name: 15
      case .deed, .verdict: 13.5
      case .host, .detail, .caption: 12.5
      }
    }
  }

  /// A thing in the box, its place relative to the box.
  private enum Item {
    case text(String, Style, x: Double, y: Double)
    case sign(Finding.State, x: Double, y: Double)
    case rule(y: Double)
  }

  static let padding = 12.0

  let width: Double
  private(set) var height = 0.0
  private var items: [Item] = []
  private let isReceiver: Bool

  init(_ stop: PathStop, width: Double) {
    self.width = width
    isReceiver = stop.steps.contains { $0.receipt != nil }
    height = Self.padding - 2
    add(stop.actor.name, .name)
    add("\(stop.actor.key), \(stop.actor.address)", .host)
    height += 4
    for step in stop.steps { add(step) }
    if stop.steps.isEmpty { add("gets the message", .deed) }
    addState(of: stop)
    height += Self.padding - 4
  }

  private mutating func add(_ step: PathStep) {
    // The arrow shows that it is sent.
    if step.step.hop != "send" {
      add(step.receipt == nil ? step.step.text : "receives the message", .deed)
    }
    for change in step.changes { add(change, .detail, indent: 10) }
    for effect in step.effects {
      add(Finding(state: effect.state, text: effect.text), indent: 10)
    }
    if let receipt = step.receipt { add(receipt) }
    if step.step.hop != "send" { height += 5 }
  }

  private mutating func add(_ receipt: LabReceipt) {
    add(
      "DMARC \(receipt.dmarc.result.rawValue): \(receipt.outcome)", .verdict, indent: 10)
  }

  /// What is alive at the end.
  private mutating func addState(of stop: PathStop) {
    guard let last = stop.steps.last else { return }
    height += 1
    items.append(.rule(y: height))
    height += 5
    if last.step.hop == "receive" || last.step.hop == "delay", let receipt = stop.lastReceipt {
      add("What it found", .caption)
      for finding in Finding.findings(receipt) { add(finding) }
    } else {
      add(stop.isSentOn ? "How it leaves" : "How it is then", .caption)
      let sender = last.step.envelopeFrom
      add("MAIL FROM: \(sender.isEmpty ? "<>" : sender)", .detail)
      for finding in Finding.findings(last.step.identifiers) { add(finding) }
      add(Finding.dmarc(last.step.identifiers.dmarc, "DMARC would give"))
    }
  }

  private mutating func add(_ finding: Finding, indent: Double = 0) {
    items.append(.sign(finding.state, x: Self.padding + indent, y: height + 3))
    add(finding.text, .detail, indent: indent + 18)
  }

  private mutating func add(_ text: String, _ style: Style, indent: Double = 0) {
    let limit = width - 2 * Self.padding - indent
    for line in TextMeasure(size: style.size).lines(text, limit: limit) {
      height += style.size * 1.32
      items.append(
        .text(line, style, x: Self.padding + indent, y: height - style.size * 0.2))
    }
  }

  /// The box at a place.
  func drawing(x: Double, y: Double) -> Markup {
    let number = Finding.number
    let parts = items.map { item -> Markup in
      switch item {
      case .text(let text, let style, let dx, let dy):
        "<text class=\"\(style.rawValue)\" x=\"\(number(x + dx))\" y=\"\(number(y + dy))\">\(text)</text>"
      case .sign(let state, let dx, let dy):
        Finding.shape(state, x: x + dx, y: y + dy)
      case .rule(let dy):
        """
        <path class="rule" d="M\(number(x + Self.padding)) \(number(y + dy))\
        H\(number(x + width - Self.padding))"/>
        """
      }
    }
    return """
      <rect class="box\(isReceiver ? " receiver" : "")" x="\(number(x))" y="\(number(y))" \
      width="\(number(width))" height="\(number(height))" rx="6"/>
      \(parts)
      """
  }
}
