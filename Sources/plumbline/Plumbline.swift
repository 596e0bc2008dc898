import ArgumentParser

/// The command `plumbline`.
@main
struct Plumbline: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plumbline",
    abstract: "Says of each message whether its From domain is backed, and if not, why not.")
}
