import ArgumentParser
import Foundation
import Lab
import Ledger
import Reports

/// Which messages of the ledger a command is about.
struct QueueIDOptions: ParsableArguments {
  @Argument(help: "The queue ID of the message.")
  var queueID: String

  @Option(
    help: ArgumentHelp(
      "The time in UTC at which the message came, as ledger list shows it, since queue IDs repeat.",
      valueName: "time"))
  var at: String?

  @Flag(help: "All messages with this queue ID, in order of time; without it the newest.")
  var all = false

  func validate() throws {
    if at != nil, all { throw ValidationError("--at and --all exclude each other") }
  }

  /// A message with what was kept of it.
  struct Message {
    var record: MessageRecord
    /// Nil when nothing was kept, or not any more.
    var capture: MessageCapture?

    /// The queue ID and the time, for people.
    var name: String { "\(record.queueID) of \(UTCDay.timeText(record.receivedAt))" }
  }

  /// Looks them up.
  ///
  /// - Returns: At least one message.
  /// - Throws: ``UnreadableInput`` when there is none.
  func messages(in store: SQLiteStore) throws -> [Message] {
    var found: [StoredMessage] = []
    var captures: [Int64: MessageCapture] = [:]
    try internally {
      try store.read { ledger in
        try ledger.messages(queueID: queueID) { found.append($0) }
        for message in found { captures[message.id] = try ledger.capture(ofMessage: message.id) }
      }
    }
    let times = found.map { UTCDay.timeText($0.record.receivedAt) }
    let shown = queueID.utf8.prefix(80).map { $0 }
    let name = String(decoding: shown, as: UTF8.self).withoutControls
    guard !found.isEmpty else {
      throw UnreadableInput(
        message: "the ledger has no message with the queue ID \(name); ledger list shows all")
    }
    var chosen = found
    if let at {
      let wanted = at.split(whereSeparator: { $0 == " " || $0 == "T" }).joined(separator: " ")
      chosen = found.filter { UTCDay.timeText($0.record.receivedAt) == wanted }
      guard !chosen.isEmpty else {
        throw UnreadableInput(
          message:
            "no message with the queue ID \(name) came at \(wanted.withoutControls); there are "
            + "those of \(times.joined(separator: ", "))")
      }
    }
    if !all, chosen.count > 1 {
      warn(
        "\(chosen.count) messages have the queue ID \(name), of \(times.joined(separator: ", ")); "
          + "this is the newest; choose with --at or --all")
      chosen = Array(chosen.suffix(1))
    }
    return chosen.map { Message(record: $0.record, capture: captures[$0.id]) }
  }

  /// Says something that is no result.
  private func warn(_ text: String) {
    FileHandle.standardError.write(Data("plumbline: \(text)\n".utf8))
  }
}

extension QueueIDOptions.Message {
  /// What is to be done so that messages to come can be evaluated again.
  var nothingKept: UnreadableInput {
    let reason =
      capture == nil
      ? "nothing was kept of message \(name), or not any more; set ledger.capture to have it kept of "
        + "messages to come"
      : "the header of message \(name) was too large to be kept; see ledger.capture_kilobytes"
    return UnreadableInput(message: reason)
  }
}

extension [MessageCapture.Setting] {
  /// The same as entries of the lab.
  var entries: [ConfigurationEntry] {
    map { setting in
      let isOne = !setting.isList && setting.values.count == 1
      return ConfigurationEntry(
        key: setting.key, value: isOne ? .text(setting.values[0]) : .list(setting.values))
    }
  }
}

/// Settings from the command line, over those of a file.
struct SettingOptions: ParsableArguments {
  @Option(
    name: .customLong("set"),
    help: """
      A key of the configuration file with its value, as policy.enforce=reject, several values with \
      commas between; repeatable.
      """)
  var settings: [String] = []

  /// The settings, checked.
  func entries() throws -> [ConfigurationEntry] {
    let entries = try settings.map { text in
      guard let sign = text.firstIndex(of: "=") else {
        throw ValidationError("--set: \(text) is not KEY=VALUE")
      }
      return ConfigurationEntry(
        key: String(text[..<sign]), value: .text(String(text[text.index(after: sign)...])))
    }
    do throws(ReceiverConfigurationError) {
      _ = try LabConfigurator().settings(host: "localhost", entries: entries)
    } catch {
      throw ValidationError(error.problems.map { "--set: \($0.text)" }.joined(separator: "\n"))
    }
    return entries
  }
}
