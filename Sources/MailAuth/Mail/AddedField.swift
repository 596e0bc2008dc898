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
    var lines = FoldedLines(firstLineLength: name.utf8.count + 1, capacity: value.utf8.count + 32)
    let octets = Array(value.utf8)
    var start = 0
    while start <= octets.count {
      let end = FieldWords.end(from: start, in: octets)
      lines.add(octets[start..<end], beginsLine: layout == .entries && lines.endsEntry)
      start = end + 1
    }
    return String(decoding: lines.octets, as: UTF8.self)
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

/// Lines in the making.
private struct FoldedLines {
  private(set) var octets: [UInt8] = []
  private var lineLength: Int

  init(firstLineLength: Int, capacity: Int) {
    lineLength = firstLineLength
    octets.reserveCapacity(capacity)
  }

  /// Whether the text so far ends with the `;` of an entry.
  var endsEntry: Bool { octets.last == UInt8(ascii: ";") }

  /// Adds a blank and a word, or a fold and a word.
  mutating func add(_ word: ArraySlice<UInt8>, beginsLine: Bool) {
    let doesNotFit = lineLength + 1 + word.count > AddedField.wantedLine
    // The name is followed by a blank; a fold there would leave a line of nothing but the name.
    if !octets.isEmpty, beginsLine || doesNotFit, !word.isEmpty {
      octets.append(0x0A)
      octets.append(0x09)
      lineLength = 1
    } else {
      octets.append(0x20)
      lineLength += 1
    }
    addWhole(word)
  }

  /// Adds a word, in pieces where it exceeds a line: a quoted string is folded at its blanks.
  private mutating func addWhole(_ word: ArraySlice<UInt8>) {
    var rest = word
    while lineLength + rest.count > AddedField.longestLine {
      let room = rest.prefix(AddedField.longestLine - lineLength)
      guard let blank = room.lastIndex(of: 0x20), blank > rest.startIndex else {
        octets += room
        lineLength += room.count
        return
      }
      octets += rest[..<blank] + [0x0A, 0x20]
      lineLength = 1
      rest = rest[(blank + 1)...]
    }
    unsafe rest.withUnsafeBufferPointer { unsafe octets.append(contentsOf: $0) }
    lineLength += rest.count
  }
}
