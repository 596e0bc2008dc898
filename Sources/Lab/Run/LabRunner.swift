import MailAuth

/// Plays scenarios in memory: no network, no clock, no other process.
public struct LabRunner: Sendable {
  private let configurator: any ReceiverConfigurator
  private let keys: KeyStock
  private let overrides: [ConfigurationEntry]

  /// Makes a runner.
  ///
  /// - Parameters:
  ///   - configurator: Makes settings of configuration keys.
  ///   - keys: The keys of this run.
  ///   - overrides: Settings for every host that evaluates, over what the scenario says.
  public init(
    configurator: any ReceiverConfigurator, keys: KeyStock, overrides: [ConfigurationEntry] = []
  ) {
    self.configurator = configurator
    self.keys = keys
    self.overrides = overrides
  }

  /// Plays a scenario and compares what came out with what is expected.
  ///
  /// - Throws: ``LabFailure`` when a hop cannot be done, ``ReceiverConfigurationError``, and faults
  ///   of libraries.
  public func run(_ scenario: Scenario) throws -> LabRun {
    let story = try Story(scenario, keys: try keys.keys(of: scenario)) { host, entries in
      try configurator.settings(host: host, entries: entries + overrides)
    }
    try story.play()
    return LabRun(
      path: scenario.path, title: scenario.title, why: scenario.why,
      actors: scenario.actors.map {
        LabActor(key: $0.key, name: $0.name, address: $0.address.description)
      },
      steps: story.steps, receipts: story.receipts,
      notReached: scenario.receivers.filter { name in
        !story.receipts.contains { $0.receiver == name }
      },
      differences: Comparison.differences(scenario, story.receipts))
  }
}
