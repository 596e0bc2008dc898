extension String {
  /// The text as a sentence of its own: capitalized unless it begins with a name, with a full stop.
  ///
  /// Sentences are put together from parts that also stand inside others.
  var asSentence: String {
    var text = self
    for (word, first) in Self.firstWords where text.hasPrefix(word) {
      text = first + text.dropFirst(word.count)
    }
    return text.utf8.last == UInt8(ascii: ".") ? text : text + "."
  }

  private static let firstWords = [
    ("the ", "The "), ("more ", "More "), ("nothing ", "Nothing "), ("no ", "No "),
  ]
}
