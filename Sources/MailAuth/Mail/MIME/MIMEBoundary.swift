/// Octets line by line; a line ends with LF or CRLF, or where the octets do.
struct LineCursor {
  /// One line.
  struct Line {
    /// What stands in it, without its line end.
    var content: ArraySlice<UInt8>
  }

  /// What was not read yet.
  private(set) var rest: ArraySlice<UInt8>

  init(_ octets: ArraySlice<UInt8>) { rest = octets }

  /// The next line; nil at the end.
  mutating func next() -> Line? {
    guard !rest.isEmpty else { return nil }
    guard let end = rest.firstIndex(of: 0x0A) else {
      defer { rest = rest[rest.endIndex...] }
      return Line(content: rest)
    }
    var content = rest[..<end]
    if content.last == 0x0D { content.removeLast() }
    rest = rest[(end + 1)...]
    return Line(content: content)
  }
}

/// The lines that divide a multipart body (RFC 2046 section 5.1.1).
enum MIMEBoundary {
  /// The parts between the boundary's lines, without preamble and epilogue; the line end in front of
  /// a boundary belongs to it.
  static func parts(of body: ArraySlice<UInt8>, boundary: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines = LineCursor(body)
    var parts: [ArraySlice<UInt8>] = []
    var start: Int?
    while let line = lines.next() {
      guard let delimiter = Delimiter(line.content, boundary) else { continue }
      if let start { parts.append(trimmed(body[start..<line.content.startIndex])) }
      start = lines.rest.startIndex
      if delimiter.isClosing { return parts }
      // More than the reader accepts: the rest need not be divided.
      if parts.count > MIMEEntity.maximumParts { return parts }
    }
    // Not closed. Behind a last boundary with nothing in it there is no part.
    if let start, start < body.endIndex { parts.append(body[start...]) }
    return parts
  }

  /// A part without the line end that belongs to the boundary behind it.
  private static func trimmed(_ part: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var part = part
    if part.last == 0x0A { part.removeLast() }
    if part.last == 0x0D { part.removeLast() }
    return part
  }

  private struct Delimiter {
    let isClosing: Bool

    init?(_ line: ArraySlice<UInt8>, _ boundary: [UInt8]) {
      let hyphens = "--".utf8
      guard line.starts(with: hyphens), line.dropFirst(2).starts(with: boundary) else {
        return nil
      }
      let rest = line.dropFirst(2 + boundary.count)
      isClosing = rest.starts(with: hyphens)
      // Blanks may follow; anything else makes it the line of a longer boundary.
      guard rest.dropFirst(isClosing ? 2 : 0).allSatisfy(\.isWhitespace) else { return nil }
    }
  }
}
