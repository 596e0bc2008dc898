/// Text in columns, for terminals.
enum TextColumns {
  /// Changes the looks of a cell's text, which must keep its width: the row (0 is the first below the
  /// titles) and the column.
  typealias Paint = (_ text: String, _ row: Int, _ column: Int) -> String

  private static let gap = 2
  /// No column gets narrower than this, unless there is no need for more.
  private static let least = 8

  /// How many characters the lines of a table have at most, when nothing wraps.
  static func width(_ titles: [String], _ rows: [[[String]]]) -> Int {
    natural(titles, rows).reduce(0, +) + gap * (titles.count - 1)
  }

  /// The lines of a table: titles, a rule, and rows whose cells can have several lines.
  ///
  /// - Parameters:
  ///   - titles: One for each column.
  ///   - rows: Their cells.
  ///   - width: How long a line may be; longer cells wrap, the widest column first.
  ///   - paint: Changes the looks of texts.
  /// - Returns: Lines without blanks at their ends.
  static func lines(
    _ titles: [String], _ rows: [[[String]]], width: Int = .max,
    paint: Paint = { text, _, _ in text }
  ) -> [String] {
    var widths = natural(titles, rows)
    while widths.reduce(0, +) + gap * (widths.count - 1) > width,
      let widest = widths.indices.max(by: { widths[$0] < widths[$1] }), widths[widest] > least
    {
      widths[widest] -= 1
    }
    let rule = widths.map { String(repeating: "-", count: $0) }
    let head =
      self.lines(titles.map { [$0] }, widths) { text, _ in text }
      + [rule.joined(separator: String(repeating: " ", count: gap))]
    return head
      + rows.enumerated().flatMap { row, cells in
        self.lines(cells, widths) { paint($0, row, $1) }
      }
  }

  private static func natural(_ titles: [String], _ rows: [[[String]]]) -> [Int] {
    let cells = [titles.map { [$0] }] + rows
    return titles.indices.map { column in cells.flatMap { $0[column] }.map(\.count).max() ?? 0 }
  }

  /// The lines of one row.
  private static func lines(
    _ row: [[String]], _ widths: [Int], paint: (String, Int) -> String
  ) -> [String] {
    let cells = zip(row, widths).map { cell, width in
      cell.flatMap { wrapped($0, width: width, indent: min(2, width / 4)) }
    }
    let height = cells.map(\.count).max() ?? 0
    return (0..<height).map { line in
      // Nothing behind the last text: no blanks at line ends.
      let last = cells.lastIndex { $0.indices.contains(line) && !$0[line].isEmpty } ?? 0
      return cells[...last].enumerated().map { column, cell in
        let text = cell.indices.contains(line) ? cell[line] : ""
        let blanks = column == last ? 0 : widths[column] - text.count + gap
        return (text.isEmpty ? "" : paint(text, column)) + String(repeating: " ", count: blanks)
      }.joined()
    }
  }

  /// A text in lines, the second and later ones indented; words that are too long are broken, where
  /// they can be behind a dot or so.
  static func wrapped(_ text: String, width: Int, indent: Int) -> [String] {
    guard text.count > width else { return [text] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      for (index, piece) in pieces(of: word, width: width - indent).enumerated() {
        let isFirst = line.allSatisfy { $0 == " " }
        let joined = line + (isFirst || index > 0 ? "" : " ") + piece
        if joined.count <= width || isFirst {
          line = joined
        } else {
          lines.append(line)
          line = String(repeating: " ", count: indent) + piece
        }
      }
    }
    return lines + [line]
  }

  private static func pieces(of word: Substring, width: Int) -> [Substring] {
    var pieces: [Substring] = []
    var rest = word
    while rest.count > width, width > 0 {
      let head = rest.prefix(width)
      let end = head.lastIndex { ".@-_=/:".contains($0) }.map { head.index(after: $0) }
      let piece = rest[..<(end ?? head.endIndex)]
      pieces.append(piece)
      rest = rest[piece.endIndex...]
    }
    return rest.isEmpty ? pieces : pieces + [rest]
  }
}
