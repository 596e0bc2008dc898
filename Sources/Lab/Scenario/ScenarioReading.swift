import Foundation
import MailAuth
import Reports
import Yams

/// Reads values out of YAML and collects everything that is wrong with them.
final class ScenarioReading {
  private(set) var problems: [ScenarioProblem] = []

  func note(_ text: String, at node: Node?) { note(text, line: node?.mark?.line) }

  func note(_ text: String, line: Int?) {
    problems.append(ScenarioProblem(line: line, text: text))
  }

  /// Notes that a word is none of those allowed, with the one that was probably meant.
  func noteUnknown(_ what: String, _ word: String, among allowed: [String], at node: Node?) {
    let shown = word.utf8.printable(limit: 80)
    let hint =
      NearMiss.nearest(to: word, among: allowed).map { " (did you mean \"\($0)\"?)" }
      ?? (allowed.isEmpty ? "" : " (allowed: \(allowed.joined(separator: ", ")))")
    note("unknown \(what) \"\(shown)\"\(hint)", at: node)
  }

  /// Notes that there is no such key.
  func noteUnknownKey(_ name: String, among keys: [String], at node: Node?) {
    guard keys.isEmpty else { return noteUnknown("key", name, among: keys, at: node) }
    note("unknown key \"\(name.utf8.printable(limit: 80))\": the file has no keys", at: node)
  }

  /// The fields of a mapping; nil, with a problem, when it is none.
  ///
  /// Unknown names are noted and left out.
  func fields(_ node: Node, _ known: [String], of what: String) -> ScenarioFields? {
    guard let mapping = node.mapping else {
      note("\(what) takes {\(known.joined(separator: ", "))}", at: node)
      return nil
    }
    var nodes: [String: Node] = [:]
    var misspelt: Set<String> = []
    for (key, value) in mapping {
      let name = key.scalar?.string ?? ""
      if known.contains(name) {
        nodes[name] = value
      } else {
        noteUnknown("word in \(what)", name, among: known, at: key)
        if let meant = NearMiss.nearest(to: name, among: known) { misspelt.insert(meant) }
      }
    }
    return ScenarioFields(
      reading: self, what: what, line: node.mark?.line ?? 0, nodes: nodes, misspelt: misspelt)
  }

  /// The text of a scalar; nil, with a problem, when it is none.
  func text(_ node: Node, _ what: String) -> String? {
    if let text = node.scalar?.string { return text }
    note("\(what) takes one text", at: node)
    return nil
  }

  /// One text or a list of texts.
  func texts(_ node: Node, _ what: String) -> [String] {
    if let text = node.scalar?.string { return [text] }
    guard let sequence = node.sequence else {
      note("\(what) takes a text or a list of texts", at: node)
      return []
    }
    return sequence.compactMap { text($0, what) }
  }

  /// A domain name.
  func domain(_ node: Node, _ what: String) -> DomainName? {
    guard let text = text(node, what) else { return nil }
    if let domain = DomainName(text) { return domain }
    note("\(what): \"\(text.utf8.printable(limit: 80))\" is not a domain name", at: node)
    return nil
  }

  /// A time: seconds, or a number with s, m, h or d.
  func seconds(_ node: Node, _ what: String) -> Int64? {
    guard let text = text(node, what) else { return nil }
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
    let unit = text.last.flatMap { units[$0] }
    let digits = unit == nil ? text : String(text.dropLast())
    if let number = Int64(digits), (0...100_000_000).contains(number) {
      return number * (unit ?? 1)
    }
    note(
      "\(what): \"\(text.utf8.printable(limit: 80))\" is no time (as 90, 30m, 2h or 7d)", at: node)
    return nil
  }

  /// A moment: `YYYY-MM-DD hh:mm:ss` in UTC.
  func time(_ node: Node, _ what: String) -> Int64? {
    guard let text = text(node, what) else { return nil }
    let parts = text.split(whereSeparator: { $0 == " " || $0 == "T" }).map(String.init)
    let clock = parts.last?.split(separator: ":").compactMap { Int64($0) } ?? []
    if parts.count == 2, let day = UTCDay(parts[0]), clock.count == 3, day.begin >= 0,
      (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...59).contains(clock[2])
    {
      return day.begin + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }
    note(
      "\(what): \"\(text.utf8.printable(limit: 80))\" is no moment (as 2026-11-20 12:00:00)",
      at: node
    )
    return nil
  }

  /// Octets in base64; white space in it does not matter.
  func base64(_ node: Node, _ what: String) -> [UInt8]? {
    guard let text = text(node, what) else { return nil }
    if let data = Data(base64Encoded: text.filter { !$0.isWhitespace }) { return Array(data) }
    note("\(what): this is not base64", at: node)
    return nil
  }

  /// A number that is not negative.
  func count(_ node: Node, _ what: String) -> Int? {
    guard let text = text(node, what) else { return nil }
    if let number = Int(text), number >= 0 { return number }
    note("\(what): \"\(text.utf8.printable(limit: 80))\" is no number from 0 up", at: node)
    return nil
  }

  /// `true` or `false`.
  func boolean(_ node: Node, _ what: String) -> Bool? {
    switch node.scalar?.string {
    case "true", "yes": return true
    case "false", "no": return false
    default:
      note("\(what) takes true or false", at: node)
      return nil
    }
  }

  /// One of the raw values of an enumeration.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ node: Node, _ what: String
  ) -> Choice? {
    guard let text = text(node, what) else { return nil }
    return choice(text, what, at: node)
  }

  /// The same for a text that is read already.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ text: String, _ what: String, at node: Node?
  ) -> Choice? {
    if let choice = Choice(rawValue: text) { return choice }
    noteUnknown(what, text, among: Choice.allCases.map(\.rawValue), at: node)
    return nil
  }
}

/// The fields of a mapping, read by name.
struct ScenarioFields {
  let reading: ScenarioReading
  /// What the mapping is, for problems.
  let what: String
  let line: Int
  let nodes: [String: Node]
  /// The names that unknown ones probably stand for; nobody misses these.
  let misspelt: Set<String>

  private func label(_ name: String) -> String { "\(what): \(name)" }

  /// The node of a field that has to be there.
  func required(_ name: String) -> Node? {
    if let node = nodes[name] { return node }
    if !misspelt.contains(name) { reading.note("\(what) needs \(name)", line: line) }
    return nil
  }

  func text(_ name: String) -> String? { nodes[name].flatMap { reading.text($0, label(name)) } }

  func requiredText(_ name: String) -> String? {
    required(name).flatMap { reading.text($0, label(name)) }
  }

  func texts(_ name: String) -> [String]? { nodes[name].map { reading.texts($0, label(name)) } }

  func domain(_ name: String) -> DomainName? {
    required(name).flatMap { reading.domain($0, label(name)) }
  }

  func seconds(_ name: String) -> Int64? {
    nodes[name].flatMap { reading.seconds($0, label(name)) }
  }

  func count(_ name: String) -> Int? { nodes[name].flatMap { reading.count($0, label(name)) } }

  func boolean(_ name: String) -> Bool? {
    nodes[name].flatMap { reading.boolean($0, label(name)) }
  }

  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String) -> Choice? {
    nodes[name].flatMap { reading.choice($0, label(name)) }
  }
}
