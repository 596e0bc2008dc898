/// A piece of HTML.
///
/// Only literals become markup: every text put into one is escaped, so that a scenario cannot write
/// tags into a page.
struct Markup: Sendable, ExpressibleByStringInterpolation {
  /// The HTML.
  private(set) var text: String

  init(stringLiteral value: String) { text = value }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// Pieces one after the other.
  init(_ parts: [Markup], separator: Markup = "\n") {
    text = parts.map(\.text).joined(separator: separator.text)
  }

  /// The octets of an interpolated literal.
  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { text += literal }

    mutating func appendInterpolation(_ value: String) { text += Markup.escaped(value) }

    mutating func appendInterpolation(_ number: Int) { text += String(number) }

    mutating func appendInterpolation(_ markup: Markup) { text += markup.text }

    mutating func appendInterpolation(_ parts: [Markup]) {
      text += parts.map(\.text).joined(separator: "\n")
    }
  }

  /// Text without what markup is made of, and without controls other than line ends.
  private static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in PlainText.withoutControls(text.replacing("\t", with: "    ")).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;".unicodeScalars
      case "<": result += "&lt;".unicodeScalars
      case ">": result += "&gt;".unicodeScalars
      case "\"": result += "&quot;".unicodeScalars
      case "'": result += "&#39;".unicodeScalars
      // No characters, and not allowed in HTML.
      case _ where scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value):
        result.append("?")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
