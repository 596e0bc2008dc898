import Foundation

/// Base64 as signatures and keys carry it: white space already removed, padding required.
enum Base64 {
  /// The decoded octets; nil when `text` is not base64.
  static func decode(_ text: String) -> [UInt8]? { decode(text.utf8) }

  /// The decoded octets; nil when `text` is not base64.
  ///
  /// Foundation judges whatever is not plainly right: it forgives some padding that is wrong, and
  /// what it forgives has to stay readable. The rest is decoded here at a fraction of the cost.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    if let octets = decodeStrictly(text) { return octets }
    return Foundation.Data(base64Encoded: Foundation.Data(text)).map(Array.init)
  }

  /// The octets as base64 without line breaks.
  static func encode(_ octets: [UInt8]) -> String {
    Foundation.Data(octets).base64EncodedString()
  }

  /// How many octets `text` stands for, white space in it ignored; nil when it is not base64.
  ///
  /// As many as ``decode(_:)`` gives for the text without white space.
  static func decodedCount(ignoringWhitespaceIn text: ArraySlice<UInt8>) -> Int? {
    var end = text.endIndex
    var padding = 0
    while end > text.startIndex,
      text[end - 1] == UInt8(ascii: "=") || text[end - 1].isFoldingWhitespace
    {
      end -= 1
      if text[end] == UInt8(ascii: "=") { padding += 1 }
    }
    let digits = unsafe text[..<end].withUnsafeBufferPointer { octets -> Int? in
      guard unsafe !octets.hasOctet(where: { !isDigit($0) && !$0.isFoldingWhitespace }) else {
        return nil
      }
      return unsafe octets.count - octets.countOctets { $0.isFoldingWhitespace }
    }
    guard let digits, padding <= 2, (digits + padding).isMultiple(of: 4) else {
      return decode(text.filter { !$0.isFoldingWhitespace })?.count
    }
    return (digits + padding) / 4 * 3 - padding
  }

  private static func isDigit(_ octet: UInt8) -> Bool {
    octet.isASCIILetter || octet.isASCIIDigit || octet == UInt8(ascii: "+")
      || octet == UInt8(ascii: "/")
  }

  /// Decodes groups of four digits, the last of them padded where it has to be; nil for anything
  /// else.
  private static func decodeStrictly(_ text: some Collection<UInt8>) -> [UInt8]? {
    var octets: [UInt8] = []
    octets.reserveCapacity(text.count / 4 * 3)
    var group: UInt32 = 0
    var count = 0
    var padding = 0
    for octet in text {
      count += 1
      if octet == UInt8(ascii: "=") {
        padding += 1
        continue
      }
      guard padding == 0, let digit = digit(octet) else { return nil }
      group = group << 6 | digit
      guard count.isMultiple(of: 4) else { continue }
      octets.append(UInt8(truncatingIfNeeded: group >> 16))
      octets.append(UInt8(truncatingIfNeeded: group >> 8))
      octets.append(UInt8(truncatingIfNeeded: group))
    }
    guard count.isMultiple(of: 4) else { return nil }
    switch padding {
    case 0: break
    case 1:
      octets.append(UInt8(truncatingIfNeeded: group >> 10))
      octets.append(UInt8(truncatingIfNeeded: group >> 2))
    case 2: octets.append(UInt8(truncatingIfNeeded: group >> 4))
    default: return nil
    }
    return octets
  }

  private static func digit(_ octet: UInt8) -> UInt32? {
    switch octet {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(octet - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(octet - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(octet - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
