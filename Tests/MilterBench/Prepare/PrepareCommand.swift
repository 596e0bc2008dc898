import ArgumentParser
import TestSupport

/// The command that makes the messages.
struct PrepareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prepare",
    abstract: "Makes the messages of all mixes and their zone.")

  @Argument(help: "The directory to fill.") var directory: String
  @Flag(help: "Few and small messages, for a trial.") var small = false
  @Option(help: "Now, in seconds since 1970; the time of the signatures.") var now: Int64

  mutating func run() throws {
    let size = small ? MixWriter.Size.small : .full
    let writer = try MixWriter(Corpus(directory), size: size, now: now)
    try writer.writeAll()
  }
}
