/// Divides a message's octets, as a file has them, into header fields and body.
///
/// Line ends may be LF or CRLF; both come out as CRLF, as SMTP would have carried them. A leading
/// mbox separator line (`From ` without a colon) is dropped. The header ends at the first empty
/// line, or in front of the first line that is neither a field nor a continuation. A field is cut
/// at ``longestField``.
public struct MessageReader {
  /// A piece of the message.
  public enum Piece: Equatable {
    /// A header field.
    case field(HeaderField)
    /// The header is complete.
    case endOfHeaders
    /// A piece of the body.
    case body([UInt8])
  }

  /// Octets of one field that are kept: far more than any evaluation accepts, so that what comes
  /// behind can make no difference but fill the memory.
  public static let longestField = 16 * 1024 * 1024

  private var line: [UInt8] = []
  private var field: HeaderField?
  private var isInBody = false
  private var isFirstLine = true
  private var endsWithCR = false

  /// Makes a reader at the beginning of a message.
  public init() {}

  /// Takes some octets and gives the pieces that they complete.
  public mutating func read(_ octets: some Collection<UInt8>) -> [Piece] {
    // An array first: a message takes ten times as long when each octet comes through a protocol.
    divide(Array(octets))
  }

  private mutating func divide(_ octets: [UInt8]) -> [Piece] {
    var pieces: [Piece] = []
    var body: [UInt8] = []
    if isInBody { body.reserveCapacity(octets.count + octets.count / 32 + 16) }
    for octet in octets {
      if isInBody {
        if octet == 0x0A && !endsWithCR { body.append(0x0D) }
        body.append(octet)
        endsWithCR = octet == 0x0D
      } else if octet == 0x0A {
        if line.last == 0x0D { line.removeLast() }
        endLine(&pieces, &body)
      } else if line.count < Self.longestField {
        line.append(octet)
      }
    }
    if !body.isEmpty { pieces.append(.body(body)) }
    return pieces
  }

  /// Ends the message and gives what is left.
  public mutating func finish() -> [Piece] {
    var pieces: [Piece] = []
    guard !isInBody else { return pieces }
    var body: [UInt8] = []
    if !line.isEmpty { endLine(&pieces, &body) }
    if !isInBody { endHeader(&pieces) }
    // The file ended without a line end: so does the body.
    if body.suffix(2) == [0x0D, 0x0A] { body.removeLast(2) }
    if !body.isEmpty { pieces.append(.body(body)) }
    return pieces
  }

  private mutating func endLine(_ pieces: inout [Piece], _ body: inout [UInt8]) {
    defer {
      line = []
      isFirstLine = false
    }
    if isFirstLine, line.starts(with: "From ".utf8) { return }
    if line.isEmpty {
      endHeader(&pieces)
    } else if let first = line.first, first.isWhitespace, field != nil {
      guard (field?.value.count ?? 0) < Self.longestField else { return }
      field?.value += [0x0D, 0x0A] + line
    } else if let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      line[..<colon].allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 })
    {
      if let field { pieces.append(.field(field)) }
      var name = Array(line[..<colon])
      // Blanks in front of the colon are no part of the name (RFC 5322 section 4.5.3).
      while name.last?.isWhitespace == true { name.removeLast() }
      field = HeaderField(name: name, value: Array(line[(colon + 1)...]))
    } else {
      endHeader(&pieces)
      body += line + [0x0D, 0x0A]
    }
  }

  private mutating func endHeader(_ pieces: inout [Piece]) {
    if let field { pieces.append(.field(field)) }
    field = nil
    isInBody = true
    pieces.append(.endOfHeaders)
  }
}

extension MessageEvaluation {
  /// Takes what a reader gave, in order.
  public func take(_ pieces: [MessageReader.Piece]) {
    for piece in pieces {
      switch piece {
      case .field(let field): addHeader(field)
      case .endOfHeaders: endHeaders()
      case .body(let octets): unsafe octets.withUnsafeBytes { unsafe addBody($0) }
      }
    }
  }
}
