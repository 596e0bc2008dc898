import MailAuth

/// What is different between a letter before a hop and behind it.
enum LetterChanges {
  /// The changes in a few words each; what happens several times is told once, with its number.
  static func words(_ before: Letter, _ after: Letter) -> [String] {
    var words: [String] = []
    if before.mailFrom != after.mailFrom {
      words.append("envelope sender is <\(after.mailFrom)>")
    }
    if before.recipients != after.recipients {
      words.append("recipient is \(after.recipients.joined(separator: ", "))")
    }
    var removed = before.header
    var added: [String] = []
    for field in after.header {
      if let index = removed.firstIndex(of: field) {
        removed.remove(at: index)
      } else {
        added.append(field.nameText)
      }
    }
    for name in removed.map(\.nameText) {
      if let index = added.firstIndex(where: { $0.utf8.equalsIgnoringASCIICase(name) }) {
        added.remove(at: index)
        words.append("\(name) changed")
      } else {
        words.append("\(name) removed")
      }
    }
    words += added.map { "\($0) added" }
    if before.body != after.body { words.append("body changed") }
    return counted(words)
  }

  private static func counted(_ words: [String]) -> [String] {
    var counts: [(text: String, count: Int)] = []
    for text in words {
      if let index = counts.firstIndex(where: { $0.text == text }) {
        counts[index].count += 1
      } else {
        counts.append((text, 1))
      }
    }
    return counts.map { $0.count == 1 ? $0.text : "\($0.text) \($0.count) times" }
  }
}
