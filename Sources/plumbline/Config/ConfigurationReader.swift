import MailAuth
import TOMLKit

/// A value of the file that passed its key's checks.
struct ConfiguredValue: Equatable {
  var value: ConfigurationValue
  /// The line of the key; nil when it could not be found.
  var line: Int?
}

/// Reads the text of a configuration file into values and everything that is wrong with it.
///
/// TOMLKit stops at the first error of syntax. Then the statements are read one by one, only to
/// find more problems to report.
struct ConfigurationReader {
  /// More problems than this are not looked for.
  static let mostProblems = 100

  /// The values by the names of their keys; only to be used when there are no problems.
  private(set) var values: [String: ConfiguredValue] = [:]
  /// What is wrong, in the order of the file.
  private(set) var problems: [ConfigurationProblem] = []

  private let path: String
  private let octets: [UInt8]
  private let outline: TOMLOutline
  private var reportedTables: Set<String> = []

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - octets: What is in the file.
  ///   - path: Its name, for problems.
  init(_ octets: [UInt8], path: String) {
    self.path = path
    let bom: [UInt8] = [0xEF, 0xBB, 0xBF]
    self.octets = octets.starts(with: bom) ? Array(octets.dropFirst(3)) : octets
    outline = TOMLOutline(self.octets)
    read()
    problems = problems.inFileOrder()
    guard problems.count > Self.mostProblems else { return }
    problems.removeLast(problems.count - Self.mostProblems)
    problems.append(ConfigurationProblem(path: path, problem: "further problems are not shown"))
  }

  private mutating func read() {
    guard let text = checkedText() else { return }
    for fault in outline.faults { report(fault) }
    guard outline.faults.isEmpty else { return readStatements() }
    do throws(TOMLOutline.Fault) {
      read(try Self.parse(text), below: [])
    } catch {
      readStatements()
      // A problem that is on record for the line already is the better account of it.
      if !problems.contains(where: { $0.line == error.line }) { report(error) }
    }
  }

  // MARK: Text

  /// The file as text; nil, with a problem, when it is none.
  private mutating func checkedText() -> String? {
    if let index = octets.indices.first(where: { isStrayControl(at: $0) }) {
      let code = String(octets[index], radix: 16, uppercase: true)
      let line = 1 + octets[..<index].count { $0 == UInt8(ascii: "\n") }
      report("control character 0x\(code.utf8.count == 1 ? "0" : "")\(code)", line: line)
      return nil
    }
    if let text = String(validating: octets, as: UTF8.self) { return text }
    let lines = octets.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let index = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }
    report("not UTF-8", line: index.map { $0 + 1 })
    return nil
  }

  /// Whether there is a control character that TOML does not allow anywhere.
  private func isStrayControl(at index: Int) -> Bool {
    switch octets[index] {
    case 0x09, 0x0A: false
    case 0x0D: index + 1 >= octets.count || octets[index + 1] != 0x0A
    case 0x00...0x1F, 0x7F: true
    default: false
    }
  }

  /// Parses what ``TOMLOutline`` has found no fault in.
  private static func parse(_ text: String) throws(TOMLOutline.Fault) -> TOMLTable {
    do {
      return try TOMLTable(string: text)
    } catch let error as TOMLParseError {
      throw TOMLOutline.Fault(
        line: error.source.begin.line, column: error.source.begin.column,
        text: Array(error.description.utf8).printable(limit: 300))
    } catch {
      throw TOMLOutline.Fault(line: 1, column: 1, text: "\(error)")
    }
  }

  // MARK: Values

  /// Takes the values of a table, `below` being the table's own path.
  private mutating func read(_ table: TOMLTable, below tablePath: [String]) {
    for (key, value) in zip(table.keys, table.values) {
      read(value, path: tablePath + [key])
    }
  }

  private mutating func read(_ value: TOMLValue, path: [String]) {
    let name = Self.name(of: path)
    if let key = ConfigurationKey.all.first(where: { $0.name == name && path.count == 2 }) {
      take(ConfigurationValue(value), of: key, path: path)
    } else if ConfigurationTable.all.contains(where: { $0.name == name && path.count == 1 }) {
      if let table = value.table {
        read(table, below: path)
      } else {
        let kind = ConfigurationValue(value).kindText
        report("must be a table, not \(kind)", line: line(of: path), key: name)
      }
    } else if value.table != nil {
      reportUnknownTable(path)
    } else {
      report(
        "unknown key" + NearMiss.hint(for: name, among: ConfigurationKey.all.map(\.name)),
        line: line(of: path), key: name)
    }
  }

  private mutating func take(_ value: ConfigurationValue, of key: ConfigurationKey, path: [String])
  {
    let statement = outline.statements.first { $0.path.starts(with: path) }
    values[key.name] = ConfiguredValue(value: value, line: statement?.line)
    for problem in key.problems(in: value) {
      var line = statement?.line
      if let index = problem.element, let lines = statement?.elementLines,
        lines.indices.contains(index)
      {
        line = lines[index]
      }
      report(problem.text, line: line, key: key.name, allowed: key.allowed)
    }
  }

  private mutating func reportUnknownTable(_ path: [String]) {
    let name = Self.name(of: path)
    guard reportedTables.insert(name).inserted else { return }
    report(
      "unknown table" + NearMiss.hint(for: name, among: ConfigurationTable.all.map(\.name)),
      line: line(of: path), key: name)
  }

  /// The line of the first statement at or below a path.
  private func line(of path: [String]) -> Int? {
    outline.statements.first { $0.path.starts(with: path) }?.line
  }

  // MARK: Statement by statement

  private mutating func readStatements() {
    reportDuplicates()
    for statement in outline.statements where !statement.isInline && !statement.isBroken {
      guard problems.count <= Self.mostProblems else { return }
      if statement.isHeader {
        if !Self.isKnown(table: statement.path) { reportUnknownTable(statement.path) }
      } else if statement.tablePath.isEmpty || Self.isKnown(table: statement.tablePath) {
        readAlone(statement.range, line: statement.line, below: statement.tablePath)
      }
    }
  }

  private static func isKnown(table path: [String]) -> Bool {
    path.count == 1 && ConfigurationTable.all.contains { $0.name == path[0] }
  }

  /// Parses a part of the file as if it stood alone in its place.
  private mutating func readAlone(_ range: Range<Int>, line: Int, below tablePath: [String]) {
    let lineStart =
      octets[..<range.lowerBound].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let text =
      String(repeating: "\n", count: line - 1)
      + String(repeating: " ", count: range.lowerBound - lineStart)
      + String(decoding: octets[range], as: UTF8.self) + "\n"
    do throws(TOMLOutline.Fault) {
      read(try Self.parse(text), below: tablePath)
    } catch {
      report(error)
    }
  }

  private mutating func reportDuplicates() {
    var firstLines: [[String]: Int] = [:]
    for statement in outline.statements {
      guard let first = firstLines[statement.path] else {
        firstLines[statement.path] = statement.line
        continue
      }
      report(
        "given twice, first in line \(first)", line: statement.line,
        key: Self.name(of: statement.path))
    }
  }

  // MARK: Reporting

  private mutating func report(_ fault: TOMLOutline.Fault) {
    let new = ConfigurationProblem(
      path: path, line: fault.line, column: fault.column, problem: "syntax: " + fault.text)
    if !problems.contains(new) { problems.append(new) }
  }

  private mutating func report(
    _ problem: String, line: Int?, key: String? = nil, allowed: String? = nil
  ) {
    let new = ConfigurationProblem(
      path: path, line: line, key: key, problem: problem, allowed: allowed)
    if !problems.contains(new) { problems.append(new) }
  }

  /// A path for people: parts that are no bare keys are quoted.
  private static func name(of path: [String]) -> String {
    path.map { part in
      let isBare = part.utf8.allSatisfy { octet in
        (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet | 0x20) || octet == 0x5F
          || octet == 0x2D
      }
      let shown = Array(part.utf8).printable(limit: 80)
      return isBare && !part.isEmpty ? shown : "\"\(shown)\""
    }.joined(separator: ".")
  }
}
