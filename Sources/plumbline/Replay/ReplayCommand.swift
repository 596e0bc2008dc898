import ArgumentParser
import Foundation
import Lab
import Ledger
import MailAuth

/// `plumbline replay`: evaluates a message of the ledger again and shows what is different.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Evaluate a message of the ledger again and show what is different.",
    discussion: """
      Needs ledger.capture. Time and settings are those of the message unless options say otherwise; \
      with --dns live the servers of the configuration are asked. With recorded DNS a question that \
      was not asked then ends as a failure and is named. Nothing is written. Exit status: 0 all is as \
      recorded, 1 something is not, 64 bad usage, 66 there is no such message or nothing was kept of \
      it, 78 the configuration or the ledger cannot be used.
      """)

  enum Source: String, ExpressibleByArgument, CaseIterable { case recorded, live }
  enum Settings: String, ExpressibleByArgument, CaseIterable { case recorded, current }
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @OptionGroup var options: ConfigurationOptions
  @OptionGroup var choice: QueueIDOptions

  @Option(help: "Where DNS answers come from: recorded or live.")
  var dns = Source.recorded

  @Option(
    help: "Whose settings hold: recorded with the message, or the configuration file's current.")
  var settings = Settings.recorded

  @OptionGroup var overrides: SettingOptions

  @Option(help: "The time of evaluation in seconds since the epoch (default: the message's).")
  var now: Int64?

  @Option(help: "text or json; JSON is one object a line.")
  var format = Format.text

  func validate() throws {
    if let now, now < 0 {
      throw ValidationError("--now: \(now) lies before the epoch (allowed: 0 and up)")
    }
  }

  func run() throws {
    let wiring = Wiring(configuration: try options.load())
    let entries = try overrides.entries()
    let store = try starting { try wiring.ledger(readOnly: true) }
    let messages = try choice.messages(in: store)
    let live = dns == .live ? try starting { try wiring.resolver() } : nil
    var isSame = true
    for (index, message) in messages.enumerated() {
      let replay = try replay(message, live, entries, wiring.configuration)
      isSame = isSame && replay.isSame
      switch format {
      case .text: print((index > 0 ? "\n" : "") + ReplayText(replay, overrides.settings).text)
      case .json: print(try internally { try ReplayJSON(replay).line() })
      }
    }
    guard isSame else { throw ExitCode(1) }
  }

  private func replay(
    _ message: QueueIDOptions.Message, _ live: (any Resolver)?,
    _ overrides: [ConfigurationEntry], _ configuration: Configuration
  ) throws -> Replay {
    guard let capture = message.capture, let header = capture.header else {
      throw message.nothingKept
    }
    let base = settings == .recorded ? capture.settings : configuration.ledger.capture.settings
    let receiver: ReceiverSettings
    do throws(ReceiverConfigurationError) {
      receiver = try LabConfigurator().settings(
        host: message.record.host, entries: base.entries + overrides)
    } catch {
      throw StartFailure(message: "the settings of message \(message.name): \(error)")
    }
    return try internally {
      try Replay(
        message.record, capture, header: header, settings: receiver, live: live,
        now: now ?? message.record.receivedAt,
        deadlineSeconds: configuration.limits.deadlineSeconds)
    }
  }
}
