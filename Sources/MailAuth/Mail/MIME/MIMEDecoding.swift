import Foundation

/// The two encodings that change octets (RFC 2045 section 6.7 and 6.8).
enum MIMEDecoding {
  /// Undoes base64: line ends and blanks between the characters are left out, padding is required,
  /// and nothing may follow it.
  static func base64(_ body: ArraySlice<UInt8>) throws(MIMEError) -> [UInt8] {
    var characters: [UInt8] = []
    characters.reserveCapacity(body.count)
    var line = 1
    for octet in body {
      if octet == 0x0A { line += 1 }
      if octet.isFoldingWhitespace { continue }
      guard isBase64(octet) else { throw .badEncoding(name: "base64", line: line) }
      characters.append(octet)
    }
    guard let data = Foundation.Data(base64Encoded: Foundation.Data(characters)) else {
      throw .badEncoding(name: "base64", line: line)
    }
    return Array(data)
  }

  private static func isBase64(_ octet: UInt8) -> Bool {
    octet.isASCIILetter || octet.isASCIIDigit || octet == UInt8(ascii: "+")
      || octet == UInt8(ascii: "/") || octet == UInt8(ascii: "=")
  }

  /// Undoes quoted-printable.
  ///
  /// Lower-case digits are read too, and blanks at the end of a line left out, as section 6.7
  /// advises.
  static func quotedPrintable(_ body: ArraySlice<UInt8>) throws(MIMEError) -> [UInt8] {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(body.count)
    var lines = LineCursor(body)
    var number = 0
    while let line = lines.next() {
      number += 1
      var text = line.content
      let lineEnd = body[text.endIndex..<lines.rest.startIndex]
      while text.last?.isWhitespace == true { text.removeLast() }
      let isSoft = text.last == UInt8(ascii: "=")
      if isSoft { text.removeLast() }
      guard decode(text, into: &decoded) else {
        throw .badEncoding(name: "quoted-printable", line: number)
      }
      if !isSoft { decoded += lineEnd }
    }
    return decoded
  }

  private static func decode(_ text: ArraySlice<UInt8>, into decoded: inout [UInt8]) -> Bool {
    var rest = text
    while let octet = rest.popFirst() {
      guard octet == UInt8(ascii: "=") else {
        decoded.append(octet)
        continue
      }
      guard let high = rest.popFirst()?.hexadecimalValue,
        let low = rest.popFirst()?.hexadecimalValue
      else { return false }
      decoded.append(high << 4 | low)
    }
    return true
  }
}

extension UInt8 {
  /// The value of an ASCII hexadecimal digit; nil for any other octet.
  var hexadecimalValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
