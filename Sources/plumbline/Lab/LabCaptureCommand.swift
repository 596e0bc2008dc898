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
        With ledger.capture the scenario is the message as it came; without it one is made up that \
        gives the recorded results, as far as that is possible. It is played once: what then is not as \
        recorded is told on standard error. A file gets mode 0600. Exit status: 0 written and as \
        recorded, 1 written and not as recorded, 66 there is no such message, 73 the file cannot be \
        written, 78 the configuration or the ledger cannot be used.
        """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var choice: QueueIDOptions

    @Option(help: "The file to write, with --all a directory; standard output without it.")
    var out: String?

    func validate() throws {
      if choice.all, out == nil { throw ValidationError("--all needs --out DIRECTORY") }
    }

    func run() throws {
      let configuration = try options.load()
      let store = try starting {
        try Wiring(configuration: configuration).ledger(readOnly: true)
      }
      var isAsRecorded = true
      for message in try choice.messages(in: store) {
        let path = path(of: message)
        let (text, problems) = try scenario(of: message, configuration)
        try write(text, to: path)
        isAsRecorded = isAsRecorded && problems.isEmpty
        for problem in problems { tell("\(path ?? message.name): \(problem)") }
      }
      guard isAsRecorded else { throw ExitCode(1) }
    }

    /// The file, and where it does not find what was recorded.
    private func scenario(
      of message: QueueIDOptions.Message, _ configuration: Configuration
    ) throws -> (text: String, problems: [String]) {
      if let capture = message.capture,
        let scenario = CapturedScenario(message.record, capture)
      {
        let found = differences(scenario.text)
        return (scenario.text, scenario.notes + found.map { "not as recorded: \($0.text)" })
      }
      let scenario = SyntheticScenario(
        message.record, settings: configuration.ledger.capture.settings)
      tell("nothing was kept of message \(message.name) but its record: the scenario is made up")
      // What it cannot show becomes a comment; the rest is then as recorded.
      let missing = differences(scenario.text())
      let text = scenario.text(without: Set(missing.map(\.subject)))
      return (text, differences(text).map { "not as recorded: \($0.text)" })
    }

    private func tell(_ text: String) {
      FileHandle.standardError.write(Data("plumbline: \(text.onOneLine)\n".utf8))
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

    /// Plays a scenario; one that cannot be played has one difference.
    private func differences(_ text: String) -> [LabDifference] {
      do {
        let scenario = try Scenario(text, path: "scenario", configurator: LabConfigurator())
        return try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed))
          .run(scenario).differences
      } catch {
        return [
          LabDifference(
            receiver: "receiver", line: 0, subject: "file", expected: "one that can be played",
            found: "\(error)")
        ]
      }
    }
  }
}
