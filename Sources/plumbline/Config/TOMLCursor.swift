/// A place in the octets of a file that knows its line and column.
struct TOMLCursor {
  let octets: [UInt8]
  private(set) var position = 0
  /// From 1.
  private(set) var line = 1
  private var lineStart = 0

  init(_ octets: [UInt8]) { self.octets = octets }

  /// From 1, in octets.
  var column: Int { position - lineStart + 1 }

  /// The octet here; nil at the end.
  var next: UInt8? { position < octets.count ? octets[position] : nil }

  mutating func advance() {
    guard let octet = next else { return }
    position += 1
    guard octet == UInt8(ascii: "\n") else { return }
    line += 1
    lineStart = position
  }

  /// Moves behind `text`, which has no line ends, when it is here; whether it was.
  mutating func take(_ text: String) -> Bool {
    guard octets[position...].starts(with: text.utf8) else { return false }
    position += text.utf8.count
    return true
  }

  mutating func skip(while condition: (UInt8) -> Bool) {
    while let octet = next, condition(octet) { advance() }
  }

  /// Blanks, and CR, which stands in front of LF only.
  mutating func skipBlanks() {
    skip { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
  }

  mutating func skipBlanksAndLineEnds() {
    skip { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
  }

  mutating func skipToLineEnd() {
    skip { $0 != UInt8(ascii: "\n") }
  }
}
