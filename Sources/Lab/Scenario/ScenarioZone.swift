import MailAuth
import Yams

/// The DNS of a scenario: a zone in which records that publish keys are still open.
public struct ScenarioZone: Sendable {
  /// What stands in the list of an owner.
  enum Element: Sendable {
    /// YAML that ``ZoneResolver`` reads.
    case plain(String)
    /// The record of a key, with more tags behind it.
    case key(name: String, tags: String)
  }

  /// The list of an owner.
  struct Owner: Sendable {
    var name: String
    var line: Int
    var elements: [(line: Int, content: Element)] = []
    var delay: Int64?
  }

  var owners: [Owner] = []

  /// How long answers take, in seconds, by owner name in lower case.
  public var delays: [String: Int64] {
    Dictionary(
      owners.compactMap { owner in
        owner.delay.map { (DomainName(owner.name)?.text ?? owner.name.lowercased(), $0) }
      }
    ) { $1 }
  }

  /// The zone as ``ZoneResolver`` reads it.
  ///
  /// - Parameter keyRecord: Gives the text of the record that publishes a key.
  /// - Returns: YAML, one list element a line.
  public func yaml(keyRecord: (_ name: String) -> String) -> String {
    lines(keyRecord).map { $0.text + "\n" }.joined()
  }

  /// A resolver that answers from the zone.
  ///
  /// - Throws: What is wrong with the zone, with the lines of the scenario's file.
  func resolver(
    source: String, keyRecord: (_ name: String) -> String
  ) throws(ScenarioError) -> ZoneResolver {
    let lines = lines(keyRecord)
    do throws(ZoneError) {
      return try ZoneResolver(
        yaml: lines.map { $0.text + "\n" }.joined() + (lines.isEmpty ? "{}\n" : ""),
        source: source)
    } catch {
      throw ScenarioError(
        path: source,
        problems: error.problems.map { problem in
          let index = (problem.line ?? 0) - 1
          let line = lines.indices.contains(index) ? lines[index].line : nil
          return ScenarioProblem(
            line: line,
            text: "dns: " + (problem.owner.map { "\($0): " } ?? "") + problem.text)
        })
    }
  }

  private func lines(_ keyRecord: (String) -> String) -> [(line: Int, text: String)] {
    owners.flatMap { owner in
      let isEmpty = owner.elements.isEmpty
      return [(owner.line, YAMLText.quoted(owner.name) + (isEmpty ? ": []" : ":"))]
        + owner.elements.map { element in
          switch element.content {
          case .plain(let yaml): (element.line, "  - \(yaml)")
          case .key(let name, let tags):
            (element.line, "  - {TXT: \(Self.record(keyRecord(name), tags))}")
          }
        }
    }
  }

  /// A record in character-strings of up to 255 octets.
  private static func record(_ text: String, _ tags: String) -> String {
    var rest = Array((tags.isEmpty ? text : text + "; " + tags).utf8)[...]
    var parts: [String] = []
    while !rest.isEmpty {
      parts.append(String(decoding: rest.prefix(255), as: UTF8.self))
      rest = rest.dropFirst(255)
    }
    return YAMLText.list(parts)
  }
}

extension ScenarioZone {
  /// Reads the mapping of owner names to lists.
  ///
  /// - Parameters:
  ///   - node: The mapping.
  ///   - keys: The names of the keys; nil when nobody knows them.
  ///   - reading: Where problems go.
  init(_ node: Node, keys: [String]?, _ reading: ScenarioReading) {
    guard let mapping = node.mapping else {
      reading.note("dns must map names to lists of {TYPE: data}", at: node)
      return
    }
    for (key, value) in mapping {
      var owner = Owner(name: key.scalar?.string ?? "", line: key.mark?.line ?? 0)
      guard let elements = value.sequence else {
        reading.note("dns: \(owner.name): expected a list of {TYPE: data}", at: value)
        continue
      }
      for element in elements {
        let line = element.mark?.line ?? owner.line
        guard let records = element.mapping else {
          if Self.isFailure(element, owner.name, reading) {
            owner.elements.append((line, .plain(Self.yaml(element))))
          }
          continue
        }
        for (type, data) in records {
          switch type.scalar?.string {
          case "KEY":
            if let content = Self.key(data, keys, reading) {
              owner.elements.append((line, content))
            }
          case "DELAY": owner.delay = reading.seconds(data, "DELAY")
          case let word? where !Self.types.contains(word):
            Self.noteUnknown("type", word, owner.name, among: Self.types, at: type, reading)
          default:
            owner.elements.append((line, .plain("{\(Self.yaml(type)): \(Self.yaml(data))}")))
          }
        }
      }
      owners.append(owner)
    }
  }

  private static func key(
    _ node: Node, _ keys: [String]?, _ reading: ScenarioReading
  ) -> Element? {
    var tags = ""
    var name = node.scalar?.string
    if name == nil, let fields = reading.fields(node, ["key", "tags"], of: "KEY") {
      name = fields.text("key")
      tags = fields.text("tags") ?? ""
    }
    guard let name else {
      reading.note("KEY takes the name of a key, or {key: NAME, tags: TEXT}", at: node)
      return nil
    }
    if let keys, !keys.contains(name) {
      reading.noteUnknownKey(name, among: keys, at: node)
      return nil
    }
    return .key(name: name, tags: tags)
  }

  private static let types = ["A", "AAAA", "MX", "PTR", "TXT", "SPF", "CNAME", "KEY", "DELAY"]
  private static let failures = ["TIMEOUT", "SERVFAIL", "REFUSED"]

  /// Whether a list element stands for a failure; what it may be besides is for ``ZoneResolver``.
  private static func isFailure(_ node: Node, _ owner: String, _ reading: ScenarioReading) -> Bool {
    guard let word = node.scalar?.string, !failures.contains(word) else { return true }
    noteUnknown("word", word, owner, among: failures, at: node, reading)
    return false
  }

  private static func noteUnknown(
    _ what: String, _ word: String, _ owner: String, among allowed: [String], at node: Node,
    _ reading: ScenarioReading
  ) {
    let shown = word.utf8.printable(limit: 80)
    let hint =
      NearMiss.nearest(to: word.uppercased(), among: allowed).map { "did you mean \"\($0)\"?" }
      ?? "allowed: \(allowed.joined(separator: ", "))"
    reading.note("dns: \(owner): unknown \(what) \"\(shown)\" (\(hint))", at: node)
  }

  /// A node on one line; only words that were not in quotes come out so.
  private static func yaml(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar):
      let isWord = scalar.style == .plain && scalar.string.allSatisfy { $0.isLetter && $0.isASCII }
      return isWord ? scalar.string : YAMLText.quoted(scalar.string)
    case .sequence(let sequence): return "[" + sequence.map(yaml).joined(separator: ", ") + "]"
    case .mapping(let mapping):
      return "{" + mapping.map { yaml($0) + ": " + yaml($1) }.joined(separator: ", ") + "}"
    case .alias: return "null"
    }
  }
}
