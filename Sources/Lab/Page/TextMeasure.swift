/// How much room text takes in a drawing, where nothing wraps by itself.
///
/// The font is whatever the reader's system has, so widths are those of a wide one.
struct TextMeasure {
  /// The size of the letters, in units of the drawing.
  var size: Double

  /// The width of a text, rather too much than too little.
  func width(_ text: some StringProtocol) -> Double {
    text.unicodeScalars.reduce(0) { $0 + Self.ems($1) } * size
  }

  private static func ems(_ scalar: Unicode.Scalar) -> Double {
    switch scalar {
    case "i", "j", "l", ".", ",", ":", ";", "'", "|", "!", " ", "I": 0.36
    case "f", "t", "r", "(", ")", "[", "]", "-", "/": 0.42
    case "m", "w", "M", "W", "@", "%": 0.99
    case "A"..."Z": 0.73
    case _ where scalar.value >= 0x1100: 1.05
    case _ where scalar.value >= 0x250: 0.75
    default: 0.63
    }
  }

  /// The text in lines no wider than `limit`; long words are broken, best behind a dot or so.
  func lines(_ text: String, limit: Double) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(whereSeparator: \.isWhitespace) {
      for (index, piece) in pieces(of: word, limit: limit).enumerated() {
        let joined = line.isEmpty ? piece : index == 0 ? line + " " + piece : line + piece
        if width(joined) <= limit || line.isEmpty {
          line = joined
        } else {
          lines.append(line)
          line = piece
        }
      }
    }
    return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
  }

  /// A word in parts that fit into a line; one part when it fits as it is.
  private func pieces(of word: Substring, limit: Double) -> [String] {
    guard width(word) > limit else { return [String(word)] }
    var pieces: [String] = []
    var piece = ""
    for character in word {
      if !piece.isEmpty, width(piece + String(character)) > limit {
        pieces.append(piece)
        piece = ""
      }
      piece.append(character)
      if ".@-_=/:".contains(character) {
        pieces.append(piece)
        piece = ""
      }
    }
    return piece.isEmpty ? pieces : pieces + [piece]
  }
}
