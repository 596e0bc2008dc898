// Message and DNS text is compared by octets: Swift's own `lowercased()` and `==` follow Unicode
// (U+212A becomes "k", "\r\n" is one character), which must not decide about mail.

extension UInt8 {
  /// The lower-case form of an ASCII capital, any other octet as it is.
  var asciiLowercased: UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
  }

  var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

  var isASCIILetter: Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self.asciiLowercased)
  }

  /// SP or HTAB.
  var isWhitespace: Bool { self == 0x20 || self == 0x09 }

  /// SP, HTAB, CR or LF: what folding white space is made of.
  var isFoldingWhitespace: Bool { isWhitespace || self == 0x0D || self == 0x0A }
}

extension String {
  /// The text with ASCII capitals lower-cased and every other octet as it is.
  public func asciiLowercased() -> String {
    String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self)
  }
}

extension Collection<UInt8> {
  /// Whether the octets equal `text`, ASCII letters without regard to case.
  public func equalsIgnoringASCIICase(_ text: String) -> Bool {
    elementsEqual(text.utf8) { $0.asciiLowercased == $1.asciiLowercased }
  }

  /// The octets as text for people: printable ASCII as it is, everything else as `\xNN`, cut
  /// to `limit` characters and an ellipsis.
  public func printable(limit: Int = 200) -> String {
    if count <= limit, allSatisfy({ (0x20...0x7E).contains($0) }) {
      return String(decoding: self, as: UTF8.self)
    }
    var text = ""
    for octet in self {
      let isPlain = (0x20...0x7E).contains(octet)
      if text.utf8.count + (isPlain ? 1 : 4) > limit { return text + "..." }
      if isPlain {
        text.unicodeScalars.append(Unicode.Scalar(octet))
      } else {
        let digits = String(octet, radix: 16)
        text += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
      }
    }
    return text
  }
}

extension BidirectionalCollection<UInt8> where SubSequence == ArraySlice<UInt8> {
  /// The octets without folding white space at either end.
  func trimmingFoldingWhitespace() -> ArraySlice<UInt8> {
    var rest = self[startIndex..<endIndex]
    while let first = rest.first, first.isFoldingWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isFoldingWhitespace { rest.removeLast() }
    return rest
  }
}
