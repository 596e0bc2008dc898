import Lab
import MailAuth

/// Reads the settings of the lab's hosts by the rules of the configuration file.
struct LabConfigurator: ReceiverConfigurator {
  /// The tables whose keys change how a message is evaluated, judged or marked.
  static let tables = ["spf", "dkim", "dmarc", "arc", "policy", "headers", "limits"]

  /// The keys that mean something in the lab.
  static let keys =
    ConfigurationKey.all.filter { tables.contains($0.table) && !$0.isForSealing }.map(\.name)
    + [ConfigurationKey.milterAuthservID.name, ConfigurationKey.dnsTimeoutSeconds.name]

  func settings(
    host: String, entries: [ConfigurationEntry]
  ) throws(ReceiverConfigurationError) -> ReceiverSettings {
    var values: [String: ConfiguredValue] = [:]
    var problems: [ScenarioProblem] = []
    for entry in entries {
      guard let key = ConfigurationKey.all.first(where: { $0.name == entry.key }),
        Self.keys.contains(key.name)
      else {
        problems.append(ScenarioProblem(line: entry.line, text: Self.unknown(entry.key)))
        continue
      }
      let value = Self.value(entry.value, of: key)
      problems += key.problems(in: value).map { problem in
        ScenarioProblem(
          line: entry.line, text: "\(key.name): \(problem.text) (allowed: \(key.allowed))")
      }
      values[key.name] = ConfiguredValue(value: value, line: entry.line)
    }
    guard problems.isEmpty else { throw ReceiverConfigurationError(problems: problems) }
    do {
      let configuration = try ConfigurationSettings(
        values: values, directory: "/", hostName: host
      ).configuration()
      var evaluator = try Wiring(configuration: configuration).evaluatorSettings()
      evaluator.receivingHost = host
      return ReceiverSettings(
        evaluator: evaluator, verdicts: configuration.verdictSettings,
        dnsTimeoutSeconds: configuration.dns.timeoutSeconds,
        deadlineSeconds: configuration.limits.deadlineSeconds)
    } catch {
      throw ReceiverConfigurationError(problems: [
        ScenarioProblem(line: entries.first?.line, text: "\(error)")
      ])
    }
  }

  func file(_ entries: [ConfigurationEntry]) -> String {
    var tables: [String: [String: String]] = [:]
    for entry in entries {
      guard let key = ConfigurationKey.all.first(where: { $0.name == entry.key }) else { continue }
      let name = String(key.name.dropFirst(key.table.count + 1))
      tables[key.table, default: [:]][name] = Self.value(entry.value, of: key).tomlText
    }
    return tables.sorted { $0.key < $1.key }.map { table, keys in
      "[\(table)]\n" + keys.sorted { $0.key < $1.key }.map { "\($0) = \($1)\n" }.joined()
    }.joined()
  }

  private static func unknown(_ name: String) -> String {
    let shown = name.utf8.printable(limit: 80)
    guard !ConfigurationKey.all.contains(where: { $0.name == name }) else {
      return "the key \"\(shown)\" changes nothing in the lab"
    }
    let hint = NearMiss.nearest(to: name, among: keys).map { " (did you mean \"\($0)\"?)" } ?? ""
    return "unknown key \"\(shown)\"\(hint)"
  }

  /// What was written, as the kind of value that the key takes; where it does not fit, the key's own
  /// checks will say so.
  private static func value(
    _ written: ConfigurationEntry.Value, of key: ConfigurationKey
  ) -> ConfigurationValue {
    switch (written, key.kind) {
    case (.list(let texts), _): .array(texts.map { .string($0) })
    case (.text(let text), .texts):
      .array(
        text.split(separator: ",").map { part in
          .string(part.split(separator: " ").joined(separator: " "))
        })
    case (.text("true"), .boolean): .boolean(true)
    case (.text("false"), .boolean): .boolean(false)
    case (.text(let text), .integer): Int(text).map { .integer($0) } ?? .string(text)
    case (.text(let text), .number): Double(text).map { .number($0) } ?? .string(text)
    case (.text(let text), _): .string(text)
    }
  }
}
