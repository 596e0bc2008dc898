/// Brings a body into canonical form while it streams past (RFC 6376 section 3.4.3 and 3.4.4).
///
/// Nothing of the body is kept but how many empty lines may turn out to be its last.
struct BodyCanonicalizer {
  /// Which form it makes.
  let canonicalization: Canonicalization
  /// Octets given out so far; after ``finish(_:)`` the length of the canonical body.
  private(set) var length = 0

  // Line ends that belong to the body only if something other than an empty line follows.
  private var heldLineEnds = 0
  // A CR at the end of a piece: the next octet says whether it ends a line.
  private var holdsCR = false
  private var hasBlank = false

  private static let lineEnds = Array([[UInt8]](repeating: [0x0D, 0x0A], count: 512).joined())
  private static let pieceSize = 4096

  /// Makes a canonicalizer at the beginning of a body.
  init(_ canonicalization: Canonicalization) {
    self.canonicalization = canonicalization
  }

  /// Takes a piece of the body and gives what is certain to `give`, in any number of pieces whose
  /// memory is not to be kept.
  mutating func take(
    _ chunk: UnsafeRawBufferPointer, _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    guard chunk.count > 0 else { return }
    switch canonicalization {
    case .simple: unsafe takeSimple(chunk, give)
    case .relaxed: unsafe takeRelaxed(chunk, give)
    }
  }

  /// Ends the body and gives the rest of it.
  mutating func finish(_ give: (UnsafeRawBufferPointer) -> Void) {
    let holdsCR = holdsCR
    self.holdsCR = false
    switch canonicalization {
    case .simple:
      if holdsCR {
        unsafe giveLineEnds(give)
        unsafe giveOctets([0x0D], give)
      }
      // The one CRLF at the end stands even if the body is empty.
      unsafe giveOctets([0x0D, 0x0A], give)
    case .relaxed:
      if holdsCR {
        unsafe giveLineEnds(give)
        unsafe giveOctets(hasBlank ? [0x20, 0x0D] : [0x0D], give)
      }
      if length > 0 { unsafe giveOctets([0x0D, 0x0A], give) }
    }
  }

  // MARK: - Simple

  private mutating func takeSimple(
    _ chunk: UnsafeRawBufferPointer, _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    var start = 0
    var end = chunk.count
    if holdsCR {
      holdsCR = false
      if unsafe chunk[0] == 0x0A {
        heldLineEnds += 1
        start = 1
      } else {
        unsafe giveLineEnds(give)
        unsafe giveOctets([0x0D], give)
      }
    }
    if end > start, unsafe chunk[end - 1] == 0x0D {
      holdsCR = true
      end -= 1
    }
    var lineEnds = 0
    while end - start >= 2, unsafe chunk[end - 2] == 0x0D, unsafe chunk[end - 1] == 0x0A {
      lineEnds += 1
      end -= 2
    }
    if end > start {
      unsafe giveLineEnds(give)
      unsafe give(UnsafeRawBufferPointer(rebasing: chunk[start..<end]))
      length += end - start
    }
    heldLineEnds += lineEnds
  }

  // MARK: - Relaxed

  private mutating func takeRelaxed(
    _ chunk: UnsafeRawBufferPointer, _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    var start = 0
    while start < chunk.count {
      let end = min(start + Self.pieceSize, chunk.count)
      unsafe takeRelaxedPiece(UnsafeRawBufferPointer(rebasing: chunk[start..<end]), give)
      start = end
    }
  }

  private mutating func takeRelaxedPiece(
    _ piece: UnsafeRawBufferPointer, _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    // An octet brings itself; two line ends, a CR and a blank may still be held.
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: piece.count + 6) { output in
      var count = 0
      // By index: the formatter cannot read `for unsafe`.
      var index = 0
      while index < piece.count {
        let octet = unsafe piece[index]
        index &+= 1
        if holdsCR {
          holdsCR = false
          if octet == 0x0A {
            heldLineEnds += 1
            hasBlank = false
            continue
          }
          unsafe add(0x0D, to: output, &count, give)
        }
        switch octet {
        case 0x0D: holdsCR = true
        case 0x20, 0x09: hasBlank = true
        default:
          unsafe add(octet, to: output, &count, give)
          // The rest of a word: nothing is held in front of it.
          while index < piece.count, unsafe piece[index] > 0x20 {
            unsafe output[count] = unsafe piece[index]
            count &+= 1
            index &+= 1
          }
        }
      }
      unsafe giveOctets(
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[..<count]), give)
    }
  }

  /// Adds an octet that is not white space, with the line ends and the blank in front of it.
  private mutating func add(
    _ octet: UInt8, to output: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int,
    _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    if heldLineEnds > 2 {
      unsafe giveOctets(
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(output)[..<count]), give)
      count = 0
      unsafe giveLineEnds(give)
    }
    while heldLineEnds > 0 {
      unsafe output[count] = 0x0D
      unsafe output[count + 1] = 0x0A
      count += 2
      heldLineEnds -= 1
    }
    if hasBlank {
      unsafe output[count] = 0x20
      count += 1
      hasBlank = false
    }
    unsafe output[count] = octet
    count += 1
  }

  // MARK: - Output

  private mutating func giveLineEnds(_ give: (UnsafeRawBufferPointer) -> Void) {
    while heldLineEnds > 0 {
      let count = min(heldLineEnds, Self.lineEnds.count / 2)
      unsafe Self.lineEnds.withUnsafeBytes { buffer in
        unsafe give(UnsafeRawBufferPointer(rebasing: buffer[..<(2 * count)]))
      }
      length += 2 * count
      heldLineEnds -= count
    }
  }

  private mutating func giveOctets(
    _ octets: [UInt8], _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    unsafe octets.withUnsafeBytes { unsafe giveOctets($0, give) }
  }

  private mutating func giveOctets(
    _ octets: UnsafeRawBufferPointer, _ give: (UnsafeRawBufferPointer) -> Void
  ) {
    guard octets.count > 0 else { return }
    unsafe give(octets)
    length += octets.count
  }
}
