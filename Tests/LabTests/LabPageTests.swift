import Foundation
import MailAuth
import TestSupport
import Testing

@testable import Lab
@testable import plumbline

/// The pages of a run, and the directory they are in.
@Suite struct LabPageTests {
  private static func run(_ scenario: Scenario) throws -> LabRun {
    try LabRunner(configurator: LabConfigurator(), keys: KeyStock(.fixed)).run(scenario)
  }

  private static func page(_ text: String) throws -> String {
    let scenario = try Scenario(text, path: "x.yml", configurator: LabConfigurator())
    return ScenarioPage(run: try run(scenario), scenario: scenario).html
  }

  private static func shipped(_ name: String) throws -> (scenario: Scenario, run: LabRun) {
    let scenario = try Scenario(
      contentsOf: "\(ShippedScenariosTests.directory)/\(name).yml",
      configurator: LabConfigurator())
    return (scenario, try run(scenario))
  }

  private static func html(_ name: String) throws -> String {
    let (scenario, run) = try shipped(name)
    return ScenarioPage(run: run, scenario: scenario).html
  }

  private static let evil = #"</title></desc></svg><script>x()</script><img src=x onerror=x()>"#

  @Test func textOfAScenarioIsNoMarkup() throws {
    let text = ScenarioFormatTests.good
      .replacing("title: A story", with: "title: '\(Self.evil) \"&'")
      .replacing("why: It shows something.", with: "why: '\(Self.evil)'")
      .replacing("    Hello.", with: "    Hello \(Self.evil).")
      .replacing(
        "    From: ann@example.com\n", with: "    From: ann@example.com\n    X-Evil: \(Self.evil)\n"
      )
      .replacing(
        "- send: {to: receiver}", with: "- strip: ['\(Self.evil)']\n  - send: {to: receiver}")
    let html = try Self.page(text)
    #expect(html.contains("&lt;script&gt;x()&lt;/script&gt;"))
    #expect(!html.contains("<script"))
    #expect(!html.contains("<img"))
    // Title, why, header, source and the hop in both pictures, their descriptions and the words.
    #expect(html.matches(of: /&lt;img src=x onerror=x\(\)&gt;/).count >= 10)
  }

  private static let noncharacter = UnicodeScalar(0xFFFF).map(String.init) ?? ""

  @Test func controlsAreMarked() {
    let text = "a\u{1B}[31m\u{202E}b\u{0}\(Self.noncharacter)'\""
    let markup: Markup = "<b>\(text)</b>"
    #expect(markup.text == "<b>a?[31m?b??&#39;&quot;</b>")
  }

  @Test func aPageNeedsNothingElse() throws {
    let html = try Self.html("06-list-tag-and-footer")
    #expect(html.contains("default-src 'none'"))
    for piece in ["src=", "url(", "@import", "<link", "<script"] {
      #expect(!html.contains(piece), "\(piece)")
    }
    let links = html.matches(of: /href="([^"]*)"/).map { String($0.1) }
    #expect(links.allSatisfy { $0.hasPrefix("#L") || $0 == "index.html" })
    for link in links where link.hasPrefix("#") {
      #expect(html.contains("id=\"\(link.dropFirst())\""), "\(link)")
    }
  }

  @Test func itSaysWhatHappenedAndWhatWasFound() throws {
    let html = try Self.html("06-list-tag-and-footer")
    #expect(html.contains("breaks the signature of example.com"))
    #expect(html.contains("SPF passes for lists.example.net instead"))
    #expect(html.contains("<pre class=\"changed\">Subject: [users] Plans</pre>"))
    #expect(html.contains("<pre class=\"new\">List-Id: "))
    #expect(html.contains("<pre>From: Ann &lt;ann@example.com&gt;</pre>"))
    #expect(html.contains("&lt;header_from&gt;example.com&lt;/header_from&gt;"))
    #expect(html.contains("TXT: the public key of author (rsa-2048)"))
    #expect(html.contains("As expected</p>"))
    #expect(!html.contains("differs:"))
  }

  @Test func itShowsWhatDiffers() throws {
    let html = try Self.page(ScenarioFormatTests.replacing("spf: pass", "spf: softfail"))
    #expect(html.contains("1 thing is not as expected"))
    #expect(html.contains("differs: softfail of example.com"))
    #expect(html.contains("<span id=\"L24\" class=\"row marked\">"))
  }

  @Test func itSaysWhatWasNotPlayedThroughPostfix() throws {
    var (scenario, run) = try Self.shipped("dns-key-too-late")
    let sentence = "<p>Played in memory only, not through Postfix. "
    #expect(!ScenarioPage(run: run, scenario: scenario).html.contains(sentence))
    scenario.memoryOnly = "Slow & late."
    run.skipped = scenario.memoryOnly
    #expect(
      ScenarioPage(run: run, scenario: scenario).html.contains(sentence + "Slow &amp; late.</p>"))
    let directory = try TemporaryDirectory()
    try LabSite([(scenario: scenario, run: run)]).write(to: directory.path("pages"))
    let index = try String(contentsOfFile: directory.path("pages/index.html"), encoding: .utf8)
    #expect(index.contains("yes, in memory only"))
  }

  @Test func everyPictureIsDescribed() throws {
    let html = try Self.html("02-alias-signed")
    #expect(html.matches(of: /<svg class="path/).count == 2)
    for room in PathDrawing.Room.allCases {
      #expect(
        html.contains("aria-labelledby=\"\(room.rawValue)-title \(room.rawValue)-text\""))
    }
    #expect(html.contains("mail.example.com signs for example.com with the selector s1."))
  }

  @Test func fiftySetsAreFolded() throws {
    let html = try Self.html("arc-50-sets")
    #expect(html.contains("50 sets by"))
    #expect(html.contains("<summary>150 fields of ARC</summary>"))
    // Two pictures with what 50 hosts would need a hundred times.
    #expect(html.components(separatedBy: "<text ").count < 200)
  }

  @Test func aReplayBeginsARowOfItsOwn() throws {
    let stops = PathStop.stops(of: try Self.shipped("arc-replay-under-a-trusted-seal").run)
    #expect(stops.map(\.actor.key) == ["author", "list", "receiver", "replayer", "receiver"])
    #expect(
      stops.map(\.arrival) == [
        .written, .sent(address: "192.0.2.1"), .sent(address: "192.0.2.8"), .again,
        .sent(address: "203.0.113.9"),
      ])
    #expect(stops[3].steps.map(\.step.hop) == ["delay", "resend"])
    #expect(stops.map { $0.lastReceipt?.receiver } == [nil, nil, "receiver", nil, "again"])
  }

  @Test func textInPicturesFitsItsBox() {
    let measure = TextMeasure(size: 12.5)
    let text =
      "MAIL FROM: SRS1=CZJL=alumni.example==GMXG=JJ=example.com=ann@campus.example, \u{4E2D}"
    let lines = measure.lines(text, limit: 200)
    #expect(lines.count > 2)
    #expect(lines.allSatisfy { measure.width($0) <= 200 })
    #expect(lines.joined().filter { $0 != " " } == text.filter { $0 != " " })
  }

  @Test(arguments: [
    ("01-direct", ScenarioGroup.direct), ("02-alias-signed", .forwarding),
    ("08-list-unchanged", .lists),
    ("09-list-sealed-trusted", .arc), ("27-policy-servfail", .dns),
    ("ask-why-temperror-in-the-report", .questions),
  ])
  func scenariosHaveAGroup(_ name: String, _ group: ScenarioGroup) throws {
    let (scenario, run) = try Self.shipped(name)
    #expect(ScenarioGroup(run, scenario) == group)
  }

  // MARK: - The directory

  private static func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  @Test func pagesAreCalledLikeTheirFiles() throws {
    let directory = try TemporaryDirectory()
    let target = directory.path("a/pages")
    var runs = [try Self.shipped("01-direct"), try Self.shipped("01-direct")]
    runs[1].scenario.path = "else/Ä <b>.yml"
    runs.append(runs[0])
    runs.append(runs[0])
    runs[3].scenario.path = "index.yml"
    try LabSite(runs).write(to: target)
    #expect(
      try Self.names(target)
        == ["----b-.html", "01-direct-2.html", "01-direct.html", "index-2.html", "index.html"])
    try LabSite([try Self.shipped("02-alias-signed")]).write(to: target)
    #expect(try Self.names(target) == ["02-alias-signed.html", "index.html"])
  }

  @Test func otherFilesAreLeftAlone() throws {
    let directory = try TemporaryDirectory()
    try directory.write("<html>", to: "mine.html")
    let result = try Program.run(
      Program.plumblinePath,
      [
        "lab", "run", "--html", directory.path(""),
        ShippedScenariosTests.directory + "/01-direct.yml",
      ])
    #expect(result.status == 73)
    #expect(result.errors.contains("such as mine.html"), "\(result.errors)")
    #expect(try Self.names(directory.path("")) == ["mine.html"])
  }

  /// All shipped scenarios, by a strict parser: no tag is left open, no attribute given twice.
  @Test func pagesAreWellFormed() throws {
    let directory = try TemporaryDirectory()
    let target = directory.path("pages")
    let made = try Program.run(
      Program.plumblinePath,
      ["lab", "run", "--fixed-keys", "--html", target, ShippedScenariosTests.directory])
    #expect(made.status == 0, "\(made.errors)")
    #expect(try Self.names(target).count == ShippedScenariosTests.files.count + 1)
    let checked = try Program.run("/usr/bin/python3", ["-c", Self.check, target])
    #expect(checked.status == 0, "\(checked.errors)")
    #expect(checked.output == "\(ShippedScenariosTests.files.count + 1)\n")
  }

  private static let check = """
    import glob, html.parser, sys
    VOID = {"meta", "br", "path", "circle", "rect", "wbr"}
    class Checker(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            names = [name for name, _ in attributes]
            assert len(names) == len(set(names)), (self.name, self.getpos(), tag, names)
            for name, value in attributes:
                if name == "id":
                    assert value not in self.ids, (self.name, value)
                    self.ids.add(value)
            if tag not in VOID: self.open.append(tag)
        def handle_startendtag(self, tag, attributes): pass
        def handle_endtag(self, tag):
            assert self.open.pop() == tag, (self.name, self.getpos(), tag)
    pages = sorted(glob.glob(sys.argv[1] + "/*.html"))
    for name in pages:
        checker = Checker()
        checker.name, checker.open, checker.ids = name, [], set()
        checker.feed(open(name, encoding="utf-8").read())
        assert checker.open == [], (name, checker.open)
    print(len(pages))
    """
}
