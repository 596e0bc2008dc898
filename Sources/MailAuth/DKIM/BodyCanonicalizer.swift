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
  private var output: [UInt8] = []

  private static let lineEnds = Array([[UInt8]](repeating: [0x0D, 0x0A], count: 512).joined())
  private static let outputSize = 16_384

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
      if holdsCR { unsafe append(0x0D, give) }
      unsafe flush(give)
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
    // By index: the formatter cannot read `for unsafe`.
    for index in 0..<chunk.count {
      let octet = unsafe chunk[index]
      if holdsCR {
        holdsCR = false
        if octet == 0x0A {
          heldLineEnds += 1
          hasBlank = false
          continue
        }
        unsafe append(0x0D, give)
      }
      switch octet {
      case 0x0D: holdsCR = true
      case 0x20, 0x09: hasBlank = true
      default: unsafe append(octet, give)
      }
    }
    unsafe flush(give)
  }

  /// Gives an octet that is not white space, with the line ends and the blank in front of it.
  private mutating func append(_ octet: UInt8, _ give: (UnsafeRawBufferPointer) -> Void) {
    if heldLineEnds > 0 {
      if heldLineEnds > 2 {
        unsafe flush(give)
        unsafe giveLineEnds(give)
      } else {
        for _ in 0..<heldLineEnds { output += [0x0D, 0x0A] }
        heldLineEnds = 0
      }
    }
    if hasBlank { output.append(0x20) }
    hasBlank = false
    output.append(octet)
    if output.count >= Self.outputSize { unsafe flush(give) }
  }

  // MARK: - Output

  private mutating func flush(_ give: (UnsafeRawBufferPointer) -> Void) {
    guard !output.isEmpty else { return }
    unsafe giveOctets(output, give)
    output.removeAll(keepingCapacity: true)
  }

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
    unsafe octets.withUnsafeBytes { unsafe give($0) }
    length += octets.count
  }
}
