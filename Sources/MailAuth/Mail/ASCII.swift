// Message and DNS text is compared by octets: Swift's own `lowercased()` and `==` follow Unicode
// (U+212A becomes "k", "\r\n" is one character), which must not decide about mail.

extension UInt8 {
  /// The lower-case form of an ASCII capital, any other octet as it is.
  var asciiLowercased: UInt8 { isASCIICapital ? self | 0x20 : self }

  var isASCIICapital: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }

  var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  var isASCIILetter: Bool {
    // What this bit makes a small letter was a capital or one already.
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }

  /// SP and the visible characters of ASCII.
  @inlinable
  var isPrintableASCII: Bool { (0x20...0x7E).contains(self) }

  /// SP or HTAB.
  var isWhitespace: Bool { self == 0x20 || self == 0x09 }

  /// SP, HTAB, CR or LF: what folding white space is made of.
  var isFoldingWhitespace: Bool { isWhitespace || self == 0x0D || self == 0x0A }
}

extension String {
  /// The text with ASCII capitals lower-cased and every other octet as it is.
  public func asciiLowercased() -> String {
    // Most text of mail is lower case already, and then nothing is made anew.
    guard hasOctet(where: \.isASCIICapital) else { return self }
    return unsafe withOctets { unsafe String(asciiLowercasing: $0) }
  }

  /// The text of some octets with ASCII capitals lower-cased.
  init(asciiLowercasing octets: UnsafeBufferPointer<UInt8>) {
    unsafe self.init(unsafeUninitializedCapacity: octets.count) { text in
      for index in octets.indices { unsafe text[index] = octets[index].asciiLowercased }
      return octets.count
    }
  }

  /// Whether the text holds an octet of this kind: `utf8.contains(where:)`, but several times faster.
  @inline(__always)
  func hasOctet(where isWanted: (UInt8) -> Bool) -> Bool {
    unsafe withOctets { unsafe $0.hasOctet(where: isWanted) }
  }

  /// Gives the text's UTF-8 where it stands, as `utf8.span` does, but faster for short texts.
  @inline(__always)
  func withOctets<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    unsafe utf8.withContiguousStorageIfAvailable(body)
      ?? Array(utf8).withUnsafeBufferPointer(body)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether an octet is of this kind.
  ///
  /// All of them are looked at: without a way out of the loop, be it a trap, the compiler compares
  /// many at once.
  @inline(__always)
  func hasOctet(where isWanted: (UInt8) -> Bool) -> Bool {
    guard let start = baseAddress else { return false }
    var found: UInt8 = 0
    var index = 0
    while index < count {
      unsafe found |= isWanted(start[index]) ? 1 : 0
      index &+= 1
    }
    return found != 0
  }

  /// How many octets are of this kind.
  @inline(__always)
  func countOctets(where isWanted: (UInt8) -> Bool) -> Int {
    guard let start = baseAddress else { return 0 }
    var found = 0
    var index = 0
    while index < count {
      unsafe found &+= isWanted(start[index]) ? 1 : 0
      index &+= 1
    }
    return found
  }
}

extension Collection<UInt8> {
  /// Whether the octets equal `text`, ASCII letters without regard to case.
  public func equalsIgnoringASCIICase(_ text: String) -> Bool {
    equalsIgnoringASCIICase(text.utf8)
  }

  /// Whether the octets equal `others`, ASCII letters without regard to case.
  func equalsIgnoringASCIICase(_ others: some Collection<UInt8>) -> Bool {
    count == others.count
      && elementsEqual(others) { $0.asciiLowercased == $1.asciiLowercased }
  }

  /// The octets as text for people: printable ASCII as it is, everything else as `\xNN`, cut
  /// to `limit` characters and an ellipsis.
  ///
  /// Inlinable, because a caller in another module would otherwise pay for each octet as for an
  /// unknown type.
  @inlinable
  public func printable(limit: Int = 200) -> String {
    // Nearly all text is short and printable.
    guard count <= limit, allSatisfy({ $0.isPrintableASCII }) else { return escaped(limit: limit) }
    return String(decoding: self, as: UTF8.self)
  }

  @usableFromInline
  func escaped(limit: Int) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(Swift.min(count, limit))
    for octet in self {
      if text.count + (octet.isPrintableASCII ? 1 : 4) > limit {
        return String(decoding: text, as: UTF8.self) + "..."
      }
      if octet.isPrintableASCII {
        text.append(octet)
      } else {
        let digits = String(octet, radix: 16)
        text += Array(("\\x" + (digits.utf8.count == 1 ? "0" : "") + digits).utf8)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension BidirectionalCollection<UInt8> where SubSequence == ArraySlice<UInt8> {
  /// The octets without folding white space at either end.
  func trimmingFoldingWhitespace() -> ArraySlice<UInt8> { trimming(\.isFoldingWhitespace) }

  /// The octets without SP and HTAB at either end.
  func trimmingWhitespace() -> ArraySlice<UInt8> { trimming(\.isWhitespace) }

  @inline(__always)
  private func trimming(_ isUnwanted: (UInt8) -> Bool) -> ArraySlice<UInt8> {
    var start = startIndex
    var end = endIndex
    while start < end, isUnwanted(self[start]) { formIndex(after: &start) }
    while start < end, isUnwanted(self[index(before: end)]) { formIndex(before: &end) }
    return self[start..<end]
  }
}
