import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// The form of RFC 7489, and what it shares with that of RFC 9990.
@Suite struct ReportFormatTests {
  @Test(arguments: RowTests.results + RowTests.identities)
  func showsAMessageAsItsRowInTheWordsOfRFC7489(_ expected: RowTests.Case) throws {
    var scene = try ReportScene()
    try scene.append(expected.record)
    #expect(try scene.records(as: .rfc7489) == [expected.lines(in: .rfc7489)])
  }

  @Test func writesTheHeadOfAReportInTheOrderOfRFC7489() throws {
    var scene = try ReportScene()
    scene.settings.extraContact = "https://receiver.example/"
    let policy = DMARCPolicyRecord.test(.reject) {
      $0.nonexistentSubdomainPolicy = .quarantine
      $0.isTesting = true
      $0.failureOptions = "1:d"
      $0.percent = 20
      $0.problems = ["sp is not a policy and was ignored", "<rf> was ignored"]
    }
    try scene.append(
      .test(
        spf: .test(.temperror, .dnsTimeout),
        dmarc: .test(.pass, record: policy, dkimAligned: true)))

    let report = try scene.onlyReport(as: .rfc7489)

    #expect(
      report.children.map(\.name) == ["version", "report_metadata", "policy_published", "record"])
    #expect(
      report["report_metadata"]?.leaves == [
        "org_name=Receiver Example", "email=postmaster@receiver.example",
        "extra_contact_info=https://receiver.example/",
        "report_id=\(try #require(scene.build().first).reportID)",
        "error=<rf> was ignored", "error=sp is not a policy and was ignored",
        "error=1 of 1 messages: DNS lookups of the receiver did not complete",
      ])
    // pct does not exist for RFC 9989, by whose rules the record was applied.
    #expect(
      report["policy_published"]?.leaves == [
        "domain=example.com", "adkim=r", "aspf=r", "p=reject", "sp=reject", "pct=100", "fo=1:d",
      ])
  }

  @Test func showsPctWhereItWasApplied() throws {
    var scene = try ReportScene()
    for percent in [20, 100, nil] {
      let policy = DMARCPolicyRecord.test(.reject) { $0.percent = percent }
      try scene.append(
        .test(dmarc: .test(.pass, record: policy, discovery: .psl, spfAligned: true)))
    }
    let published = try scene.build(as: .rfc7489).map { report in
      try XMLTree.read(try #require(report.path), as: .rfc7489).text("policy_published/pct") ?? ""
    }
    #expect(published == ["100", "20"])
  }

  @Test func saysWhyAPolicyAppliedThatTheFormCannotShow() throws {
    var scene = try ReportScene()
    let policy = DMARCPolicyRecord.test(.none) { $0.nonexistentSubdomainPolicy = .reject }
    var record = MessageRecord.test(
      authorDomain: "ghost.example.com", spf: .test(.fail), dkim: [],
      dmarc: .test(.fail, .alignedNotPassed, record: policy, applied: .reject),
      disposition: .reject)
    record.evaluation.dmarc.authorDomainExists = false
    try scene.append(record)
    let lines = try scene.records(as: .rfc7489)
    #expect(lines.first?.dropFirst().first == "disposition=reject dkim=fail spf=fail")
    #expect(lines.first?.contains("reason type=other comment=np=reject applied") == true)
    #expect(try scene.records().first?.contains { $0.hasPrefix("reason") } == false)
  }

  @Test func namesMessagesSparedByPctAsSuch() throws {
    var scene = try ReportScene()
    try scene.append(
      .test(
        spf: .test(.fail), dkim: [], dmarc: .test(.fail, .alignedNotPassed),
        reasons: [.sampledOut]))
    #expect(
      try scene.records(as: .rfc7489).first?.contains("reason type=sampled_out") == true)
    #expect(
      try scene.records().first?.contains {
        $0.hasPrefix("reason type=other comment=sampled out")
      } == true)
  }

  /// SPF's human_result is gone, so the causes do not tell rows apart any more.
  @Test func countsRowsTogetherThatDifferOnlyInWhatTheFormCannotShow() throws {
    var scene = try ReportScene()
    try scene.append(.test(spf: .test(.permerror, .tooManyLookups), dkim: []))
    try scene.append(.test(spf: .test(.permerror, .recordSyntax), dkim: []), count: 2)
    #expect(try scene.build().first?.rows == 2)
    #expect(try scene.records(as: .rfc7489).map(\.first) == ["3 x 192.0.2.1"])
  }

  @Test func hasOneIDAndOneNameInBothForms() throws {
    var scene = try ReportScene()
    try scene.append(.test(), count: 3)
    let request = ReportBuilder.Request(directories: [
      .rfc7489: scene.directory.path("old"), .rfc9990: scene.directory.path("new"),
    ])
    let built = try #require(try scene.builder.build(day: ReportScene.day, request).reports.first)
    #expect(built.files.map(\.format) == [.rfc9990, .rfc7489])
    #expect(try scene.files("old") == [built.fileName])
    #expect(try scene.files("new") == [built.fileName])
    for file in built.files {
      let tree = try XMLTree.read(try #require(file.path), as: file.format)
      #expect(tree.text("report_metadata/report_id") == built.reportID)
      #expect(tree.text("record/row/count") == "3")
    }
  }

  @Test func buildsAReportInTheFormsItIsNeededIn() throws {
    var scene = try ReportScene()
    for name in ["a.example", "b.example", "c.example"] {
      try scene.append(.test(dmarc: .test(.pass, policyDomain: name, spfAligned: true)))
    }
    var request = ReportBuilder.Request(directories: [
      .rfc7489: scene.directory.path("old"), .rfc9990: scene.directory.path("new"),
    ])
    request.formats = { name, uris in
      #expect(uris == ["mailto:dmarc@example.com"])
      switch name.text {
      case "a.example": return [.rfc9990]
      case "b.example": return [.rfc9990, .rfc7489]
      default: return []
      }
    }
    let built = try scene.builder.build(day: ReportScene.day, request).reports
    #expect(built.map { $0.files.map(\.format) } == [[.rfc9990], [.rfc9990, .rfc7489], []])
    #expect(built.map(\.messages) == [1, 1, 1])
    #expect(built.map(\.problem) == [nil, nil, nil])
    #expect(try scene.files("new").count == 2)
    #expect(try scene.files("old").count == 1)
  }

  // MARK: The schema

  typealias Mutation = ReportSchemaTests.Mutation

  static let valid = """
    <?xml version="1.0" encoding="UTF-8"?>
    <feedback>
    <version>1.0</version>
    <report_metadata><org_name>Receiver</org_name><email>a@receiver.example</email>\
    <extra_contact_info>x</extra_contact_info><report_id>1</report_id>\
    <date_range><begin>1793577600</begin><end>1793663999</end></date_range>\
    <error>one</error><error>two</error></report_metadata>
    <policy_published><domain>example.com</domain><adkim>r</adkim><aspf>s</aspf>\
    <p>reject</p><sp>none</sp><pct>50</pct><fo>1:d</fo></policy_published>
    <record><row><source_ip>192.0.2.1</source_ip><count>2</count><policy_evaluated>\
    <disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf>\
    <reason><type>other</type><comment>why</comment></reason></policy_evaluated></row>\
    <identifiers><envelope_to>receiver.example</envelope_to>\
    <envelope_from></envelope_from><header_from>example.com</header_from></identifiers>\
    <auth_results><dkim><domain>a.example</domain><selector>s</selector>\
    <result>fail</result><human_result>kaputt</human_result></dkim>\
    <spf><domain>b.example</domain><scope>mfrom</scope><result>softfail</result></spf>\
    </auth_results></record>
    </feedback>
    """

  static let mutations = [
    Mutation("unchanged", "<version>", "<version>", accepted: true, in: valid),
    Mutation("no version", "<version>1.0</version>", "", in: valid),
    Mutation("no sp", "<sp>none</sp>", "", accepted: true, in: valid),
    Mutation("no pct", "<pct>50</pct>", "", in: valid),
    Mutation("no fo", "<fo>1:d</fo>", "", in: valid),
    Mutation("no adkim", "<adkim>r</adkim>", "", accepted: true, in: valid),
    Mutation("no envelope_from", "<envelope_from></envelope_from>", "", in: valid),
    Mutation("no selector", "<selector>s</selector>", "", accepted: true, in: valid),
    Mutation("no scope", "<scope>mfrom</scope>", "", in: valid),
    Mutation(
      "no spf",
      "<spf><domain>b.example</domain><scope>mfrom</scope><result>softfail</result></spf>", "",
      in: valid),
    Mutation(
      "two spf", "</auth_results>",
      "<spf><domain/><scope>helo</scope><result>none</result></spf></auth_results>",
      accepted: true, in: valid),
    Mutation("disposition pass", "<disposition>quarantine", "<disposition>pass", in: valid),
    Mutation("reason forwarded", ">other<", ">forwarded<", accepted: true, in: valid),
    Mutation("reason sampled_out", ">other<", ">sampled_out<", accepted: true, in: valid),
    Mutation("reason policy_test_mode", ">other<", ">policy_test_mode<", in: valid),
    Mutation("SPF policy", ">softfail<", ">policy<", in: valid),
    Mutation("SPF unknown", ">softfail<", ">unknown<", in: valid),
    Mutation("np", "<pct>50</pct>", "<np>none</np><pct>50</pct>", in: valid),
    Mutation("testing", "<pct>50</pct>", "<testing>n</testing><pct>50</pct>", in: valid),
    Mutation(
      "generator", "</report_metadata>", "<generator>x</generator></report_metadata>", in: valid),
    Mutation(
      "email first", "<org_name>Receiver</org_name><email>a@receiver.example</email>",
      "<email>a@receiver.example</email><org_name>Receiver</org_name>", in: valid),
    Mutation("lang", "<comment>", "<comment lang=\"en\">", in: valid),
    Mutation("address of other characters", ">192.0.2.1<", ">mail.example<", in: valid),
    Mutation("IPv6", ">192.0.2.1<", ">2001:db8::1<", accepted: true, in: valid),
    Mutation("pct in words", "<pct>50</pct>", "<pct>half</pct>", in: valid),
    Mutation(
      "human_result of SPF", "softfail</result>", "softfail</result><human_result/>",
      in: valid),
    Mutation(
      "extension", "</policy_published>", "</policy_published><extension/>", in: valid),
    Mutation(
      "the other namespace", "<feedback>",
      "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">", in: valid),
  ]

  private func findings(_ text: String, _ schema: ReportSchema) throws -> ReportSchema.Findings {
    let directory = try TemporaryDirectory()
    return try schema.findings(inFile: directory.write(text, to: "report.xml"))
  }

  @Test(arguments: mutations)
  func judgesAMutationOfTheOldForm(_ mutation: Mutation) throws {
    let findings = try findings(try mutation.applied(), ReportSchema(.rfc7489))
    #expect(findings.formProblems.isEmpty == mutation.isAccepted, "\(findings.formProblems)")
  }

  @Test(.enabled(if: Suites.arePresent), arguments: mutations)
  func agreesWithTheSchemaOfRFC7489AboutAMutation(_ mutation: Mutation) throws {
    let octets = Array(try Data(contentsOf: URL(filePath: Self.rfcSchemaPath(.rfc7489))))
    let findings = try findings(try mutation.applied(), ReportSchema(.rfc7489, octets: octets))
    #expect(findings.formProblems.isEmpty == mutation.isAccepted, "\(findings.formProblems)")
  }

  @Test(arguments: [
    ("an empty SPF domain with a result", ">b.example<", "><", "record 1: <domain> is empty"),
    ("a version of another form", ">1.0<", ">2.0<", "<version> is not 1.0"),
    ("no count", "<count>2<", "<count>0<", "record 1: <count> is not positive"),
    (
      "no reason", "<reason><type>other</type><comment>why</comment></reason>", "",
      "record 1: a disposition other than the policy's without a reason"
    ),
  ])
  func findsInTheOldFormWhatTheSchemaDoesNotSee(
    _ name: String, _ old: String, _ new: String, _ problem: String
  ) throws {
    let mutation = Mutation(name, old, new, in: Self.valid)
    let findings = try findings(try mutation.applied(), ReportSchema(.rfc7489))
    #expect(findings.formProblems == [])
    #expect(findings.contentProblems == [problem])
  }

  // MARK: Other people's programs

  private static func rfcSchemaPath(_ format: ReportFormat) -> String {
    "\(Suites.folder)/xsd/\(format.rawValue).xsd"
  }

  private static let xmllint = "/usr/bin/xmllint"
  private static let hasXMLLint = FileManager.default.isExecutableFile(atPath: xmllint)

  /// Each case under an address of its own, so that each is a row of its own.
  private func sceneOfAllCases() throws -> ReportScene {
    var scene = try ReportScene()
    for (number, sample) in (RowTests.results + RowTests.identities).enumerated() {
      var record = sample.record
      if let address = IPAddress("198.51.100.\(number)") { record.envelope.clientAddress = address }
      try scene.append(record, count: number + 1)
    }
    return scene
  }

  @Test(
    .enabled(if: Suites.arePresent && hasXMLLint, "needs the suites and xmllint"),
    arguments: ReportFormat.allCases)
  func xmllintAcceptsBothForms(_ format: ReportFormat) throws {
    let scene = try sceneOfAllCases()
    for report in try scene.build(as: format) {
      let text = try uncompressed(try #require(report.path))
      let file = scene.directory.path("report.xml")
      try Data(text).write(to: URL(filePath: file))
      let result = try Program.run(
        Self.xmllint, ["--noout", "--nonet", "--schema", Self.rfcSchemaPath(format), file])
      #expect(result.status == 0, "\(result.errors)")
    }
  }

  @Test(.enabled(if: hasXMLLint, "needs xmllint"), arguments: ReportFormat.allCases)
  func xmllintReadsTheValuesOfTheLedger(_ format: ReportFormat) throws {
    let scene = try sceneOfAllCases()
    let cases = RowTests.results + RowTests.identities
    var rows: [String] = []
    for report in try scene.build(as: format) {
      let file = scene.directory.path("report.xml")
      try Data(try uncompressed(try #require(report.path))).write(to: URL(filePath: file))
      func value(_ expression: String) throws -> String {
        let result = try Program.run(Self.xmllint, ["--xpath", expression, file])
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      #expect(try value("string(//*[local-name()='report_id'])") == report.reportID)
      #expect(try value("sum(//*[local-name()='count'])") == "\(report.messages)")
      #expect(try value("count(//*[local-name()='record'])") == "\(report.rows)")
      for number in 1...report.rows {
        let row = "//*[local-name()='record'][\(number)]//*[local-name()"
        let words = try ["source_ip", "count", "disposition", "header_from"].map {
          try value("string(\(row)='\($0)'])")
        }
        rows.append(words.joined(separator: " "))
      }
    }
    let expected = cases.enumerated().map { number, sample in
      let disposition = sample.lines(in: format)[1].split(separator: " ")[0].split(separator: "=")[
        1]
      let from = sample.record.evaluation.authorDomain?.text ?? ""
      return "198.51.100.\(number) \(number + 1) \(disposition) \(from)"
    }
    #expect(rows.sorted() == expected.sorted())
  }
}

extension RowTests.Case {
  /// The row in the words of a form.
  func lines(in format: ReportFormat) -> [String] {
    guard format == .rfc7489 else { return lines }
    var old = lines.map { line in
      if line.hasPrefix("disposition=pass ") {
        return line.replacingOccurrences(of: "disposition=pass", with: "disposition=none")
      }
      if line == "reason type=policy_test_mode" {
        return "reason type=other comment=policy test mode, t=y"
      }
      if line.hasPrefix("header_from="), !line.contains(" envelope_from=") {
        return line + " envelope_from="
      }
      if line.hasPrefix("spf "), let range = line.range(of: " human_result=") {
        return String(line[..<range.lowerBound])
      }
      return line
    }
    if !old.contains(where: { $0.hasPrefix("spf ") }) {
      old.append("spf domain= scope=mfrom result=none")
    }
    return old
  }
}
