import Testing

@testable import MailAuth

@Suite struct TagListTests {
  /// However many tags stand in front of it; case does not matter.
  @Test(arguments: [1, 2, 31, 32, 33, 34, 100])
  func findsTagsThatStandTwice(_ count: Int) throws {
    let names = (0..<count).map { "tag\($0)" }
    let distinct = names.map { "\($0)=x" }.joined(separator: ";")
    #expect(try TagList(distinct.utf8).tags.map(\.name) == names)
    for name in Set([0, count / 2, count - 1]).map({ names[$0] }) {
      let twice = "\(distinct); \(name.uppercased())=y"
      #expect(throws: TagList.Problem.duplicate(tag: name.uppercased())) {
        try TagList(twice.utf8)
      }
    }
  }

  @Test func readsValuesWithoutWhiteSpace() throws {
    let tags = try TagList("a= x\r\n\ty z ;b=;c=a : b:\r\n c".utf8)
    #expect(tags.compactText("a") == "xyz")
    #expect(tags.compactText("b")?.isEmpty == true)
    #expect(tags.compactText("d") == nil)
    #expect(tags.list("c") == ["a", "b", "c"])
    #expect(try TagList([0x61, 0x3D, 0xFF]).compactText("a") == nil)
  }

  @Test(arguments: [
    ("simple", "simple/simple"), ("Relaxed", "relaxed/simple"),
    ("simple/RELAXED", "simple/relaxed"),
    ("", nil), ("/", nil), ("relaxed/", nil), ("/simple", nil), ("simple/simple/simple", nil),
    ("simple/other", nil), ("simple /simple", nil),
  ]) func readsCanonicalizations(_ text: String, _ meaning: String?) {
    #expect(SignatureCanonicalization(text)?.description == meaning)
  }
}
