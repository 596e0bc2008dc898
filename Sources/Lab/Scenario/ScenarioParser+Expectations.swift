import MailAuth
import Reports
import Yams

extension ScenarioParser {
  private static let words = [
    "spf", "helo", "dkim", "arc", "dmarc", "policy", "disposition", "cause", "answer", "removes",
    "report", "report_to",
  ]
  private static let rowWords = [
    "source_ip", "disposition", "dkim", "spf", "header_from", "envelope_from", "policy_domain",
    "reasons", "p", "error", "contains",
  ]

  func readExpectations(_ node: Node, _ hops: [Hop]) -> [String: Expectation] {
    let receivers = hops.compactMap { hop in
      if case .receive(let receive) = hop.action { receive.name } else { nil }
    }
    guard let mapping = node.mapping else {
      reading.note("expect must map receivers to what they find", at: node)
      return [:]
    }
    var expectations: [String: Expectation] = [:]
    var misspelt: Set<String> = []
    for (key, value) in mapping {
      let name = key.scalar?.string ?? ""
      if !receivers.contains(name), hasAllHops {
        reading.noteUnknown("receiver", name, among: receivers, at: key)
        if let meant = NearMiss.nearest(to: name, among: receivers) { misspelt.insert(meant) }
      }
      expectations[name] = read(value, name, line: key.mark?.line ?? 0)
    }
    for receiver in receivers
    where hasAllHops && expectations[receiver] == nil && !misspelt.contains(receiver) {
      reading.note("expect: nothing is expected of the receiver \"\(receiver)\"", at: node)
    }
    return expectations
  }

  private func read(_ node: Node, _ name: String, line: Int) -> Expectation {
    var expectation = Expectation(line: line)
    if let text = node.scalar?.string {
      expectation.isReached = false
      if text != "not reached" {
        reading.note(
          "expect: \(name): expected {\(Self.words.joined(separator: ", "))}, or not reached",
          at: node)
      }
      return expectation
    }
    guard let fields = reading.fields(node, Self.words, of: "expect: \(name)") else {
      return expectation
    }
    if fields.nodes.isEmpty {
      reading.note("expect: nothing is expected of the receiver \"\(name)\"", at: node)
    }
    expectation.spf = fields.nodes["spf"].flatMap { spf($0, "SPF") }
    expectation.helo = fields.nodes["helo"].flatMap { spf($0, "SPF") }
    expectation.dkim = fields.nodes["dkim"].map { signatures($0) }
    expectation.arc = fields.nodes["arc"].flatMap { node in
      words(node, "ARC").map { Expectation.ARC(result: $0.result, cause: $0.cause) }
    }
    expectation.dmarc = fields.nodes["dmarc"].flatMap { node in
      words(node, "DMARC").map { Expectation.DMARC(result: $0.result, cause: $0.cause) }
    }
    expectation.policy = fields.nodes["policy"].flatMap { policy($0) }
    expectation.disposition = fields.nodes["disposition"].flatMap { node in
      // The same three words.
      let policy: DomainOwnerPolicy? = reading.choice(node, "disposition")
      return policy.flatMap { Disposition(rawValue: $0.rawValue) }
    }
    expectation.cause = fields.nodes["cause"].flatMap { node in
      if node.scalar?.string == "none" { return Expectation.Cause.none }
      return reading.choice(node, "root cause").map { .code($0) }
    }
    expectation.answer = fields.choice("answer")
    expectation.removes = fields.texts("removes")?.filter { $0 != "none" }.sorted()
    expectation.report = fields.nodes["report"].flatMap { report($0) }
    expectation.reportTo = fields.texts("report_to")?.filter { $0 != "none" }.sorted()
    return expectation
  }

  private struct Words<Result, Cause> {
    var result: Result
    var cause: Cause?
    var domain: DomainName?
  }

  /// A result followed by a domain and a cause, each of which may be missing.
  private func words<
    Result: RawRepresentable<String> & CaseIterable, Cause: RawRepresentable<String> & CaseIterable
  >(_ node: Node, _ what: String, hasDomain: Bool = false) -> Words<Result, Cause>? {
    guard let text = reading.text(node, what) else { return nil }
    let parts = text.split(separator: " ").map(String.init)
    guard let first = parts.first,
      let result: Result = reading.choice(first, "\(what) result", at: node)
    else { return nil }
    var words = Words<Result, Cause>(result: result)
    for part in parts.dropFirst() {
      if hasDomain, part.contains("."), let domain = DomainName(part) {
        words.domain = domain
      } else {
        words.cause = reading.choice(part, "\(what) cause", at: node)
      }
    }
    return words
  }

  private func spf(_ node: Node, _ what: String) -> Expectation.SPF? {
    words(node, what, hasDomain: true).map {
      Expectation.SPF(result: $0.result, domain: $0.domain, cause: $0.cause)
    }
  }

  private func signatures(_ node: Node) -> [Expectation.DKIM] {
    if node.scalar?.string == "none" { return [] }
    let nodes = node.sequence.map(Array.init) ?? [node]
    return nodes.compactMap { node in
      words(node, "DKIM", hasDomain: true).map {
        Expectation.DKIM(result: $0.result, domain: $0.domain, cause: $0.cause)
      }
    }
  }

  private func policy(_ node: Node) -> Expectation.Policy? {
    guard let text = reading.text(node, "policy") else { return nil }
    if text == "none" { return Expectation.Policy.none }
    let parts = text.split(separator: " ").map(String.init)
    guard let first = parts.first, let domain = DomainName(first), parts.count <= 2 else {
      reading.note("policy takes none, or where it was found and what it asks for", at: node)
      return nil
    }
    return .found(domain, parts.count == 2 ? reading.choice(parts[1], "policy", at: node) : nil)
  }

  private func report(_ node: Node) -> Expectation.Report? {
    if node.scalar?.string == "none" { return Expectation.Report.none }
    guard let fields = reading.fields(node, Self.rowWords, of: "report") else { return nil }
    func passed(_ name: String) -> Bool? {
      guard let text = fields.text(name) else { return nil }
      if !["pass", "fail"].contains(text) {
        reading.noteUnknown(
          "result in report", text, among: ["pass", "fail"], at: fields.nodes[name])
      }
      return text == "pass"
    }
    var row = Expectation.Row()
    row.sourceIP = fields.text("source_ip")
    if let node = fields.nodes["disposition"], let text = reading.text(node, "report: disposition")
    {
      row.disposition = AggregateReport.ActionDisposition(rawValue: text)
      if row.disposition == nil {
        reading.noteUnknown(
          "disposition", text, among: ["none", "pass", "quarantine", "reject"], at: node)
      }
    }
    row.dkimAligned = passed("dkim")
    row.spfAligned = passed("spf")
    row.headerFrom = fields.text("header_from")
    row.envelopeFrom = fields.text("envelope_from")
    row.policyDomain = fields.text("policy_domain")
    row.publishedPolicy = fields.choice("p")
    row.error = fields.text("error")
    row.contains = fields.texts("contains")
    row.reasons = fields.nodes["reasons"].map { node in
      reading.texts(node, "report: reasons").filter { $0 != "none" }.compactMap { text in
        let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
        return reading.choice(parts.first ?? "", "reason", at: node).map {
          Expectation.Reason(type: $0, comment: parts.count == 2 ? parts[1] : "")
        }
      }
    }
    return .row(row)
  }
}
