/// One thing wrong with a configuration file.
struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
  /// The file as it was named.
  var path: String
  /// The line, from 1; nil when the file as a whole is meant.
  var line: Int?
  /// The column, from 1; only for syntax errors.
  var column: Int?
  /// The key or table; nil when it is not about one.
  var key: String?
  /// What is wrong.
  var problem: String
  /// What would be right; nil when there is nothing to list.
  var allowed: String?

  /// `path:line: key: problem (allowed: ...)`.
  var description: String {
    var place = path
    if let line { place += ":\(line)" }
    if let column { place += ":\(column)" }
    let parts = [place, key, problem].compactMap { $0 }.joined(separator: ": ")
    return parts + (allowed.map { " (allowed: \($0))" } ?? "")
  }
}

extension [ConfigurationProblem] {
  /// The problems by line and column; those of the file as a whole come first.
  func inFileOrder() -> [ConfigurationProblem] {
    // Sorting is stable: problems of one line keep their order.
    sorted { ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0) }
  }
}

/// A configuration file that cannot be used, with everything that is wrong with it; exit status 78
/// (EX_CONFIG).
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// At least one problem, in the order of the file.
  var problems: [ConfigurationProblem]

  /// One line for each problem.
  var description: String { problems.map(\.description).joined(separator: "\n") }
}
