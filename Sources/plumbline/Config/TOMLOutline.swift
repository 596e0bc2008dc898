/// Where the statements of a TOML file are: TOMLKit gives values, but not their lines.
///
/// It is lenient: whether the file is TOML is for TOMLKit to say. What does not look like a
/// statement is noted as a stray line.
struct TOMLOutline {
  /// A table header or an assignment.
  struct Statement: Equatable {
    /// The full path of the key or table.
    var path: [String]
    /// The table that the statement stands in; for a header the table above it, which is none.
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
  }

  /// The statements, in order.
  private(set) var statements: [Statement] = []
  /// The octets of lines that are neither statements nor comments, and their lines.
  private(set) var strays: [(range: Range<Int>, line: Int)] = []

  private let octets: [UInt8]
  private var position = 0
  private var line = 1

  /// Finds the statements of a file.
  init(_ octets: [UInt8]) {
    self.octets = octets
    var table: [String] = []
    while position < octets.count {
      skipBlanksAndLineEnds()
      guard let octet = peek() else { return }
      if octet == UInt8(ascii: "#") {
        skipToLineEnd()
      } else if octet == UInt8(ascii: "[") {
        if let header = takeHeader() { table = header }
      } else {
        takeAssignment(in: table, isInline: false)
      }
    }
  }

  // MARK: Statements

  private mutating func takeHeader() -> [String]? {
    let (start, startLine) = (position, line)
    while peek() == UInt8(ascii: "[") { advance() }
    let path = takeKey()
    guard let path, peek() == UInt8(ascii: "]") else {
      noteStray(from: start, line: startLine)
      return nil
    }
    while peek() == UInt8(ascii: "]") { advance() }
    statements.append(
      Statement(path: path, line: startLine, range: start..<position, isHeader: true))
    finishLine(from: start, line: startLine)
    return path
  }

  private mutating func takeAssignment(in table: [String], isInline: Bool) {
    let (start, startLine) = (position, line)
    guard let key = takeKey(), peek() == UInt8(ascii: "=") else {
      if !isInline { noteStray(from: start, line: startLine) }
      return
    }
    advance()
    let index = statements.count
    statements.append(
      Statement(
        path: table + key, tablePath: table, line: startLine, range: start..<position,
        isInline: isInline))
    skipBlanks()
    statements[index].elementLines = takeValue(below: table + key)
    statements[index].range = start..<position
    if !isInline { finishLine(from: start, line: startLine) }
  }

  /// A dotted key and the blanks after it; nil when there is none.
  private mutating func takeKey() -> [String]? {
    var parts: [String] = []
    repeat {
      if !parts.isEmpty { advance() }
      skipBlanks()
      guard let part = takeKeyPart() else { return nil }
      parts.append(part)
      skipBlanks()
    } while peek() == UInt8(ascii: ".")
    return parts
  }

  private mutating func takeKeyPart() -> String? {
    guard let first = peek() else { return nil }
    let start = position
    if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
      skipString()
      guard position - start >= 2 else { return nil }
      let inner = octets[(start + 1)..<(position - 1)]
      return Self.unescaped(inner, isLiteral: first == UInt8(ascii: "'"))
    }
    while let octet = peek(), Self.isBareKeyOctet(octet) { advance() }
    return position > start ? String(decoding: octets[start..<position], as: UTF8.self) : nil
  }

  // MARK: Values

  /// Moves behind a value; gives the lines of an array's elements.
  private mutating func takeValue(below path: [String]) -> [Int] {
    switch peek() {
    case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
    case UInt8(ascii: "["): return takeArray()
    case UInt8(ascii: "{"): takeInlineTable(path)
    default:
      while let octet = peek(), !"\n#,]}".utf8.contains(octet) { advance() }
    }
    return []
  }

  private mutating func takeArray() -> [Int] {
    var lines: [Int] = []
    let startLine = line
    advance()
    while true {
      skipBlanksAndLineEnds()
      switch peek() {
      case nil: return lines
      case UInt8(ascii: "]"):
        advance()
        return lines
      case UInt8(ascii: ","): advance()
      case UInt8(ascii: "#"): skipToLineEnd()
      default:
        // The closing bracket was forgotten: better to look on than to swallow the file.
        if line > startLine, looksLikeStatement() { return lines }
        lines.append(line)
        let before = position
        _ = takeValue(below: [])
        // Something that is no value, such as a closing brace.
        if position == before { advance() }
      }
    }
  }

  /// Whether `name =` or `[name]` is next, which no value begins with.
  private func looksLikeStatement() -> Bool {
    var ahead = self
    let isHeader = ahead.peek() == UInt8(ascii: "[")
    while ahead.peek() == UInt8(ascii: "[") { ahead.advance() }
    guard let first = ahead.peek(), first == UInt8(ascii: "_") || (first | 0x20) >= 0x61,
      ahead.takeKey() != nil
    else { return false }
    return ahead.peek() == (isHeader ? UInt8(ascii: "]") : UInt8(ascii: "="))
  }

  private mutating func takeInlineTable(_ path: [String]) {
    advance()
    while true {
      skipBlanks()
      switch peek() {
      case nil, UInt8(ascii: "\n"): return
      case UInt8(ascii: "}"): return advance()
      case UInt8(ascii: ","): advance()
      default:
        let before = position
        takeAssignment(in: path, isInline: true)
        if position == before { return skipToLineEnd() }
      }
    }
  }

  /// Moves behind a string of any of the four kinds; one without an end reaches to the line's or,
  /// when it may span lines, the file's.
  private mutating func skipString() {
    guard let quote = peek() else { return }
    let isBasic = quote == UInt8(ascii: "\"")
    let isMultiline = octets[position...].starts(with: [quote, quote, quote])
    for _ in 0..<(isMultiline ? 3 : 1) { advance() }
    while let octet = peek() {
      if octet == UInt8(ascii: "\n"), !isMultiline { return }
      if octet == UInt8(ascii: "\\"), isBasic {
        advance()
        if peek() != UInt8(ascii: "\n") || isMultiline { advance() }
        continue
      }
      guard octet == quote else {
        advance()
        continue
      }
      if !isMultiline { return advance() }
      if octets[position...].starts(with: [quote, quote, quote]) {
        // Up to two quotes may stand before the closing three.
        while peek() == quote { advance() }
        return
      }
      advance()
    }
  }

  // MARK: Octets

  /// After a statement only a comment may follow on its line.
  private mutating func finishLine(from start: Int, line startLine: Int) {
    skipBlanks()
    guard let octet = peek(), octet != UInt8(ascii: "\n") else { return }
    if octet == UInt8(ascii: "#") { return skipToLineEnd() }
    // Behind an array without an end the next statement begins.
    if line > startLine, looksLikeStatement() { return }
    noteStray(from: start, line: startLine)
  }

  private mutating func noteStray(from start: Int, line startLine: Int) {
    skipToLineEnd()
    strays.append((start..<position, startLine))
  }

  private func peek() -> UInt8? { position < octets.count ? octets[position] : nil }

  private mutating func advance() {
    guard position < octets.count else { return }
    if octets[position] == UInt8(ascii: "\n") { line += 1 }
    position += 1
  }

  private mutating func skipBlanks() {
    while let octet = peek(), octet == 0x20 || octet == 0x09 || octet == 0x0D { advance() }
  }

  private mutating func skipBlanksAndLineEnds() {
    while let octet = peek(), [0x20, 0x09, 0x0D, 0x0A].contains(octet) { advance() }
  }

  private mutating func skipToLineEnd() {
    while let octet = peek(), octet != UInt8(ascii: "\n") { advance() }
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
