/// Finds what TOMLKit 0.6.0 must not be given: it ends the process instead of throwing.
enum TOMLGuard {
  /// A place in a file, line and column from 1.
  struct Place: Equatable {
    var line: Int
    var column: Int
  }

  /// The first line that begins with a bracket and no name behind it, such as `[.a]` or `[`.
  ///
  /// The parser asserts that a key follows the bracket of a table header. Lines inside a multi-line
  /// array or string are not told apart: no value of ours has such a line.
  static func namelessHeader(in octets: [UInt8]) -> Place? {
    for (index, line) in octets.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).enumerated() {
      var rest = line.drop(while: isPassedOver)
      guard rest.first == UInt8(ascii: "[") else { continue }
      let column = rest.startIndex - line.startIndex + 1
      for _ in 0..<2 where rest.first == UInt8(ascii: "[") {
        rest = rest.dropFirst().drop { $0 == 0x20 || $0 == 0x09 }
      }
      guard let next = rest.first, beginsName(next) else {
        return Place(line: index + 1, column: column)
      }
    }
    return nil
  }

  /// Whether the parser might take the octet for white space in front of a header: it knows
  /// Unicode's blanks as well.
  private static func isPassedOver(_ octet: UInt8) -> Bool { octet <= 0x20 || octet >= 0x7F }

  private static func beginsName(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    // An empty name is an error that the parser does report.
    default: "_-\"']".utf8.contains(octet)
    }
  }
}
