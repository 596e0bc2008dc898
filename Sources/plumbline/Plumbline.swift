import ArgumentParser
import Foundation

/// The command `plumbline`.
@main
struct Plumbline: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plumbline",
    abstract: "Says of each message whether its From domain is backed, and if not, why not.",
    version: version,
    subcommands: [
      MilterCommand.self, CheckCommand.self, ReportCommand.self, InspectCommand.self,
      LedgerCommand.self, ReplayCommand.self, LabCommand.self, ConfigCommand.self,
    ])

  /// The version of the program, as reports name it.
  static let version = "0.1.0"

  /// Runs the command line; errors of ours end with their own exit status.
  static func main() {
    StandardOutput.reserve()
    do {
      var command = try parseAsRoot()
      do {
        try command.run()
      } catch let code as ExitCode {
        // What was said with this status has to arrive.
        try StandardOutput.finish()
        throw code
      }
      try StandardOutput.finish()
    } catch {
      guard let status = exitStatus(of: error) else { exit(withError: error) }
      // Problems of a configuration begin with its path, as compilers write them.
      let prefix = error is ConfigurationError || error is BrokenScenarios ? "" : "plumbline: "
      FileHandle.standardError.write(Data("\(prefix)\(error)\n".utf8))
      Foundation.exit(status)
    }
  }
}
