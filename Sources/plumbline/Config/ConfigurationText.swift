import MailAuth

/// The configuration's keys as text: the example file, the README's table, and effective values.
enum ConfigurationText {
  /// The commented example file, `conf/plumbline.conf`.
  static var example: String {
    var lines = [
      "# Configuration of plumbline, in TOML. A # in front of a key means that the value shown is",
      "# the default, or an example where there is none. Relative file names are relative to the",
      "# directory of this file. Check it with: plumbline config check --config FILE",
    ]
    for table in ConfigurationTable.all {
      lines += ["", "# " + table.help, "[\(table.name)]"]
      for key in ConfigurationKey.all where key.table == table.name {
        lines.append("")
        lines += wrapped(key.help, width: 96).map { "# " + $0 }
        lines += wrapped("Allowed: \(key.allowed).", width: 96).map { "# " + $0 }
        if let text = key.defaultText { lines.append("# Default: \(text).") }
        let value = key.defaultValue ?? key.example ?? .string("")
        lines.append("#\(key.lastName) = \(value.tomlText)")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The keys as a table in Markdown.
  static var markdownTable: String {
    var lines = [
      "| key | type | default | allowed | meaning |", "|---|---|---|---|---|",
    ]
    for key in ConfigurationKey.all {
      let standard = key.defaultValue.map { "`\($0.tomlText)`" } ?? key.defaultText ?? ""
      let cells = ["`\(key.name)`", key.typeText, standard, key.allowed, key.help]
      lines.append(
        "| " + cells.map { escaped($0) }.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Every key with its effective value and where that comes from.
  static func effective(_ loaded: LoadedConfiguration, path: String) -> String {
    var lines: [String] = []
    for key in ConfigurationKey.all {
      let value: String
      let origin: String
      if let configured = loaded.values[key.name] {
        value = resolved(configured.value, key, loaded.configuration)
        origin = configured.line.map { "\(path):\($0)" } ?? path
      } else {
        value = key.defaultValue?.tomlText ?? derived(key, loaded.configuration)
        origin = key.defaultText.map { "default: \($0)" } ?? "default"
      }
      lines.append("\(key.name) = \(value)  # \(origin)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The value as it is used: file names and sockets with an absolute path.
  private static func resolved(
    _ value: ConfigurationValue, _ key: ConfigurationKey, _ configuration: Configuration
  ) -> String {
    switch key.name {
    case ConfigurationKey.milterSocket.name:
      ConfigurationValue.string("\(configuration.milter.socket)").tomlText
    case ConfigurationKey.dmarcPublicSuffixList.name:
      ConfigurationValue.string(configuration.dmarc.publicSuffixList).tomlText
    case ConfigurationKey.ledgerDatabase.name:
      ConfigurationValue.string(configuration.ledger.database).tomlText
    case ConfigurationKey.dnsZoneFile.name, ConfigurationKey.dnsTrustAnchorFile.name:
      derived(key, configuration)
    default: value.tomlText
    }
  }

  /// The value of a key whose default depends on others.
  private static func derived(_ key: ConfigurationKey, _ configuration: Configuration) -> String {
    let text: String? =
      switch key.name {
      case ConfigurationKey.milterAuthservID.name: configuration.milter.authservID
      case ConfigurationKey.dnsZoneFile.name: configuration.dns.zoneFile
      case ConfigurationKey.dnsTrustAnchorFile.name: configuration.dns.trustAnchorFile
      case ConfigurationKey.reportOrganization.name: configuration.report.organization
      case ConfigurationKey.reportEmail.name: configuration.report.email
      case ConfigurationKey.reportReceiver.name: configuration.report.receiver?.text
      default: nil
      }
    return text.map { ConfigurationValue.string($0).tomlText } ?? "(none)"
  }

  private static func escaped(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }

  private static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.utf8.count + 1 + word.utf8.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + [line]
  }
}
