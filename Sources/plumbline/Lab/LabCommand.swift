import ArgumentParser
import Foundation
import Lab
import MailAuth

/// `plumbline lab`: plays stories about forwarded mail and shows what each receiver sees.
struct LabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Play scenarios of forwarding, mailing lists and ARC, and check what comes out.",
    subcommands: [Run.self, WhatIf.self, Capture.self])

  /// `plumbline lab run`.
  struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "run",
      abstract: "Play scenarios and compare what each receiver finds with what is expected.",
      discussion: """
        Everything happens in memory: DNS, clock and keys are the scenario's. Without FILES the \
        scenarios that come with plumbline are played: those in conf/lab here, or else in \
        ../share/plumbline/lab beside the program's directory. Exit status: 0 all is as expected, \
        1 something is not, 65 a scenario file has errors or two have the same title, 66 a file \
        cannot be read, 69 Postfix or the right to start it is missing, 73 the pages cannot be \
        written.
        """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, junit, markdown }

    @Argument(help: "Scenario files, or directories of them (*.yml).")
    var files: [String] = []

    @Option(help: "text, json, junit or markdown.")
    var format = Format.text

    @Option(
      help: ArgumentHelp(
        "Write a page for each scenario too, and an index.html.",
        discussion: "A directory that holds other files is refused.", valueName: "dir"))
    var html: String?

    @Flag(help: "Use built-in keys instead of new ones, for outputs that are to be compared.")
    var fixedKeys = false

    @Flag(
      help: """
        Play everything through real Postfix hosts on the loopback network too; a difference \
        from the run in memory is a failure. Needs root.
        """)
    var postfix = false

    @Flag(
      help: "As --postfix, in a network namespace of its own where hosts have their real addresses."
    )
    var netns = false

    /// The directory of a run inside its namespace.
    @Option(help: .hidden)
    var namespaceDirectory: String?

    func run() throws {
      if netns, namespaceDirectory == nil {
        throw ExitCode(try LabNamespace.runInside(CommandLine.arguments))
      }
      let scenarios = try LabFiles(files.isEmpty ? [LabFiles.shipped()] : files).scenarios()
      let runs = try play(scenarios, KeyStock(fixedKeys ? .fixed : .new))
      switch format {
      case .text:
        print(
          LabText(isColored: Terminal.isColored, width: Terminal.width).text(of: runs),
          terminator: "")
      case .json: print(try internally { try LabJSON.text(of: runs) })
      case .junit: print(LabJUnit.text(of: runs), terminator: "")
      case .markdown: print(LabMarkdown.text(of: runs), terminator: "")
      }
      if let html { try writePages(of: Array(zip(scenarios, runs)), to: html) }
      guard runs.allSatisfy(\.isAsExpected) else { throw ExitCode(1) }
    }

    private func play(_ scenarios: [Scenario], _ keys: KeyStock) throws -> [LabRun] {
      guard postfix || netns else {
        let runner = LabRunner(configurator: LabConfigurator(), keys: keys)
        return try scenarios.map { scenario in
          try playing(scenario) { try runner.run(scenario) }
        }
      }
      let runner = try PostfixRunner(
        configurator: LabConfigurator(), keys: keys, program: LabNamespace.program,
        directory: try namespaceDirectory.map { LabDirectory(of: $0) } ?? LabDirectory(),
        isInNamespace: netns)
      var runs: [LabRun] = []
      for scenario in scenarios {
        runs.append(try playing(scenario) { try runner.run(scenario) })
      }
      return runs
    }

    private func writePages(
      of runs: [(scenario: Scenario, run: LabRun)], to directory: String
    ) throws {
      do throws(LabSiteError) {
        try LabSite(runs).write(to: directory)
      } catch {
        throw CannotCreate(message: "\(error)")
      }
    }
  }

  /// `plumbline lab what-if`.
  struct WhatIf: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "what-if",
      abstract: "Show side by side what other settings change in scenarios.",
      discussion: """
        The settings hold for every host that evaluates, over what the file says. Of several \
        scenarios those are shown in which something changes. Exit status: 0 also when something \
        changes, 64 a setting is wrong, 65 and 66 as with run.
        """)

    @Argument(help: "Scenario files, or directories of them (*.yml).")
    var files: [String]

    @OptionGroup var settings: SettingOptions

    func validate() throws {
      if settings.settings.isEmpty { throw ValidationError("--set KEY=VALUE is missing") }
      _ = try settings.entries()
    }

    func run() throws {
      let keys = KeyStock()
      let plain = LabRunner(configurator: LabConfigurator(), keys: keys)
      let changed = LabRunner(
        configurator: LabConfigurator(), keys: keys, overrides: try settings.entries())
      let pairs = try LabFiles(files).scenarios().map { scenario in
        try playing(scenario) {
          LabComparisonText.Pair(
            before: try plain.run(scenario), after: try changed.run(scenario))
        }
      }
      print(
        LabComparisonText(isColored: Terminal.isColored, width: Terminal.width)
          .text(of: pairs, settings: settings.settings), terminator: "")
    }
  }
}

/// Plays one scenario; what cannot be played is a fault of its file.
private func playing<Result>(
  _ scenario: Scenario, _ body: () throws -> Result
) throws -> Result {
  do {
    return try body()
  } catch let failure as LabFailure {
    throw BrokenScenarios(text: "\(failure)")
  } catch let error as ReceiverConfigurationError {
    throw BrokenScenarios(text: "\(scenario.path): \(error)")
  } catch {
    throw InternalFault(message: "\(scenario.path): \(error)")
  }
}

/// Scenario files with errors; exit status 65 (EX_DATAERR).
struct BrokenScenarios: Error, CustomStringConvertible {
  /// One line for each problem, with its place.
  let text: String
  var description: String { text }
}

/// The scenario files that a command line names.
struct LabFiles {
  private let names: [String]

  init(_ names: [String]) { self.names = names }

  /// The directory of the scenarios that come with the program.
  static func shipped() throws -> String {
    let here = "conf/lab"
    let installed = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("share/plumbline/lab").path
    for directory in [here, installed] {
      var isDirectory: ObjCBool = false
      if unsafe FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory),
        isDirectory.boolValue
      {
        return directory
      }
    }
    throw UnreadableInput(
      message: "there are no scenarios in \(here) here, nor in \(installed); name a file")
  }

  /// Reads all of them.
  ///
  /// - Throws: ``UnreadableInput``, or ``BrokenScenarios`` with the problems of all files.
  func scenarios() throws -> [Scenario] {
    var scenarios: [Scenario] = []
    var problems: [String] = []
    for path in try paths() {
      do throws(ScenarioError) {
        scenarios.append(try Scenario(contentsOf: path, configurator: LabConfigurator()))
      } catch {
        problems.append("\(error)")
      }
    }
    problems += Self.repeatedTitles(scenarios)
    guard problems.isEmpty else { throw BrokenScenarios(text: problems.joined(separator: "\n")) }
    return scenarios
  }

  /// Reports name scenarios by their titles.
  private static func repeatedTitles(_ scenarios: [Scenario]) -> [String] {
    var paths: [String: String] = [:]
    return scenarios.compactMap { scenario in
      guard let other = paths[scenario.title] else {
        paths[scenario.title] = scenario.path
        return nil
      }
      let shown = scenario.title.utf8.printable(limit: 200)
      return "\(scenario.path): the title \"\(shown)\" is that of \(other), too; give it its own"
    }
  }

  /// The files, each once.
  private func paths() throws -> [String] {
    var seen: Set<String> = []
    return try namedPaths().filter {
      seen.insert(URL(fileURLWithPath: $0).resolvingSymlinksInPath().path).inserted
    }
  }

  private func namedPaths() throws -> [String] {
    try names.flatMap { name -> [String] in
      var isDirectory: ObjCBool = false
      guard unsafe FileManager.default.fileExists(atPath: name, isDirectory: &isDirectory) else {
        throw UnreadableInput(message: "\(name): no such file or directory")
      }
      guard isDirectory.boolValue else { return [name] }
      let entries: [String]
      do {
        entries = try FileManager.default.contentsOfDirectory(atPath: name)
      } catch {
        throw UnreadableInput(message: "\(name): \(error.localizedDescription)")
      }
      let files = entries.filter { $0.hasSuffix(".yml") && !$0.hasPrefix(".") }.sorted()
      guard !files.isEmpty else {
        throw UnreadableInput(message: "\(name): there are no scenario files (*.yml) in it")
      }
      let directory = name.hasSuffix("/") ? name : name + "/"
      return files.map { directory + $0 }
    }
  }
}

/// What standard output is.
enum Terminal {
  /// Whether colours are wanted: on a terminal that has them, unless NO_COLOR is set.
  static var isColored: Bool {
    let environment = ProcessInfo.processInfo.environment
    return isatty(STDOUT_FILENO) == 1 && environment["NO_COLOR", default: ""].isEmpty
      && environment["TERM"] != "dumb"
  }

  /// How many characters a line has: those of the terminal, or 100.
  static var width: Int {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return 100
    }
    return Int(size.ws_col)
  }
}
