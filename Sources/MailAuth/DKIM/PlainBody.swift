import Glibc

/// A body whose canonical forms are beyond dispute.
///
/// Of lines that end otherwise than with CRLF, of lines longer than mail may have and of NUL octets
/// libopendkim has its own view, and who sends them shall get its result.
enum PlainBody {
  /// The longest body that is looked at: what Postfix sends in one piece.
  static let mostOctets = 65_535

  /// The longest line, without its end (RFC 5322 section 2.1.1).
  private static let longestLine = 998

  /// Whether a body is made of lines that each end with CRLF, hold no other CR or LF and no NUL, and
  /// are not too long.
  static func isPlain(_ body: [UInt8]) -> Bool {
    unsafe body.withUnsafeBytes { octets in
      guard let start = octets.baseAddress, unsafe memchr(start, 0, octets.count) == nil else {
        return false
      }
      var position = 0
      while position < octets.count {
        let line = unsafe start + position
        // The first CR of the line has to be that of its end.
        guard let end = unsafe memchr(line, 0x0D, octets.count - position) else { return false }
        let length = unsafe UnsafeRawPointer(end) - line
        guard length <= longestLine, position + length + 1 < octets.count,
          unsafe octets[position + length + 1] == 0x0A,
          unsafe memchr(line, 0x0A, length) == nil
        else { return false }
        position += length + 2
      }
      return true
    }
  }
}
