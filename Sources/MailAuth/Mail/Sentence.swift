extension String {
  /// The text as a sentence of its own: capitalized unless it begins with a name, with a full stop.
  ///
  /// Sentences are put together from parts that also stand inside others.
  var asSentence: String {
    guard let first = utf8.first else { return "." }
    var text = self
    // Most sentences begin with a name or an address.
    if Self.firstLetters.contains(first), Self.firstWords.contains(where: hasPrefix) {
      text.replaceSubrange(
        ..<text.utf8.index(after: text.startIndex),
        with: CollectionOfOne(Character(Unicode.Scalar(first & ~0x20))))
    }
    if text.utf8.last != UInt8(ascii: ".") { text.append(".") }
    return text
  }

  private static let firstWords = ["the ", "more ", "nothing ", "no "]
  private static let firstLetters: [UInt8] = firstWords.compactMap(\.utf8.first)
}
