import Testing

@testable import MailAuth

@Suite struct CanonicalizationTests {
  // RFC 6376 section 3.4.2 and its example in 3.4.5.
  @Test(arguments: [
    ("A", " X", "a:X"), ("B ", " Y\t\r\n\tZ  ", "b:Y Z"), ("SUBJect", "AbC", "subject:AbC"),
    ("Subject", " AbC\r\n", "subject:AbC"), ("X", "", "x:"), ("X", " \r\n \r\n\t ", "x:"),
    ("X", "\r\n a", "x:a"), ("X", "a \r\n  b", "x:a b"),
  ])
  func relaxesFields(_ name: String, _ value: String, _ expected: String) {
    let field = HeaderField(name, value)
    #expect(Canonicalization.relaxed.canonical(field).printable() == expected)
    #expect(Canonicalization.simple.canonical(field) == Array("\(name):\(value)".utf8))
  }

  static let tags: [(String?, String?)] = [
    (nil, "simple/simple"), ("simple", "simple/simple"), ("relaxed", "relaxed/simple"),
    ("relaxed/relaxed", "relaxed/relaxed"), ("Simple/Relaxed", "simple/relaxed"), ("", nil),
    ("relaxed/", nil), ("/simple", nil), ("nofws", nil), ("simple/simple/simple", nil),
  ]

  @Test(arguments: tags)
  func readsTheTag(_ text: String?, _ expected: String?) {
    #expect(SignatureCanonicalization(text)?.description == expected)
  }

  @Test(arguments: [
    (" a=1; b=xyz; bh=q", " a=1; b=; bh=q"), (" b=xyz", " b="), (" b = x y\r\n z ;c=1", " b =;c=1"),
    (" bh=b=x; b=;", " bh=b=x; b=;"), ("b=x=y==; s=b", "b=; s=b"), (" a=1", " a=1"),
    ("\r\n\tb=abc\r\n def\r\n", "\r\n\tb="),
  ])
  func takesTheSignatureOutOfItsField(_ value: String, _ expected: String) {
    #expect(
      HeaderField("X", value).withoutSignatureValue.value.printable()
        == Array(expected.utf8).printable())
  }
}
