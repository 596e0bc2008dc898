import Foundation
import MailAuth

/// One part of a multipart message (RFC 2045), not yet encoded.
public struct MIMEPart: Sendable, Equatable {
  /// How the content travels.
  public enum Encoding: Sendable, Equatable {
    /// As it is where it is ASCII with short lines, otherwise quoted-printable; LF becomes CRLF.
    case text
    /// Base64 in lines of 76 columns.
    case base64
  }

  /// The media type without parameters, such as `text/plain`.
  public var type: String
  /// The name of the character set; nil for what is no text.
  public var charset: String?
  /// The name for an attachment, in ASCII; nil makes the part one to be shown.
  public var fileName: String?
  /// How the content travels.
  public var encoding: Encoding
  /// The content.
  public var content: [UInt8]

  /// Makes a part.
  public init(
    type: String, charset: String? = nil, fileName: String? = nil, encoding: Encoding,
    content: [UInt8]
  ) {
    self.type = type
    self.charset = charset
    self.fileName = fileName
    self.encoding = encoding
    self.content = content
  }

  /// Text for people, UTF-8.
  public static func text(_ text: String) -> MIMEPart {
    let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
    return MIMEPart(
      type: "text/plain", charset: isASCII ? "us-ascii" : "utf-8", encoding: .text,
      content: Array(text.utf8))
  }

  /// The part's own header and its encoded content, which ends with CRLF unless it is empty.
  func encoded() -> (header: [AddedField], content: [UInt8]) {
    var type = self.type
    if let charset { type += "; charset=\(charset)" }
    if let fileName { type += "; name=\(Self.quoted(fileName))" }
    var header = [AddedField(name: "Content-Type", value: type, layout: .entries)]
    let content: [UInt8]
    switch encoding {
    case .base64:
      content = Self.base64(self.content)
      header.append(AddedField(name: "Content-Transfer-Encoding", value: "base64"))
    case .text:
      let lines = Self.lines(self.content)
      if Self.isSevenBit(lines) {
        content = Array(lines.flatMap { $0 + [0x0D, 0x0A] })
        header.append(AddedField(name: "Content-Transfer-Encoding", value: "7bit"))
      } else {
        content = QuotedPrintable.encode(lines)
        header.append(AddedField(name: "Content-Transfer-Encoding", value: "quoted-printable"))
      }
    }
    if let fileName {
      header.append(
        AddedField(
          name: "Content-Disposition", value: "attachment; filename=\(Self.quoted(fileName))",
          layout: .entries))
    }
    return (header, content)
  }

  private static func quoted(_ text: String) -> String {
    "\"\(text.replacing("\\", with: "_").replacing("\"", with: "_"))\""
  }

  private static func base64(_ octets: [UInt8]) -> [UInt8] {
    let text = Data(octets).base64EncodedData(options: [
      .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
    ])
    return Array(text) + (text.isEmpty ? [] : [0x0D, 0x0A])
  }

  /// The lines without their ends, LF or CRLF; the last may lack its end.
  private static func lines(_ octets: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines = octets.split(separator: 0x0A, omittingEmptySubsequences: false)
      .map { $0.last == 0x0D ? $0.dropLast() : $0 }
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  private static func isSevenBit(_ lines: [ArraySlice<UInt8>]) -> Bool {
    lines.allSatisfy { line in
      line.count <= 998 && line.allSatisfy { $0 < 0x80 && $0 != 0 && $0 != 0x0D }
    }
  }
}

/// Quoted-printable (RFC 2045 section 6.7).
private enum QuotedPrintable {
  private static let digits = Array("0123456789ABCDEF".utf8)
  private static let longestLine = 76

  static func encode(_ lines: [ArraySlice<UInt8>]) -> [UInt8] {
    var output: [UInt8] = []
    for line in lines {
      var column = 0
      for (offset, octet) in line.enumerated() {
        let piece = encode(octet, isLast: offset == line.count - 1)
        // One column is kept for the "=" of a soft line break.
        if column + piece.count > longestLine - 1 {
          output += Array("=\r\n".utf8)
          column = 0
        }
        output += piece
        column += piece.count
      }
      output += [0x0D, 0x0A]
    }
    return output
  }

  private static func encode(_ octet: UInt8, isLast: Bool) -> [UInt8] {
    let isBlank = octet == 0x20 || octet == 0x09
    let isPlain = (0x21...0x7E).contains(octet) && octet != UInt8(ascii: "=")
    if isPlain || (isBlank && !isLast) { return [octet] }
    return [UInt8(ascii: "="), digits[Int(octet >> 4)], digits[Int(octet & 0x0F)]]
  }
}
