/// Counts how long a body is after canonicalization (RFC 6376 section 3.4.3 and 3.4.4), to see how
/// much of it a signature with `l=` leaves unsigned.
struct CanonicalBodyLength {
  // Lengths up to the last line that is not empty, and of the line now being read.
  private var simpleLength = 0
  private var relaxedLength = 0
  private var simplePending = 0
  private var relaxedPending = 0
  private var simpleLine = 0
  private var relaxedLine = 0
  private var hasBlank = false
  private var previous: UInt8 = 0

  /// Takes a piece of the body.
  mutating func count(_ chunk: UnsafeRawBufferPointer) {
    // By index: the formatter cannot read `for unsafe`.
    for index in 0..<chunk.count {
      let octet = unsafe chunk[index]
      if octet == 0x0A, previous == 0x0D {
        endLine()
      } else if octet != 0x0D {
        if previous == 0x0D { take(0x0D) }
        take(octet)
      } else if previous == 0x0D {
        take(0x0D)
      }
      previous = octet
    }
  }

  /// Octets of the body under simple canonicalization; an empty body is one CRLF.
  var simple: Int {
    simpleLine > 0 ? simpleLength + simplePending + simpleLine + 2 : max(simpleLength, 2)
  }

  /// Octets of the body under relaxed canonicalization.
  var relaxed: Int {
    relaxedLine > 0 ? relaxedLength + relaxedPending + relaxedLine + 2 : relaxedLength
  }

  private mutating func take(_ octet: UInt8) {
    simpleLine += 1
    if octet.isWhitespace {
      hasBlank = true
      return
    }
    // A run of blanks is one, unless it ends the line.
    relaxedLine += hasBlank ? 2 : 1
    hasBlank = false
  }

  private mutating func endLine() {
    simplePending += simpleLine + 2
    relaxedPending += relaxedLine + 2
    if simpleLine > 0 {
      simpleLength += simplePending
      simplePending = 0
    }
    if relaxedLine > 0 {
      relaxedLength += relaxedPending
      relaxedPending = 0
    }
    simpleLine = 0
    relaxedLine = 0
    hasBlank = false
  }
}
