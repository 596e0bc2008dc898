import ArgumentParser

// The load generator of scripts/bench. It makes messages and their zone, drives filters with them as
// Postfix would, and says how long that took and what it cost. What is measured is decided by the
// script; the numbers of one run are made here.

/// The command `MilterBench`.
@main
struct MilterBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "MilterBench",
    abstract: "Measures mail filters: makes messages, sends them, counts.",
    subcommands: [
      PrepareCommand.self, RunCommand.self, LimitsCommand.self, DelayDNSCommand.self,
    ])
}
