public import MailAuth

/// A setting of a receiver, by its key in the configuration file.
public struct ConfigurationEntry: Sendable, Equatable {
  /// What a setting can be given as.
  public enum Value: Sendable, Equatable {
    /// A word or a number, as written.
    case text(String)
    /// Several of them.
    case list([String])
  }

  /// The key, such as `policy.enforce`.
  public var key: String
  /// The value.
  public var value: Value
  /// The line in the scenario's file; nil when it comes from elsewhere.
  public var line: Int?

  /// Makes an entry.
  public init(key: String, value: Value, line: Int? = nil) {
    self.key = key
    self.value = value
    self.line = line
  }
}

/// How a receiver evaluates and judges.
public struct ReceiverSettings: Sendable {
  /// How it evaluates.
  public var evaluator: EvaluatorSettings
  /// How it judges and what it writes.
  public var verdicts: VerdictSettings
  /// How long it waits for one DNS answer, in seconds.
  public var dnsTimeoutSeconds: Double
  /// How long it waits for the DNS in the course of one message, in seconds.
  public var deadlineSeconds: Int

  /// Makes settings.
  public init(
    evaluator: EvaluatorSettings, verdicts: VerdictSettings, dnsTimeoutSeconds: Double = 5,
    deadlineSeconds: Int = 20
  ) {
    self.evaluator = evaluator
    self.verdicts = verdicts
    self.dnsTimeoutSeconds = dnsTimeoutSeconds
    self.deadlineSeconds = deadlineSeconds
  }
}

/// Turns configuration keys into settings: the lab knows no configuration files.
public protocol ReceiverConfigurator: Sendable {
  /// The settings of a host.
  ///
  /// - Parameters:
  ///   - host: Its name.
  ///   - entries: What is configured; of several entries with one key the last counts.
  /// - Returns: The settings.
  /// - Throws: Everything that is wrong with the entries.
  func settings(
    host: String, entries: [ConfigurationEntry]
  ) throws(ReceiverConfigurationError) -> ReceiverSettings

  /// A configuration file with these entries; of several with one key the last counts.
  func file(_ entries: [ConfigurationEntry]) -> String
}

/// Settings that cannot be used.
public struct ReceiverConfigurationError: Error, Equatable, CustomStringConvertible {
  /// At least one problem.
  public var problems: [ScenarioProblem]

  /// Makes an error.
  public init(problems: [ScenarioProblem]) { self.problems = problems }

  /// One line per problem.
  public var description: String { problems.map(\.text).joined(separator: "\n") }
}
