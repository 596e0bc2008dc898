import ArgumentParser
import Foundation
import Lab
import Ledger

extension LabCommand {
  /// `plumbline lab capture`.
  struct Capture: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "capture",
      abstract: "Write a scenario of a message in the ledger, to play it again.",
      discussion: """
        Needs ledger.capture. The scenario is played once: what then is not as recorded is told on \
        standard error. It holds the message, so a file gets mode 0600. Exit status: 0 written and as \
        recorded, 1 written and not as recorded, 66 there is no such message or nothing was kept of \
        it, 73 the file cannot be written, 78 the configuration or the ledger cannot be used.
        """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var choice: QueueIDOptions

    @Option(help: "The file to write, with --all a directory; standard output without it.")
    var out: String?

    func validate() throws {
      if choice.all, out == nil { throw ValidationError("--all needs --out DIRECTORY") }
    }

    func run() throws {
      let wiring = Wiring(configuration: try options.load())
      let store = try starting { try wiring.ledger(readOnly: true) }
      var isAsRecorded = true
      for message in try choice.messages(in: store) {
        guard let capture = message.capture,
          let scenario = CapturedScenario(message.record, capture)
        else { throw message.nothingKept }
        let path = path(of: message)
        try write(scenario.text, to: path)
        let problems = try scenario.notes + differences(scenario, path: path ?? "scenario")
        isAsRecorded = isAsRecorded && problems.isEmpty
        for problem in problems {
          FileHandle.standardError.write(
            Data("plumbline: \(path ?? message.name): \(problem.onOneLine)\n".utf8))
        }
      }
      guard isAsRecorded else { throw ExitCode(1) }
    }

    /// The file of a message; nil for standard output.
    private func path(of message: QueueIDOptions.Message) -> String? {
      guard let out, choice.all else { return out }
      let octets = message.record.queueID.utf8.prefix(100).map { octet in
        octet < 0x80 && Character(Unicode.Scalar(octet)).isLetter
          || (0x30...0x39).contains(octet) ? octet : UInt8(ascii: "_")
      }
      let name = String(decoding: octets, as: UTF8.self)
      return "\(out)/\(name)-\(message.record.receivedAt).yml"
    }

    private func write(_ text: String, to path: String?) throws {
      guard let path else { return print(text, terminator: "") }
      guard
        FileManager.default.createFile(
          atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
      else { throw CannotCreate(message: "\(path): cannot be written") }
    }

    /// Where the scenario does not find what was recorded.
    private func differences(_ captured: CapturedScenario, path: String) throws -> [String] {
      do {
        let scenario = try Scenario(captured.text, path: path, configurator: LabConfigurator())
        return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed))
          .run(scenario).differences.map { "not as recorded: \($0.text)" }
      } catch {
        return ["cannot be played: \(error)"]
      }
    }
  }
}
