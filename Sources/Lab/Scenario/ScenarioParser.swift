import Foundation
import MailAuth
import Yams

extension Scenario {
  /// More octets than this are no scenario; the largest message that the ledger keeps fits.
  static let mostOctets = 32 * 1_048_576

  /// Reads a scenario from a file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - configurator: Checks the configuration keys.
  /// - Throws: Everything that is wrong with it.
  public init(
    contentsOf path: String, configurator: any ReceiverConfigurator
  ) throws(ScenarioError) {
    let text: String
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }  // Nothing was written that closing could lose.
      let octets = try file.read(upToCount: Self.mostOctets + 1) ?? Data()
      guard octets.count <= Self.mostOctets else {
        throw ScenarioError(path: path, problems: [.init(line: nil, text: "the file is too large")])
      }
      text = String(decoding: octets, as: UTF8.self)
    } catch let error as ScenarioError {
      throw error
    } catch {
      throw ScenarioError(
        path: path,
        problems: [.init(line: nil, text: "cannot be read: \(error.localizedDescription)")])
    }
    try self.init(text, path: path, configurator: configurator)
  }

  /// Reads a scenario from text.
  ///
  /// - Parameters:
  ///   - text: YAML.
  ///   - path: What problems call the text.
  ///   - configurator: Checks the configuration keys.
  /// - Throws: Everything that is wrong with it.
  public init(
    _ text: String, path: String, configurator: any ReceiverConfigurator
  ) throws(ScenarioError) {
    let root: Node?
    do {
      root = try compose(yaml: text)
    } catch {
      throw ScenarioError(path: path, problems: [ScenarioParser.problem(of: error)])
    }
    var parser = ScenarioParser(path: path, configurator: configurator)
    let scenario = root.flatMap { parser.read($0) }
    guard var scenario, parser.reading.problems.isEmpty else {
      let problems = parser.reading.problems
      throw ScenarioError(
        path: path,
        problems: problems.isEmpty ? [.init(line: nil, text: "the file is empty")] : problems)
    }
    scenario.source = text
    self = scenario
  }
}

/// Reads the parts of a scenario; hops and expectations have files of their own.
struct ScenarioParser {
  let path: String
  let configurator: any ReceiverConfigurator
  let reading = ScenarioReading()

  var keys: [(name: String, kind: KeyKind)] = []
  /// Whether the file says which keys there are; otherwise none of them is unknown.
  var hasKeys = true
  /// Whether every hop could be read; otherwise nobody knows all receivers.
  var hasAllHops = true
  var actors: [Scenario.Actor] = []
  /// Who has the message, by key, at the hop that is being read.
  var holder: String?

  init(path: String, configurator: any ReceiverConfigurator) {
    self.path = path
    self.configurator = configurator
  }

  var keyNames: [String] { keys.map(\.name) }
  var actorKeys: [String] { actors.map(\.key) }

  /// Notes that there is no such key, unless the keys could not be read.
  func checkKey(_ name: String, at node: Node?) -> String? {
    if keyNames.contains(name) { return name }
    if hasKeys { reading.noteUnknownKey(name, among: keyNames, at: node) }
    return nil
  }

  static func problem(of error: any Error) -> ScenarioProblem {
    switch error {
    case YamlError.scanner(_, let problem, let mark, _),
      YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _):
      ScenarioProblem(line: mark.line, text: "not YAML: \(problem)\(hint(on: problem))")
    case YamlError.duplicatedKeysInMapping(let keys, let context):
      ScenarioProblem(
        line: context.mark.line, text: "given twice: \(keys.sorted().joined(separator: ", "))")
    default: ScenarioProblem(line: nil, text: "not YAML: \(error)")
    }
  }

  /// What people as a rule did when the YAML parser says this.
  private static func hint(on problem: String) -> String {
    switch problem {
    case "mapping values are not allowed in this context":
      " (a text with \": \" in it has to be in quotes)"
    case "found character that cannot start any token":
      " (indent with blanks, not tabs; put a text that begins with @ or ` in quotes)"
    default: ""
    }
  }

  /// Reads the document; nil only with a problem noted.
  mutating func read(_ root: Node) -> Scenario? {
    let words = [
      "title", "why", "time", "postfix", "keys", "dns", "actors", "mail", "hops", "expect",
    ]
    guard let fields = reading.fields(root, words, of: "a scenario") else { return nil }
    let title = fields.requiredText("title")
    let why = fields.requiredText("why")
    let time = fields.nodes["time"].flatMap { reading.time($0, "time") } ?? Scenario.start
    if let node = fields.nodes["keys"] { readKeys(node) }
    hasKeys = !fields.misspelt.contains("keys")
    if let node = fields.required("actors") { readActors(node) }
    let zone = fields.nodes["dns"].map {
      ScenarioZone($0, keys: hasKeys ? keyNames : nil, reading)
    }
    check(zone)
    let mail = fields.required("mail").flatMap { readMail($0) }
    let hops = fields.required("hops").map { readHops($0) } ?? []
    let expectations = fields.required("expect").map { readExpectations($0, hops) } ?? [:]
    guard reading.problems.isEmpty, let title, let why, let mail else { return nil }
    return Scenario(
      path: path, title: title, why: why, time: time, memoryOnly: fields.text("postfix"),
      keys: keys, zone: zone ?? ScenarioZone(), actors: actors,
      mail: mail, hops: hops, expectations: expectations)
  }

  private mutating func readKeys(_ node: Node) {
    guard let mapping = node.mapping else {
      return reading.note("keys must map names to kinds of keys", at: node)
    }
    for (name, kind) in mapping {
      guard let name = name.scalar?.string else { continue }
      // A key of a wrong kind is known all the same, so that nothing else is said about it.
      keys.append((name, reading.choice(kind, "kind of key") ?? .ed25519))
    }
  }

  private mutating func readActors(_ node: Node) {
    guard let mapping = node.mapping else {
      return reading.note("actors must map names to {name, address}", at: node)
    }
    for (key, value) in mapping {
      guard let key = key.scalar?.string else { continue }
      actors.append(readActor(key, value))
    }
  }

  /// An actor; one with mistakes is known all the same, so that nothing else is said about it.
  private func readActor(_ key: String, _ node: Node) -> Scenario.Actor {
    var actor = Scenario.Actor(key: key, name: key, address: .none)
    guard let fields = reading.fields(node, ["name", "address"], of: "actor \(key)") else {
      return actor
    }
    if let name = fields.domain("name") { actor.name = name.text }
    guard let text = fields.requiredText("address") else { return actor }
    if let address = IPAddress(text) {
      actor.address = address
    } else {
      reading.note("actor \(key): \"\(text.utf8.printable(limit: 80))\" is no IP address", at: node)
    }
    return actor
  }

  private func check(_ zone: ScenarioZone?) {
    do throws(ScenarioError) {
      _ = try zone?.resolver(source: path) { _ in "v=DKIM1; p=" }
    } catch {
      for problem in error.problems { reading.note(problem.text, line: problem.line) }
    }
  }

  private func readMail(_ node: Node) -> ScenarioMail? {
    let words = ["from", "to", "message", "message_base64", "body_hashes"]
    guard let fields = reading.fields(node, words, of: "mail"),
      let from = fields.requiredText("from"), fields.required("to") != nil,
      let to = fields.texts("to")
    else { return nil }
    if to.isEmpty { reading.note("mail: to: at least one recipient is needed", at: node) }
    var mail = ScenarioMail(from: Self.address(from), to: to.map(Self.address), message: "")
    if let node = fields.nodes["message_base64"] {
      guard let octets = reading.base64(node, "mail: message_base64") else { return nil }
      mail.octets = octets
      mail.message = String(decoding: octets, as: UTF8.self)
    } else {
      guard let message = fields.requiredText("message") else { return nil }
      mail.message = message
    }
    mail.bodyHashes = fields.nodes["body_hashes"].map { bodyHashes($0) }
    return mail
  }

  private func bodyHashes(_ node: Node) -> BodyHashes {
    guard let sequence = node.sequence else {
      reading.note("mail: body_hashes takes a list of {canonicalization, length, sha256}", at: node)
      return BodyHashes()
    }
    let words = ["canonicalization", "limit", "length", "sha256"]
    let entries = sequence.compactMap { node -> BodyHashes.Entry? in
      guard let fields = reading.fields(node, words, of: "body_hashes"),
        let name = fields.requiredText("canonicalization"), fields.required("length") != nil,
        let length = fields.count("length")
      else { return nil }
      if !BodyHashes.canonicalizations.contains(name) {
        reading.noteUnknown(
          "canonicalization", name, among: BodyHashes.canonicalizations, at: node)
      }
      if let hash = fields.nodes["sha256"] {
        _ = reading.base64(hash, "body_hashes: sha256")
      }
      return BodyHashes.Entry(
        canonicalization: name, limit: fields.count("limit"), bodyLength: length,
        sha256: fields.text("sha256"))
    }
    return BodyHashes(entries: entries)
  }

  /// An address without the angle brackets that people write around it.
  static func address(_ text: String) -> String {
    text.hasPrefix("<") && text.hasSuffix(">") ? String(text.dropFirst().dropLast()) : text
  }

  /// Configuration keys with their values, checked.
  func configuration(_ node: Node?, host: String?) -> [ConfigurationEntry] {
    guard let node else { return [] }
    guard let mapping = node.mapping else {
      reading.note("config takes {KEY: VALUE}, as {policy.enforce: reject}", at: node)
      return []
    }
    let entries = mapping.compactMap { key, value -> ConfigurationEntry? in
      guard let name = key.scalar?.string else { return nil }
      let line = key.mark?.line
      if let text = value.scalar?.string {
        return ConfigurationEntry(key: name, value: .text(text), line: line)
      }
      return ConfigurationEntry(
        key: name, value: .list(reading.texts(value, "config: \(name)")), line: line)
    }
    do throws(ReceiverConfigurationError) {
      _ = try configurator.settings(host: host ?? "localhost", entries: entries)
    } catch {
      for problem in error.problems { reading.note(problem.text, line: problem.line) }
    }
    return entries
  }
}

extension IPAddress {
  /// The unspecified address, for actors without one.
  fileprivate static var none: IPAddress {
    guard let address = IPAddress(bytes: [0, 0, 0, 0]) else {
      preconditionFailure("four octets are an address")
    }
    return address
  }
}
