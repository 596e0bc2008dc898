import Testing

@testable import MailAuth

/// Messages divided into parts, and parts decoded.
@Suite struct MIMEEntityTests {
  private func parse(_ text: String) throws -> MIMEEntity {
    try MIMEEntity(parsing: Array(text.utf8))
  }

  private func text(_ entity: MIMEEntity) throws -> String {
    String(decoding: try entity.decodedBody(), as: UTF8.self)
  }

  private static let report = """
    Content-Type: multipart/mixed; boundary="a b"
    Subject: Hello
     there

    preamble
    --a b
    Content-Type: text/plain

    one
    --a b  not this one
    --a b \t
    Content-Type: multipart/alternative; boundary=a

    --a

    two
    --a
    Content-Type: text/html

    three
    --a--
    epilogue
    --a b
    Content-Type: message/rfc822

    Subject: inner

    four
    --a b--
    epilogue
    --a b

    five
    """

  @Test(arguments: ["\n", "\r\n"])
  func dividesNestedParts(_ lineEnd: String) throws {
    let message = try parse(Self.report.replacing("\n", with: lineEnd))
    #expect(message.mediaType == "multipart/mixed")
    #expect(message.text(of: "subject") == "Hello there")
    #expect(message.children.count == 3)
    #expect(
      message.leaves.map(\.mediaType) == [
        "text/plain", "text/plain", "text/html", "message/rfc822",
      ])
    #expect(try text(message.leaves[0]) == "one\(lineEnd)--a b  not this one")
    #expect(try text(message.leaves[1]) == "two")
    #expect(try text(message.leaves[2]) == "three")
    let inner = try #require(try message.leaves[3].embeddedMessage())
    #expect(inner.text(of: "Subject") == "inner")
    #expect(try text(inner) == "four")
  }

  @Test func aPartThatIsNotClosedEndsWithTheMessage() throws {
    let message = try parse("Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x\n\ntwo\n")
    #expect(try message.leaves.map(text) == ["one", "two\n"])
  }

  @Test(arguments: [
    ("attachment; filename=a.xml", "a.xml"),
    (#"attachment; filename="a;\"b\".xml""#, #"a;"b".xml"#),
    ("attachment; filename=a b.xml; size=3", "a b.xml"),
    ("attachment (filename=no); FileName = a.xml (yes)", "a.xml"),
    ("attachment; filename*0=\"mx!a\"; filename*1=\".xml\"", "mx!a.xml"),
    ("attachment; filename*1=b; filename*0=a; filename*3=d", "ab"),
    ("attachment; filename*=utf-8'en'%C3%B1.xml; filename=n.xml", "ñ.xml"),
    ("attachment; filename*0*=iso-8859-1''%F1; filename*1=%41", "ñ%41"),
    ("attachment; filename=first; filename=second", "first"),
    ("attachment; filename=\"open", "open"),
  ])
  func readsFileNames(_ value: String, _ name: String) throws {
    let entity = try parse("Content-Disposition: \(value)\n\n")
    #expect(entity.fileName == name)
    #expect(entity.contentDisposition?.value == "attachment")
  }

  @Test(arguments: [
    ("Text/HTML; charset=utf-8", "text/html"), ("text", "application/octet-stream"),
    ("", "application/octet-stream"), ("application/gzip;", "application/gzip"),
    ("a/b/c", "application/octet-stream"),
  ])
  func readsMediaTypes(_ value: String, _ type: String) throws {
    #expect(try parse("Content-Type: \(value)\n\n").mediaType == type)
  }

  @Test func aMessageWithoutTypeIsText() throws {
    #expect(try parse("Subject: x\n\nbody").mediaType == "text/plain")
    #expect(try parse("").mediaType == "text/plain")
  }

  @Test(arguments: [
    ("base64", "aGVs\r\nbG8=\r\n", "hello"), ("BASE64", " aGVsbG8= ", "hello"),
    ("quoted-printable", "a=3Db=\r\nc \r\nd", "a=bc\r\nd"), ("quoted-printable", "=c3=B1", "ñ"),
    ("8bit", "a\r\n", "a\r\n"),
  ])
  func decodesBodies(_ encoding: String, _ body: String, _ decoded: String) throws {
    let entity = try parse("Content-Transfer-Encoding: \(encoding)\n\n\(body)")
    #expect(try text(entity) == decoded)
  }

  @Test(arguments: [
    ("base64", "aGVs\nb?8=", MIMEError.badEncoding(name: "base64", line: 2)),
    ("base64", "aGVsbG8", .badEncoding(name: "base64", line: 1)),
    ("base64", "aG=VsbG8", .badEncoding(name: "base64", line: 1)),
    ("quoted-printable", "a\n=4", .badEncoding(name: "quoted-printable", line: 2)),
    ("quoted-printable", "=zz", .badEncoding(name: "quoted-printable", line: 1)),
    ("uuencode", "", .unknownEncoding("uuencode")),
  ])
  func saysWhatCannotBeDecoded(_ encoding: String, _ body: String, _ error: MIMEError) throws {
    let entity = try parse("Content-Transfer-Encoding: \(encoding)\n\n\(body)")
    #expect(throws: error) { try entity.decodedBody() }
  }

  @Test func refusesAMultipartWithoutBoundary() {
    #expect(throws: MIMEError.noBoundary) { try parse("Content-Type: multipart/mixed\n\n--\n") }
  }

  @Test func refusesEndlessNesting() throws {
    var nested = "end"
    for level in 0..<40 {
      nested = "Content-Type: multipart/mixed; boundary=b\(level)\n\n--b\(level)\n\(nested)"
    }
    #expect(throws: MIMEError.tooDeep) { try parse(nested) }

    let wrapped = String(repeating: "Content-Type: message/rfc822\n\n", count: 40)
    #expect(throws: MIMEError.tooDeep) {
      var entity: MIMEEntity? = try parse(wrapped)
      while let outer = entity { entity = try outer.embeddedMessage() }
    }
  }

  @Test func refusesTooManyParts() {
    let parts = String(repeating: "--x\n\n", count: 200_000)
    #expect(throws: MIMEError.tooManyParts) {
      try parse("Content-Type: multipart/mixed; boundary=x\n\n\(parts)")
    }
  }
}
