extension String {
  /// The text as a sentence of its own: capitalized unless it begins with a name, with a full stop.
  ///
  /// Sentences are put together from parts that also stand inside others.
  var asSentence: String {
    guard let first = utf8.first else { return "." }
    // Most sentences begin with a name or an address.
    let isCapitalized =
      Self.firstLetters.contains(first) && Self.firstWords.contains(where: hasPrefix)
    let isEnded = utf8.last == UInt8(ascii: ".")
    guard isCapitalized || !isEnded else { return self }
    return unsafe withOctets { octets in
      unsafe String(unsafeUninitializedCapacity: octets.count + 1) { text in
        _ = unsafe text.initialize(fromContentsOf: octets)
        if isCapitalized { unsafe text[0] = first & ~0x20 }
        if !isEnded { unsafe text[octets.count] = UInt8(ascii: ".") }
        return octets.count + (isEnded ? 0 : 1)
      }
    }
  }

  private static let firstWords = ["the ", "more ", "nothing ", "no "]
  private static let firstLetters: [UInt8] = firstWords.compactMap(\.utf8.first)
}
