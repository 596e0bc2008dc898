import MailAuth
import Testing

@Suite struct ASCIITests {
  @Test(arguments: [
    ("plain", "plain"), ("exactly ten", "exactly te..."), ("0123456789", "0123456789"),
    ("a\r\nb", "a\\x0d\\x0ab"), ("\u{e4}", "\\xc3\\xa4"), ("", ""),
    // An escape is never cut, nor does it make the text longer than allowed.
    ("0123456\u{7}", "0123456..."), ("012345\u{7}", "012345\\x07"), ("\0\0\0", "\\x00\\x00..."),
  ])
  func printsTenCharactersAtMost(octets: String, text: String) {
    #expect(octets.utf8.printable(limit: 10) == text)
  }
}
