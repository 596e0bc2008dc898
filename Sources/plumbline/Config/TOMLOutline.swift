/// Where the statements of a TOML file are, and where its structure is broken.
///
/// TOMLKit gives values without their lines. Its parser also ends the process on some broken files
/// (0.6.0: `[.a]`, `a = [,]`) instead of throwing, so it only gets what has no fault here: headers,
/// keys, brackets, commas and quotes in place, and unquoted values that are numbers or booleans.
/// What strings hold, and whether a table is defined twice, is for TOMLKit to say.
struct TOMLOutline {
  /// A table header or an assignment.
  struct Statement: Equatable {
    /// The full path of the key or table.
    var path: [String]
    /// The table that the statement stands in; empty for a header.
    var tablePath: [String] = []
    /// The line of its key, from 1.
    var line: Int
    /// The lines on which the elements of an array value begin.
    var elementLines: [Int] = []
    /// Its octets in the file, without the line end.
    var range: Range<Int>
    var isHeader = false
    /// Whether it stands in an inline table, and so inside another statement.
    var isInline = false
    /// Whether there is a fault in it.
    var isBroken = false
  }

  /// A place where the file is not TOML; line and column from 1.
  struct Fault: Error, Equatable {
    var line: Int
    var column: Int
    var text: String
  }

  /// The statements, in order.
  private(set) var statements: [Statement] = []
  /// Everything that is not TOML, in order.
  private(set) var faults: [Fault] = []

  private var cursor: TOMLCursor

  /// Values of ours are not nested; deeper nesting than this is refused.
  private static let deepest = 8

  /// Finds the statements of a file.
  init(_ octets: [UInt8]) {
    cursor = TOMLCursor(octets)
    var table: [String] = []
    while true {
      cursor.skipBlanksAndLineEnds()
      guard let octet = cursor.next else { return }
      switch octet {
      case UInt8(ascii: "#"): cursor.skipToLineEnd()
      case UInt8(ascii: "["): table = takeHeader() ?? table
      default: takeStatement(in: table)
      }
    }
  }

  // MARK: Statements

  private mutating func takeHeader() -> [String]? {
    let (start, line) = (cursor.position, cursor.line)
    do throws(Fault) {
      let depth = cursor.take("[[") ? 2 : 1
      if depth == 1 { cursor.advance() }
      guard let path = try takeKey() else { throw fault("expected the name of a table") }
      guard cursor.take(depth == 2 ? "]]" : "]") else { throw fault("expected a closing bracket") }
      statements.append(
        Statement(path: path, line: line, range: start..<cursor.position, isHeader: true))
      try finishLine(startedOn: line)
      return path
    } catch {
      faults.append(error)
      cursor.skipToLineEnd()
      return nil
    }
  }

  private mutating func takeStatement(in table: [String]) {
    let (line, faultCount, index) = (cursor.line, faults.count, statements.count)
    do throws(Fault) {
      try takeAssignment(in: table, depth: 0)
      try finishLine(startedOn: line)
    } catch {
      faults.append(error)
      cursor.skipToLineEnd()
    }
    if faults.count > faultCount {
      for broken in index..<statements.count { statements[broken].isBroken = true }
    }
  }

  private mutating func takeAssignment(in table: [String], depth: Int) throws(Fault) {
    let (start, line) = (cursor.position, cursor.line)
    guard let key = try takeKey() else { throw fault("expected a key") }
    guard cursor.take("=") else { throw fault("expected an equals sign behind the key") }
    let index = statements.count
    statements.append(
      Statement(
        path: table + key, tablePath: table, line: line, range: start..<cursor.position,
        isInline: depth > 0))
    cursor.skipBlanks()
    statements[index].elementLines = try takeValue(below: table + key, depth: depth)
    statements[index].range = start..<cursor.position
  }

  /// After a statement only a comment may follow on its line.
  private mutating func finishLine(startedOn line: Int) throws(Fault) {
    cursor.skipBlanks()
    guard let octet = cursor.next, octet != UInt8(ascii: "\n") else { return }
    if octet == UInt8(ascii: "#") { return cursor.skipToLineEnd() }
    // Behind an array without an end the next statement begins.
    if cursor.line > line, looksLikeStatement { return }
    throw fault("expected the end of the line")
  }

  /// A dotted key with the blanks around it; nil when there is none.
  private mutating func takeKey() throws(Fault) -> [String]? {
    var parts: [String] = []
    repeat {
      cursor.skipBlanks()
      guard let part = try takeKeyPart() else {
        if parts.isEmpty { return nil }
        throw fault("expected a key behind the dot")
      }
      parts.append(part)
      cursor.skipBlanks()
    } while cursor.take(".")
    return parts
  }

  private mutating func takeKeyPart() throws(Fault) -> String? {
    guard let first = cursor.next else { return nil }
    let start = cursor.position
    guard first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") else {
      cursor.skip(while: Self.isBareKeyOctet)
      let part = cursor.octets[start..<cursor.position]
      return part.isEmpty ? nil : String(decoding: part, as: UTF8.self)
    }
    let (line, column) = (cursor.line, cursor.column)
    try takeString()
    guard cursor.line == line, cursor.position - start >= 2 else {
      throw Fault(line: line, column: column, text: "a key cannot span lines")
    }
    let inner = cursor.octets[(start + 1)..<(cursor.position - 1)]
    return Self.unescaped(inner, isLiteral: first == UInt8(ascii: "'"))
  }

  // MARK: Values

  /// Moves behind a value; gives the lines of an array's elements.
  private mutating func takeValue(below path: [String], depth: Int) throws(Fault) -> [Int] {
    guard depth < Self.deepest else { throw fault("values are nested too deeply") }
    switch cursor.next {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): try takeString()
    case UInt8(ascii: "["): return try takeArray(depth: depth + 1)
    case UInt8(ascii: "{"): try takeInlineTable(path, depth: depth + 1)
    default: try takeBareValue()
    }
    return []
  }

  private mutating func takeBareValue() throws(Fault) {
    let start = cursor.position
    let missing = fault("expected a value")
    cursor.skip { octet in octet > 0x20 && !"#,]}[{\"'=".utf8.contains(octet) }
    let octets = cursor.octets[start..<cursor.position]
    guard !octets.isEmpty else { throw missing }
    let text = String(decoding: octets, as: UTF8.self)
    let isNumber =
      text.wholeMatch(
        of: /[+-]?(0|[1-9](_?[0-9])*)(\.[0-9](_?[0-9])*)?([eE][+-]?[0-9](_?[0-9])*)?/) != nil
    let isOther =
      text.wholeMatch(
        of: /true|false|[+-]?(inf|nan)|0x[0-9A-Fa-f]+|0o[0-7]+|0b[01]+/) != nil
    guard isNumber || isOther else {
      throw Fault(
        line: missing.line, column: missing.column,
        text: "expected a number, true, false or a text in quotes")
    }
  }

  private mutating func takeArray(depth: Int) throws(Fault) -> [Int] {
    var lines: [Int] = []
    let opening = fault("the array has no closing bracket")
    cursor.advance()
    var expectsElement = true
    while true {
      cursor.skipBlanksAndLineEnds()
      // Better to look on behind a forgotten bracket than to swallow the file.
      let isOver = cursor.next == nil || (cursor.line > opening.line && looksLikeStatement)
      if isOver {
        faults.append(opening)
        return lines
      }
      if cursor.take("]") { return lines }
      if cursor.next == UInt8(ascii: "#") {
        cursor.skipToLineEnd()
      } else if cursor.next == UInt8(ascii: ",") {
        if expectsElement { faults.append(fault("expected a value in front of the comma")) }
        cursor.advance()
        expectsElement = true
      } else {
        guard expectsElement else { throw fault("expected a comma or a closing bracket") }
        lines.append(cursor.line)
        _ = try takeValue(below: [], depth: depth)
        expectsElement = false
      }
    }
  }

  private mutating func takeInlineTable(_ path: [String], depth: Int) throws(Fault) {
    cursor.advance()
    cursor.skipBlanks()
    if cursor.take("}") { return }
    while true {
      cursor.skipBlanks()
      try takeAssignment(in: path, depth: depth)
      cursor.skipBlanks()
      if cursor.take("}") { return }
      guard cursor.take(",") else { throw fault("expected a comma or a closing brace") }
    }
  }

  /// Moves behind a string of any of the four kinds.
  private mutating func takeString() throws(Fault) {
    guard let quote = cursor.next else { return }
    let opening = fault("the text has no closing quote")
    let mark = String(decoding: [quote, quote, quote], as: UTF8.self)
    let isMultiline = cursor.take(mark)
    if !isMultiline { cursor.advance() }
    while let octet = cursor.next {
      if octet == UInt8(ascii: "\n"), !isMultiline { throw opening }
      if octet == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        cursor.advance()
        if cursor.next != UInt8(ascii: "\n") || isMultiline { cursor.advance() }
      } else if octet != quote {
        cursor.advance()
      } else if !isMultiline {
        return cursor.advance()
      } else if cursor.take(mark) {
        // Up to two quotes may stand in front of the closing three.
        for _ in 0..<2 where cursor.next == quote { cursor.advance() }
        return
      } else {
        cursor.advance()
      }
    }
    throw opening
  }

  // MARK: Looking

  private func fault(_ text: String) -> Fault {
    Fault(line: cursor.line, column: cursor.column, text: text)
  }

  /// Whether `name =` or `[name]` is next, which no element of an array of ours is.
  private var looksLikeStatement: Bool {
    var ahead = cursor
    let isHeader = ahead.take("[")
    _ = ahead.take("[")
    ahead.skipBlanks()
    guard let first = ahead.next, first == UInt8(ascii: "_") || first | 0x20 >= 0x61 else {
      return false
    }
    ahead.skip { Self.isBareKeyOctet($0) || $0 == UInt8(ascii: ".") }
    ahead.skipBlanks()
    return ahead.take(isHeader ? "]" : "=")
  }

  private static func isBareKeyOctet(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// The text of a quoted key; `\"` and `\\` are the only escapes anyone would use in one.
  private static func unescaped(_ octets: ArraySlice<UInt8>, isLiteral: Bool) -> String {
    var text: [UInt8] = []
    var rest = octets
    while let octet = rest.popFirst() {
      let isEscape = !isLiteral && octet == UInt8(ascii: "\\")
      text.append(isEscape ? rest.popFirst() ?? octet : octet)
    }
    return String(decoding: text, as: UTF8.self)
  }
}
