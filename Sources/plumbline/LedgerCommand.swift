import ArgumentParser
import Foundation
import Ledger
import Reports

/// `plumbline ledger`: what the ledger holds.
struct LedgerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger", abstract: "Show what was recorded.", subcommands: [List.self])

  /// `plumbline ledger list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List messages with their results and causes.",
      discussion: """
        In the table a + behind a result marks an identifier that aligns with the From domain, \
        a - one that does not, a ? one for which the DNS did not tell. JSON is one object a line.
        """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "Only this day, in UTC.")
    var day: UTCDay?

    @Option(help: "text or json.")
    var format = Format.text

    func run() throws {
      let wiring = Wiring(configuration: try options.load())
      let store = try starting { try wiring.ledger(readOnly: true) }
      try internally { try list(store) }
    }

    private func list(_ store: SQLiteStore) throws {
      let window = day?.window ?? 0..<Int64.max
      var table = MessageTable()
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      try store.read { ledger in
        try ledger.messages(in: window) { message in
          switch format {
          case .text: table.add(message.record)
          case .json:
            print(String(decoding: try encoder.encode(MessageJSON(message.record)), as: UTF8.self))
          }
        }
      }
      if format == .text { print(table.text) }
    }
  }
}
