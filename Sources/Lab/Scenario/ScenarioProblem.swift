/// One thing to correct in a scenario file.
public struct ScenarioProblem: Sendable, Equatable {
  /// The line, from 1; nil when the file as a whole is meant.
  public var line: Int?
  /// What is wrong and what would be right.
  public var text: String

  /// Makes a problem.
  public init(line: Int?, text: String) {
    self.line = line
    self.text = text
  }
}

/// A scenario file that cannot be used, with everything that is wrong with it.
public struct ScenarioError: Error, Equatable, CustomStringConvertible {
  /// The file as it was named.
  public var path: String
  /// At least one problem, in the order of the file.
  public var problems: [ScenarioProblem]

  /// Makes an error; the problems are put in order.
  public init(path: String, problems: [ScenarioProblem]) {
    self.path = path
    self.problems = problems.sorted { ($0.line ?? 0) < ($1.line ?? 0) }
  }

  /// One line per problem: `file:line: what is wrong`.
  public var description: String {
    problems.map { problem in
      path + (problem.line.map { ":\($0)" } ?? "") + ": " + problem.text
    }.joined(separator: "\n")
  }
}
