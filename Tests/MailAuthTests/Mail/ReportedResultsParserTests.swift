import Testing

@testable import MailAuth

@Suite struct ReportedResultsParserTests {
  private func read(_ text: String) -> (authservID: String?, results: [String]) {
    var parser = ReportedResultsParser(text.utf8)
    let authservID = parser.authservID()
    let results = parser.results().map { result in
      ([result.method + "=" + result.result]
        + result.properties.map { "\($0.type).\($0.name)=\($0.value)" }).joined(separator: " ")
    }
    return (authservID, results)
  }

  static let fields: [(String, [String])] = [
    (" mx.example; none", []), (" mx.example;", []), (" mx.example", []),
    (
      " mx.example 1;\r\n spf=pass smtp.mailfrom=a@b.example;\r\n\tdkim=fail (bad (very)) "
        + "header.d=b.example header.b=\"a/b=\"",
      ["spf=pass smtp.mailfrom=a@b.example", "dkim=fail header.d=b.example header.b=a/b="]
    ),
    (
      "mx.example; DMARC / 1 = PASS (c) Header . From = B.example",
      ["dmarc=pass header.from=B.example"]
    ),
    ("mx.example; arc=none smtp.remote-ip=2001:db8::1", ["arc=none smtp.remote-ip=2001:db8::1"]),
    ("mx.example; spf=fail reason=\"a; dmarc=pass\" smtp.helo=x", ["spf=fail smtp.helo=x"]),
    ("mx.example; spf=fail (a; dmarc=pass)", ["spf=fail"]),
    ("mx.example; compauth=pass reason=100; spf=pass", ["compauth=pass", "spf=pass"]),
    (
      "mx.example; dmarc=fail action=none header.from=b.example",
      ["dmarc=fail header.from=b.example"]
    ),
    (
      "mx.example; spf=pass smtp.mailfrom=\"a b\"@c.example",
      ["spf=pass smtp.mailfrom=a b@c.example"]
    ),
    (
      "mx.example; spf=pass smtp.mailfrom=SRS0=x=y=z@c.example",
      ["spf=pass smtp.mailfrom=SRS0=x=y=z@c.example"]
    ),
    ("mx.example; spf=pass ???; dmarc=pass", ["spf=pass", "dmarc=pass"]),
    ("mx.example; spf=pass;; dmarc=pass;", ["spf=pass", "dmarc=pass"]),
    ("mx.example; spf; dmarc=pass", []), ("mx.example; =pass; dmarc=pass", []),
    ("mx.example; spf=pass (unclosed; dmarc=pass", ["spf=pass"]),
    (
      "mx.example; spf=pass smtp.helo=\"unclosed; dmarc=pass",
      ["spf=pass smtp.helo=unclosed; dmarc=pass"]
    ),
    ("mx.example; spf=pass smtp.helo=a\u{1}\u{e4}", ["spf=pass smtp.helo=a\\x01\\xc3\\xa4"]),
  ]

  @Test(arguments: fields)
  func readsWhatOthersReport(_ text: String, _ expected: [String]) {
    let found = read(text)
    #expect(found.authservID == "mx.example")
    #expect(found.results == expected)
  }

  static let instances: [(String, String?, String?)] = [
    (" i=1; mx.example; none", "1", "mx.example"), ("i=07 ;mx.example", "07", "mx.example"),
    (" (a) i (b) = (c) 12 (d) ; (e) mx.example (f)", "12", "mx.example"),
    (" i=1 mx.example;", nil, nil), (" mx.example; i=1;", nil, nil), (" i=; mx.example", nil, nil),
    (" I=1; mx.example", nil, nil), (" i=a; mx.example", nil, nil), (" i=1", nil, nil),
    ("", nil, nil), (" i=1;", "1", nil), (" i=1; ; spf=pass", "1", nil),
  ]

  @Test(arguments: instances)
  func readsTheInstanceInFront(_ text: String, _ instance: String?, _ authservID: String?) {
    var parser = ReportedResultsParser(text.utf8)
    #expect(parser.instance().map { $0.printable() } == instance)
    if instance != nil { #expect(parser.authservID() == authservID) }
  }

  @Test(arguments: [
    (String(repeating: "; spf=pass", count: 100), ReportedResultsParser.mostResults, 0),
    (
      "; spf=pass" + String(repeating: " a.b=c", count: 100), 1,
      ReportedResultsParser.mostProperties
    ),
    (String(repeating: " ", count: ReportedResultsParser.mostOctets) + "; spf=pass", 0, 0),
  ])
  func readsNoMoreThanItsLimits(_ text: String, _ results: Int, _ properties: Int) {
    var parser = ReportedResultsParser(("mx.example" + text).utf8)
    _ = parser.authservID()
    let found = parser.results()
    #expect(found.count == results)
    #expect(found.allSatisfy { $0.properties.count == properties })
  }
}
