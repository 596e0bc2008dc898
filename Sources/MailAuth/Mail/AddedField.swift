/// A header field to put on a message, and the only place where such fields are folded.
///
/// Whatever it is made of, it is one field: its text holds printable ASCII only, so nothing in it
/// can end it early, and no line of it is longer than RFC 5322 section 2.1.1 allows.
public struct AddedField: Sendable, Equatable {
  /// Where lines are broken besides where they have to be.
  public enum Layout: Sendable {
    /// In front of every entry: behind each `;` that no quoted string or comment holds.
    case entries
    /// Nowhere.
    case filled
  }

  /// The field's name.
  public let name: String
  /// The value on one line, without a leading blank; printable ASCII.
  public let value: String
  /// Where lines are broken.
  public let layout: Layout

  /// Makes a field; octets that are not printable ASCII become "?".
  public init(name: String, value: String, layout: Layout = .filled) {
    self.name = Self.printable(name)
    self.value = Self.printable(value)
    self.layout = layout
  }

  /// The longest line wanted, and the longest allowed, in octets without the line end.
  static let wantedLine = 78
  static let longestLine = 998

  /// The value with its leading blank, folded with LF and white space.
  ///
  /// With each fold and its blank read as one blank it equals a blank and ``value``. A line is
  /// longer than 78 octets only where a word or a quoted string is; a word that fits into no line
  /// is cut.
  public var foldedValue: String {
    let octets = Array(value.utf8)
    var lines = FoldedLines(octets, firstLineLength: name.utf8.count + 1)
    var start = 0
    while start <= octets.count {
      let end = FieldWords.end(from: start, in: octets)
      lines.add(start..<end, mayBeginLine: layout == .entries)
      start = end + 1
    }
    return lines.text
  }

  private static func printable(_ text: String) -> String {
    guard text.hasOctet(where: { !$0.isPrintableASCII }) else { return text }
    let octets = text.utf8.map { $0.isPrintableASCII ? $0 : UInt8(ascii: "?") }
    return String(decoding: octets, as: UTF8.self)
  }
}

/// Text between the blanks at which a field may be folded.
private enum FieldWords {
  /// Where the text that begins at `start` ends: at the next blank outside of a quoted string, also
  /// inside a comment, or with the value.
  static func end(from start: Int, in value: [UInt8]) -> Int {
    unsafe value.withUnsafeBufferPointer { octets in
      var isQuoted = false
      var index = start
      while index < octets.count {
        let octet = unsafe octets[index]
        if octet == 0x20, !isQuoted { return index }
        if octet == UInt8(ascii: "\"") { isQuoted.toggle() }
        index &+= octet == UInt8(ascii: "\\") ? 2 : 1
      }
      return octets.count
    }
  }
}

/// Lines in the making: the value is copied line by line, not word by word.
private struct FoldedLines {
  private let value: [UInt8]
  /// How much of the value is copied; what follows it, up to the last word added, belongs to the line.
  private var copied = 0
  private var octets: [UInt8] = []
  private var lineLength: Int

  init(_ value: [UInt8], firstLineLength: Int) {
    self.value = value
    octets.reserveCapacity(value.count + 64)
    octets.append(0x20)
    lineLength = firstLineLength + 1
  }

  /// The text, with all that was added.
  var text: String { String(decoding: octets + value[copied...], as: UTF8.self) }

  /// Adds a word, behind its blank or a fold in its place; `mayBeginLine` has it begin a line behind
  /// the `;` of an entry.
  mutating func add(_ word: Range<Int>, mayBeginLine: Bool) {
    // The name is followed by a blank; a fold there would leave a line of nothing but the name.
    if word.lowerBound > 0 {
      let blank = word.lowerBound - 1
      let beginsLine = mayBeginLine && blank > 0 && value[blank - 1] == UInt8(ascii: ";")
      let doesNotFit = lineLength + 1 + word.count > AddedField.wantedLine
      if beginsLine || doesNotFit, !word.isEmpty {
        fold(at: blank, with: [0x0A, 0x09])
      } else {
        lineLength += 1
      }
    }
    addWhole(word)
  }

  /// Adds a word, in pieces where it exceeds a line: a quoted string is folded at its blanks.
  private mutating func addWhole(_ word: Range<Int>) {
    var rest = word
    while lineLength + rest.count > AddedField.longestLine {
      let room = rest.prefix(max(AddedField.longestLine - lineLength, 0))
      guard let blank = room.last(where: { value[$0] == 0x20 }), blank > rest.lowerBound else {
        // What does not fit is left out.
        octets += value[copied..<room.upperBound]
        copied = rest.upperBound
        lineLength += room.count
        return
      }
      fold(at: blank, with: [0x0A, 0x20])
      rest = (blank + 1)..<rest.upperBound
    }
    lineLength += rest.count
  }

  private mutating func fold(at blank: Int, with fold: [UInt8]) {
    octets += value[copied..<blank]
    octets += fold
    copied = blank + 1
    lineLength = 1
  }
}
