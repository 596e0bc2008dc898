import Foundation
import TestSupport
import Testing

@testable import Reports

/// The schema that ships with the program, beside the RFC's, and the rules beyond both.
@Suite struct ReportSchemaTests {
  /// A change to the valid report, and whether the schema still accepts it.
  struct Mutation: Sendable, CustomTestStringConvertible {
    let name: String
    let old: String
    let new: String
    let isAccepted: Bool
    let valid: String
    var testDescription: String { name }

    init(
      _ name: String, _ old: String, _ new: String, accepted isAccepted: Bool = false,
      in valid: String = ReportSchemaTests.valid
    ) {
      self.name = name
      self.old = old
      self.new = new
      self.isAccepted = isAccepted
      self.valid = valid
    }

    func applied() throws -> String {
      guard let range = valid.range(of: old) else {
        throw FixtureError("the valid report does not hold \(old)")
      }
      return valid.replacingCharacters(in: range, with: new)
    }
  }

  static let valid = """
    <?xml version="1.0" encoding="UTF-8"?>
    <feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
    <version>1.0</version>
    <report_metadata><org_name>Receiver</org_name><email>a@receiver.example</email>\
    <extra_contact_info lang="en">x</extra_contact_info><report_id>1</report_id>\
    <date_range><begin>1793577600</begin><end>1793663999</end></date_range>\
    <error>none</error><generator>Test 1</generator></report_metadata>
    <policy_published><domain>example.com</domain><discovery_method>psl</discovery_method>\
    <p>reject</p><sp>none</sp><np>reject</np><fo>1:d</fo><adkim>r</adkim><aspf>s</aspf>\
    <testing>n</testing></policy_published>
    <extension><x:a xmlns:x="urn:x"/></extension>
    <record><row><source_ip>192.0.2.1</source_ip><count>2</count><policy_evaluated>\
    <disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf>\
    <reason><type>other</type><comment>why</comment></reason></policy_evaluated></row>\
    <identifiers><header_from>example.com</header_from><envelope_from></envelope_from>\
    <envelope_to>receiver.example</envelope_to></identifiers>\
    <auth_results><dkim><domain>a.example</domain><selector>s</selector>\
    <result>fail</result><human_result lang="de">kaputt</human_result></dkim>\
    <spf><domain>b.example</domain><scope>mfrom</scope><result>policy</result></spf>\
    </auth_results><x:b xmlns:x="urn:x"><x:c/></x:b></record>
    </feedback>
    """

  static let mutations = [
    Mutation("unchanged", "<version>", "<version>", accepted: true),
    // Missing.
    Mutation("no version", "<version>1.0</version>", "", accepted: true),
    Mutation("no org_name", "<org_name>Receiver</org_name>", ""),
    Mutation("no email", "<email>a@receiver.example</email>", ""),
    Mutation("no report_id", "<report_id>1</report_id>", ""),
    Mutation("no end", "<end>1793663999</end>", ""),
    Mutation(
      "no error, no generator", "<error>none</error><generator>Test 1</generator>", "",
      accepted: true),
    Mutation("no policy domain", "<domain>example.com</domain>", ""),
    Mutation("no p", "<p>reject</p>", ""),
    Mutation(
      "no discovery_method", "<discovery_method>psl</discovery_method>", "",
      accepted: true),
    Mutation("no count", "<count>2</count>", ""),
    Mutation("no disposition", "<disposition>quarantine</disposition>", ""),
    Mutation("no reason type", "<type>other</type>", ""),
    Mutation("no header_from", "<header_from>example.com</header_from>", ""),
    Mutation("no selector", "<selector>s</selector>", ""),
    Mutation("no scope", "<scope>mfrom</scope>", "", accepted: true),
    Mutation("no SPF domain", "<domain>b.example</domain>", ""),
    // Words.
    Mutation("p unknown", "<p>reject</p>", "<p>block</p>"),
    Mutation("p in capitals", "<p>reject</p>", "<p>Reject</p>"),
    Mutation("p with a blank", "<p>reject</p>", "<p> reject</p>"),
    Mutation("disposition pass", "<disposition>quarantine", "<disposition>pass", accepted: true),
    Mutation("sp pass", "<sp>none</sp>", "<sp>pass</sp>"),
    Mutation("reason forwarded", "<type>other</type>", "<type>forwarded</type>"),
    Mutation(
      "reason policy_test_mode", "<type>other</type>", "<type>policy_test_mode</type>",
      accepted: true),
    Mutation("evaluated dkim temperror", "<dkim>fail</dkim>", "<dkim>temperror</dkim>"),
    Mutation("DKIM softfail", "<result>fail</result>", "<result>softfail</result>"),
    Mutation("SPF unknown", "<result>policy</result>", "<result>unknown</result>"),
    Mutation("SPF hardfail", "<result>policy</result>", "<result>hardfail</result>"),
    Mutation("scope helo", "<scope>mfrom</scope>", "<scope>helo</scope>"),
    Mutation("adkim relaxed", "<adkim>r</adkim>", "<adkim>relaxed</adkim>"),
    Mutation("testing 1", "<testing>n</testing>", "<testing>1</testing>"),
    Mutation("discovery_method other", ">psl<", ">guess<"),
    // Numbers.
    Mutation("count in words", "<count>2</count>", "<count>two</count>"),
    Mutation("count empty", "<count>2</count>", "<count/>"),
    Mutation("count decimal", "<count>2</count>", "<count>2.0</count>"),
    Mutation("count with blanks", "<count>2</count>", "<count> 2 </count>", accepted: true),
    Mutation(
      "count huge", "<count>2</count>", "<count>99999999999999999999</count>",
      accepted: true),
    Mutation("begin not a number", "<begin>1793577600</begin>", "<begin>2026-11-02</begin>"),
    Mutation("version not a number", "<version>1.0</version>", "<version>one</version>"),
    // Order.
    Mutation(
      "metadata in another order", "<report_id>1</report_id>",
      "<report_id>1</report_id><!-- moved -->", accepted: true),
    Mutation(
      "email first",
      "<org_name>Receiver</org_name><email>a@receiver.example</email>",
      "<email>a@receiver.example</email><org_name>Receiver</org_name>", accepted: true),
    Mutation(
      "spf in front of dkim", "<dkim>fail</dkim><spf>fail</spf>",
      "<spf>fail</spf><dkim>fail</dkim>"),
    Mutation("version last", "</feedback>", "<version>1.0</version></feedback>"),
    Mutation("extension last", "</feedback>", "<extension/></feedback>"),
    // Twice, or too much.
    Mutation("two email", "<report_id>", "<email>b@c</email><report_id>"),
    Mutation("two p", "<p>reject</p>", "<p>reject</p><p>reject</p>"),
    Mutation(
      "two spf", "<spf><domain>",
      "<spf><domain>c</domain><result>none</result></spf><spf><domain>"),
    Mutation(
      "two reasons", "<reason>", "<reason><type>mailing_list</type></reason><reason>",
      accepted: true),
    Mutation("pct", "<fo>1:d</fo>", "<fo>1:d</fo><pct>100</pct>"),
    Mutation("unknown element in row", "<count>2</count>", "<count>2</count><n>1</n>"),
    Mutation(
      "foreign element in row", "<count>2</count>",
      "<count>2</count><x:n xmlns:x=\"urn:x\"/>"),
    Mutation("own element behind auth_results", "<x:b xmlns", "<row/><x:b xmlns", accepted: true),
    Mutation("unknown attribute", "<record>", "<record lang=\"en\">"),
    Mutation("lang that is none", "lang=\"de\"", "lang=\"not a language\""),
    Mutation("lang where none belongs", "<org_name>", "<org_name lang=\"en\">"),
    Mutation("text between elements", "<sp>", "11<sp>"),
    Mutation("no namespace", " xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"", ""),
    Mutation("other namespace", "dmarc-2.0", "dmarc-1.0"),
    Mutation("other root", "<feedback xmlns", "<report xmlns"),
    Mutation("not well-formed", "</row>", ""),
    Mutation("undefined entity", "<error>none</error>", "<error>&none;</error>"),
    Mutation("markup in a text", "<error>none</error>", "<error><b>none</b></error>"),
    Mutation("escaped markup", "<error>none</error>", "<error>&lt;b&gt;</error>", accepted: true),
    Mutation("cut off", "</auth_results>", "</auth_results"),
  ]

  private static let rfcSchemaPath = "\(Suites.folder)/xsd/rfc9990.xsd"

  private func findings(_ text: String, _ schema: ReportSchema) throws -> ReportSchema.Findings {
    let directory = try TemporaryDirectory()
    return try schema.findings(inFile: directory.write(text, to: "report.xml"))
  }

  @Test(arguments: mutations)
  func judgesAMutation(_ mutation: Mutation) throws {
    let findings = try findings(try mutation.applied(), ReportSchema())
    #expect(findings.formProblems.isEmpty == mutation.isAccepted, "\(findings.formProblems)")
  }

  @Test(.enabled(if: Suites.arePresent), arguments: mutations)
  func agreesWithTheRFCsSchemaAboutAMutation(_ mutation: Mutation) throws {
    let octets = Array(try Data(contentsOf: URL(filePath: Self.rfcSchemaPath)))
    let findings = try findings(try mutation.applied(), ReportSchema(octets: octets))
    #expect(findings.formProblems.isEmpty == mutation.isAccepted, "\(findings.formProblems)")
  }

  @Test(.enabled(if: Suites.arePresent), arguments: try Sample.all())
  func agreesWithTheRFCsSchemaAboutASample(_ sample: Sample) throws {
    let octets = Array(try Data(contentsOf: URL(filePath: Self.rfcSchemaPath)))
    for schema in [try ReportSchema(), try ReportSchema(octets: octets)] {
      let findings = try schema.findings(inFile: sample.path)
      #expect(findings.formProblems.isEmpty == sample.isValid, "\(findings.formProblems)")
      if sample.isValid { #expect(findings.contentProblems == []) }
    }
  }

  @Test(.enabled(if: Suites.arePresent))
  func writesWhatTheRFCsSchemaAccepts() throws {
    var scene = try ReportScene()
    for sample in RowTests.results + RowTests.identities { try scene.append(sample.record) }
    let schema = try ReportSchema(
      octets: Array(try Data(contentsOf: URL(filePath: Self.rfcSchemaPath))))
    let built = try scene.build()
    #expect(built.reduce(0) { $0 + $1.messages } == 20)
    for report in built {
      #expect(try schema.findings(inFile: try #require(report.path)).problems == [])
    }
  }

  /// A file of the suites.
  struct Sample: Sendable, CustomTestStringConvertible {
    let path: String
    let isValid: Bool
    var testDescription: String { path.split(separator: "/").suffix(2).joined(separator: "/") }

    static func all() throws -> [Sample] {
      guard Suites.arePresent else { return [] }
      return try ["rfc9990", "rfc7489", "broken"].flatMap { folder in
        let directory = "\(Suites.folder)/reports/\(folder)"
        return try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
          .map { Sample(path: "\(directory)/\($0)", isValid: folder == "rfc9990") }
      }
    }
  }

  /// Valid for the schema, wrong all the same.
  static let contents = [
    (Mutation("version", ">1.0<", ">2.0<"), "<version> is not 1.0"),
    (Mutation("range", "<begin>17935", "<begin>27935"), "<date_range> ends before it begins"),
    (Mutation("zero", "<count>2<", "<count>0<"), "record 1: <count> is not positive"),
    (Mutation("negative", "<count>2<", "<count>-2<"), "record 1: <count> is not positive"),
    (
      Mutation("huge", "<count>2<", "<count>99999999999999999999<"),
      "record 1: <count> is not positive"
    ),
    (
      Mutation("range empty", "<end>1793663999<", "<end>99999999999999999999<"),
      "<date_range> is out of range"
    ),
    (Mutation("org_name", ">Receiver<", "><"), "<org_name> is empty"),
    (Mutation("selector", "<selector>s<", "<selector><"), "record 1: <selector> is empty"),
    (
      Mutation("source_ip", ">192.0.2.1<", ">mail.example<"),
      "record 1: <source_ip> is not an address"
    ),
    (Mutation("fo", ">1:d<", ">1:x<"), "<fo> holds an unknown option"),
    (Mutation("fo", ">1:d<", "><"), "<fo> holds an unknown option"),
    (
      Mutation("extension", "<x:a xmlns:x=\"urn:x\"/>", "<a xmlns=\"\"/>"),
      "extension <a> without a namespace of its own"
    ),
    (
      Mutation("record extension", "<x:b xmlns", "<row/><x:b xmlns"),
      "record 1: extension <row> without a namespace of its own"
    ),
    (
      Mutation("reason", "<reason><type>other</type><comment>why</comment></reason>", ""),
      "record 1: a disposition other than the policy's without a reason"
    ),
    (
      Mutation("pass", "<disposition>quarantine", "<disposition>pass"),
      "record 1: disposition pass of a failing row"
    ),
    (Mutation("U-label", ">a.example<", ">ä.example<"), "record 1: <domain> holds U-labels"),
    (
      Mutation(
        "signatures", "<auth_results>",
        "<auth_results>"
          + String(
            repeating:
              "<dkim><domain>d</domain><selector>s</selector><result>pass</result></dkim>",
            count: 100)), "record 1: a record with more than 100 signatures"
    ),
  ]

  @Test(arguments: contents)
  func findsWhatTheSchemaDoesNotSee(_ mutation: Mutation, _ problem: String) throws {
    let findings = try findings(try mutation.applied(), ReportSchema())
    #expect(findings.formProblems == [])
    #expect(findings.contentProblems.first == problem)
  }

  @Test func saysWhatAReportHolds() throws {
    let findings = try findings(Self.valid, ReportSchema())
    #expect(findings.problems == [])
    #expect(findings.policyDomain == "example.com")
    #expect(findings.reportID == "1")
    #expect(findings.records == 1)
    #expect(findings.messages == 2)
  }

  @Test func refusesADocumentTypeAndExpandsNothing() throws {
    let bomb = """
      <!DOCTYPE feedback [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
      <!ENTITY file SYSTEM "file:///etc/passwd">]>
      """
    let text = Self.valid.replacingOccurrences(of: "<feedback", with: bomb + "<feedback")
      .replacingOccurrences(of: "<error>none", with: "<error>&b;&file;")
    let findings = try findings(text, ReportSchema())
    #expect(findings.formProblems == ["a document type declaration is not accepted"])
    #expect(findings.records == 0)
  }

  @Test func boundsTheNumberOfComplaints() throws {
    let text = Self.valid.replacingOccurrences(
      of: "</policy_published>",
      with: "</policy_published>" + String(repeating: "<wrong/>", count: 1_000))
    #expect(try findings(text, ReportSchema()).problems.count <= 42)
  }

  @Test(arguments: ["", "x", "\u{1F}\u{8B}", "<feedback"])
  func refusesWhatIsNoReport(_ text: String) throws {
    // Some are refused as XML, some as gzip.
    let directory = try TemporaryDirectory()
    let path = directory.path("report")
    try Data(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
      .write(to: URL(filePath: path))
    do {
      #expect(try !ReportSchema().findings(inFile: path).formProblems.isEmpty)
    } catch {
      #expect("\(error)".contains("decompression"))
    }
  }

  @Test func refusesACutGzipFile() throws {
    var scene = try ReportScene()
    try scene.append(.test())
    let path = try #require(try scene.build().first?.path)
    let whole = try Data(contentsOf: URL(filePath: path))
    let cut = scene.directory.path("cut.xml.gz")
    try whole.prefix(whole.count / 2).write(to: URL(filePath: cut))
    #expect(throws: LibZlibError.self) { try ReportSchema().findings(inFile: cut) }
  }

  @Test func saysWhyASchemaDoesNotCompile() {
    #expect(throws: LibXML2Error.self) { try ReportSchema(octets: Array("<xs:schema".utf8)) }
  }
}
