/// The path of a message as a picture: its stays at hosts from left to right, an arrow for each
/// sending.
///
/// Up to four hosts have a column each, and what comes back to one is drawn below. With more hosts
/// the stays follow one another like words in lines.
struct PathDrawing {
  /// How much room there is.
  enum Room: String, CaseIterable {
    /// Columns beside one another.
    case wide
    /// One column, for small screens.
    case narrow
  }

  private struct Cell {
    var row: Int
    var column: Int
  }

  private static let mostColumns = 4
  private static let margin = 8.0
  private static let rowGap = 58.0
  /// Where arrows meet a box, from its top.
  private static let arrowHeight = 31.0

  private let room: Room
  private let stops: [PathStop]
  private let boxes: [StopBox]
  private let cells: [Cell]
  private let columns: Int
  private let width: Double
  private let gap: Double
  private let rowTops: [Double]
  private let height: Double

  init(_ stops: [PathStop], room: Room) {
    self.room = room
    self.stops = stops
    var hosts: [String] = []
    for stop in stops where !hosts.contains(stop.actor.key) { hosts.append(stop.actor.key) }
    columns = room == .narrow ? 1 : max(1, min(hosts.count, Self.mostColumns))
    (width, gap) =
      switch (room, columns) {
      case (.narrow, _): (344, 0)
      case (.wide, 1...2): (440, 150)
      case (.wide, 3): (330, 122)
      default: (242, 98)
      }
    let width = width
    boxes = stops.map { StopBox($0, width: width) }
    cells = Self.cells(
      stops, columns: columns, hosts: hosts.count <= columns ? hosts : nil)
    let (boxes, cells) = (boxes, cells)
    rowTops = Self.rowTops(cells, boxes, columns: columns)
    let (rowTops, bottom) = (rowTops, Self.margin)
    height = zip(cells, boxes).map { rowTops[$0.row] + $1.height + bottom }.max() ?? 2 * bottom
  }

  /// Puts each row below what is above it, and below what an arrow to it must not cross.
  private static func rowTops(_ cells: [Cell], _ boxes: [StopBox], columns: Int) -> [Double] {
    var tops: [Double] = []
    var bottoms = [Double](repeating: 0, count: columns)
    for (index, cell) in cells.enumerated() {
      if cell.row == tops.count {
        let used =
          cells.filter { $0.row == cell.row }.map(\.column)
          + (index > 0 ? [cells[index - 1].column] : [])
        let way = (used.min() ?? 0)...(used.max() ?? 0)
        tops.append(cell.row == 0 ? margin : (bottoms[way].max() ?? 0) + rowGap)
      }
      bottoms[cell.column] = tops[cell.row] + boxes[index].height
    }
    return tops
  }

  /// Gives each stay a place; `hosts` are the columns' hosts, nil when stays follow one another.
  private static func cells(_ stops: [PathStop], columns: Int, hosts: [String]?) -> [Cell] {
    var cells: [Cell] = []
    for stop in stops {
      guard let last = cells.last else {
        let first = hosts?.firstIndex(of: stop.actor.key) ?? 0
        cells.append(Cell(row: 0, column: first))
        continue
      }
      guard let hosts, let column = hosts.firstIndex(of: stop.actor.key) else {
        let isFull = last.column + 1 == columns || stop.arrival == .again
        cells.append(
          Cell(row: last.row + (isFull ? 1 : 0), column: isFull ? 0 : last.column + 1))
        continue
      }
      let way = min(last.column, column)...max(last.column, column)
      let isFree = !cells.contains {
        $0.row == last.row && $0.column != last.column && way.contains($0.column)
      }
      let fits = isFree && column != last.column && stop.arrival != .again
      cells.append(Cell(row: last.row + (fits ? 0 : 1), column: column))
    }
    return cells
  }

  private func x(_ cell: Cell) -> Double { Self.margin + Double(cell.column) * (width + gap) }
  private func y(_ cell: Cell) -> Double { rowTops[cell.row] }

  // MARK: - SVG

  /// The picture.
  ///
  /// - Parameter description: What it shows, for those who do not see it.
  /// - Returns: An `svg` element.
  func svg(description: String) -> Markup {
    let total = Self.margin * 2 + Double(columns) * width + Double(columns - 1) * gap
    let number = Finding.number
    let drawn = zip(boxes, cells).map { box, cell in box.drawing(x: x(cell), y: y(cell)) }
    return """
      <svg class="path \(room.rawValue)" viewBox="0 0 \(number(total)) \(number(height))" \
      style="max-width:\(number(total))px" role="img" \
      aria-labelledby="\(room.rawValue)-title \(room.rawValue)-text">
      <title id="\(room.rawValue)-title">The path of the message</title>
      <desc id="\(room.rawValue)-text">\(description)</desc>
      \(drawn)
      \(arrows)
      </svg>
      """
  }

  private var arrows: [Markup] {
    stops.indices.dropFirst().map { index in
      let (from, to) = (cells[index - 1], cells[index])
      return from.row == to.row
        ? sideways(from, to, stops[index].arrival)
        : downwards(from, boxes[index - 1].height, to, stops[index].arrival)
    }
  }

  private static func labels(_ arrival: PathStop.Arrival) -> [String] {
    switch arrival {
    case .written: []
    case .sent(let address): ["from", address]
    case .again: ["the same message", "once more"]
    }
  }

  private func sideways(_ from: Cell, _ to: Cell, _ arrival: PathStop.Arrival) -> Markup {
    let isRight = from.column < to.column
    let start = x(from) + (isRight ? width : 0)
    let end = x(to) + (isRight ? 0 : width)
    let y = y(from) + Self.arrowHeight
    let number = Finding.number
    let tip = isRight ? end - 9 : end + 9
    let text = Self.labels(arrival).flatMap {
      TextMeasure(size: 12.5).lines($0, limit: gap - 12)
    }
    let above = y - 8 - 15 * Double(max(0, min(text.count, 2) - 1))
    let lines = text.enumerated().map { index, line -> Markup in
      // Two lines above the arrow; an IPv6 address has more of them.
      let place = index < 2 ? above + 15 * Double(index) : y + 17 + 15 * Double(index - 2)
      return """
        <text class="label" text-anchor="middle" x="\(number((start + end) / 2))" \
        y="\(number(place))">\(line)</text>
        """
    }
    return """
      <path class="arrow" d="M\(number(start)) \(number(y))H\(number(tip))"/>
      <path class="tip" d="M\(number(end)) \(number(y))L\(number(tip)) \(number(y - 5))\
      V\(number(y + 5))Z"/>
      \(lines)
      """
  }

  private func downwards(
    _ from: Cell, _ fromHeight: Double, _ to: Cell, _ arrival: PathStop.Arrival
  ) -> Markup {
    let (startX, endX) = (x(from) + width / 2, x(to) + width / 2)
    let start = y(from) + fromHeight
    let end = y(to)
    let turn = end - Self.rowGap + 18
    let number = Finding.number
    let label = Self.labels(arrival).joined(separator: " ")
    // On the horizontal part if there is one, else beside the arrow.
    let isTurning = from.column != to.column
    let anchor: Markup = isTurning ? "middle" : "start"
    let labelX = isTurning ? (startX + endX) / 2 : endX + 12
    let labelY = isTurning ? turn - 6 : end - 14
    let isAgain = arrival == .again
    return """
      <path class="arrow\(isAgain ? " again" : "")" d="M\(number(startX)) \(number(start))\
      V\(number(turn))H\(number(endX))V\(number(end - 9))"/>
      <path class="tip" d="M\(number(endX)) \(number(end))L\(number(endX - 5)) \(number(end - 9))\
      H\(number(endX + 5))Z"/>
      <text class="label" text-anchor="\(anchor)" x="\(number(labelX))" \
      y="\(number(labelY))">\(label)</text>
      """
  }
}
