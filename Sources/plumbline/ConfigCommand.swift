import ArgumentParser
import Foundation

/// The option of all commands that have a configuration.
struct ConfigurationOptions: ParsableArguments {
  @Option(help: "The configuration file.")
  var config = Configuration.defaultPath

  /// Reads the file.
  func load() throws(ConfigurationError) -> Configuration {
    try Configuration.load(path: config)
  }
}

/// `plumbline config`: looks at configuration files without running anything.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check and show the configuration.",
    subcommands: [Check.self, Show.self, Example.self, Table.self])

  /// `plumbline config check`.
  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Report everything that is wrong with a configuration file.",
      discussion: """
        Directories that do not exist give a warning only, as the systemd unit makes them. With \
        --keys a message is signed with each private key that the file names, and verified with \
        what the DNS has. Exit status: 0 nothing is wrong, 78 something is.
        """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Also ask the DNS for the public keys.")
    var keys = false

    func run() throws {
      let loaded: LoadedConfiguration
      do {
        loaded = try LoadedConfiguration(path: options.config, hostName: HostName.fullName)
      } catch {
        // Without a prefix: each line begins with the place, for editors and grep.
        FileHandle.standardError.write(Data("\(error)\n".utf8))
        throw ExitCode(EX_CONFIG)
      }
      let configured = ConfiguredKeys(loaded, path: options.config)
      try refuse(configured.problems)
      let warnings = loaded.missingDirectories(path: options.config) + configured.warnings
      for warning in warnings.inFileOrder() {
        FileHandle.standardError.write(Data("\(warning)\n".utf8))
      }
      if keys {
        let found = try starting { try configured.published() }
        for sentence in found.sentences { print("\(options.config): \(sentence)") }
        try refuse(found.problems)
      }
      print("\(options.config): OK")
    }

    private func refuse(_ problems: [ConfigurationProblem]) throws {
      guard !problems.isEmpty else { return }
      for problem in problems {
        FileHandle.standardError.write(Data("\(problem)\n".utf8))
      }
      throw ExitCode(EX_CONFIG)
    }
  }

  /// `plumbline config show`.
  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print every effective value and where it comes from.")

    @OptionGroup var options: ConfigurationOptions

    func run() throws {
      let loaded = try LoadedConfiguration(path: options.config, hostName: HostName.fullName)
      print(ConfigurationText.effective(loaded, path: options.config), terminator: "")
    }
  }

  /// `plumbline config example`.
  struct Example: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "example",
      abstract: "Print a commented example file with every key and its default.")

    func run() { print(ConfigurationText.example, terminator: "") }
  }

  /// `plumbline config table`.
  struct Table: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "table", abstract: "Print every key as a table in Markdown.",
      shouldDisplay: false)

    func run() { print(ConfigurationText.markdownTable, terminator: "") }
  }
}
