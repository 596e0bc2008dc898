import MailAuth
import Testing

/// Message files with every kind of line end and damage.
@Suite struct MessageReaderTests {
  private func read(_ text: String, chunk: Int = .max) -> (fields: [HeaderField], body: String) {
    var reader = MessageReader()
    var pieces: [MessageReader.Piece] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      pieces += reader.read(rest.prefix(chunk))
      rest = rest.dropFirst(chunk)
    }
    pieces += reader.finish()
    var fields: [HeaderField] = []
    var body: [UInt8] = []
    for piece in pieces {
      switch piece {
      case .field(let field): fields.append(field)
      case .endOfHeaders: break
      case .body(let octets): body += octets
      }
    }
    #expect(pieces.count { $0 == .endOfHeaders } == 1)
    return (fields, String(decoding: body, as: UTF8.self))
  }

  @Test(arguments: [1, 2, 3, 7, Int.max])
  func lineEndsComeOutAsCRLF(_ chunk: Int) {
    for lineEnd in ["\n", "\r\n"] {
      let text = ["From: a@b.example", "Subject: x", "\ty", "", "one", "", "two"]
        .joined(separator: lineEnd)
      let message = read(text, chunk: chunk)
      #expect(
        message.fields == [
          HeaderField("From", " a@b.example"), HeaderField("Subject", " x\r\n\ty"),
        ])
      #expect(message.body == "one\r\n\r\ntwo")
    }
  }

  @Test func dropsAnMboxSeparator() {
    let message = read("From ann Fri Nov 20\nSubject : x\n\nbody\n")
    #expect(message.fields == [HeaderField("Subject", " x")])
    #expect(message.body == "body\r\n")
  }

  @Test func aLineThatIsNoFieldBeginsTheBody() {
    let message = read("Subject: x\nhello there\nFrom: late@b.example\n")
    #expect(message.fields == [HeaderField("Subject", " x")])
    #expect(message.body == "hello there\r\nFrom: late@b.example\r\n")
  }

  @Test func aFieldWithoutEndIsCut() {
    var reader = MessageReader()
    let piece = [UInt8](repeating: 0x61, count: 1024 * 1024)
    let fold = Array("\n ".utf8) + piece
    _ = reader.read(Array("Subject: ".utf8))
    for _ in 0..<20 { _ = reader.read(piece) }
    for _ in 0..<20 { _ = reader.read(fold) }
    guard case .field(let field) = reader.finish().first else {
      Issue.record("no field")
      return
    }
    #expect(field.value.count < MessageReader.longestField + 2 * piece.count)
  }

  @Test(arguments: ["", "\n", "\r\n", "Subject: x", "Subject: x\n", " folded\n"])
  func alwaysEndsTheHeader(_ text: String) {
    let message = read(text)
    #expect(message.fields.count == (text.hasPrefix("Subject") ? 1 : 0))
  }
}
