/// What is wrong with a zone file; every problem found, in the order of the file.
public struct ZoneError: Error, Equatable, CustomStringConvertible {
  /// One thing to correct.
  public struct Problem: Equatable, Sendable {
    /// The line in the file, from 1; nil when the reader gives none.
    public var line: Int?
    /// The owner name it is about; nil outside of any owner.
    public var owner: String?
    /// What is wrong and what is allowed there.
    public var text: String
  }

  /// The file, or whatever the caller named the text.
  public var source: String
  /// At least one problem.
  public var problems: [Problem]

  /// One line per problem: `file:line: owner: what is wrong (what is allowed)`.
  public var description: String {
    problems.map { problem in
      var text = source
      if let line = problem.line { text += ":\(line)" }
      if let owner = problem.owner { text += ": \(owner)" }
      return text + ": " + problem.text
    }.joined(separator: "\n")
  }
}
