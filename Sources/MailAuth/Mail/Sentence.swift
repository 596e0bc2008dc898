extension String {
  /// The text as a sentence of its own: capitalized unless it begins with a name, with a full stop.
  ///
  /// Sentences are put together from parts that also stand inside others.
  var asSentence: String {
    var text = self
    for word in ["the ", "more ", "nothing ", "no "] where text.hasPrefix(word) {
      text = word.prefix(1).uppercased() + text.dropFirst()
    }
    return text.hasSuffix(".") ? text : text + "."
  }
}
