import Foundation
import Glibc
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Files that cannot be written, names that are too long, earlier builds.
@Suite struct ReportFileTests {
  private func makeScene() throws -> (ReportScene, BuiltReport) {
    var scene = try ReportScene()
    try scene.append(.test())
    return (scene, try #require(try scene.build().first))
  }

  /// The temporary name leads to a device that is always full.
  private func fillDisk(_ scene: ReportScene, _ report: BuiltReport) throws {
    let name = ".\(report.fileName).\(getpid()).part"
    try FileManager.default.createSymbolicLink(
      atPath: scene.directory.path("reports") + "/" + name, withDestinationPath: "/dev/full")
  }

  @Test func saysThatTheDiskIsFullAndKeepsTheEarlierFile() throws {
    let (scene, first) = try makeScene()
    let path = try #require(first.path)
    let before = try Data(contentsOf: URL(filePath: path))
    try fillDisk(scene, first)

    let error = #expect(throws: CannotWriteReport.self) { try scene.build() }

    #expect(error?.code == ENOSPC)
    #expect(
      error?.description.hasSuffix(": No space left on device; make room and build again") == true)
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
    #expect(try scene.files() == [first.fileName])
    // Nothing of it hinders the next build.
    #expect(try scene.build() == [first])
  }

  @Test func takesAwayAnEarlierBuildOfAReportThatIsRefused() throws {
    var (scene, first) = try makeScene()
    scene.settings.organization = ""
    let refused = try #require(try scene.build().first)
    #expect(refused.problem == "<org_name> is empty")
    #expect(try scene.files() == ["rejected"])
    let name = first.fileName
    #expect(
      try scene.files("reports/rejected") == ["earlier-\(name)", name, "\(name).txt"].sorted())

    scene.settings.organization = "Receiver Example"
    #expect(try scene.build() == [first])
    #expect(try scene.files("reports/rejected") == [])
  }

  @Test func saysThatAPlaceIsTaken() throws {
    let (scene, _) = try makeScene()
    let request = ReportBuilder.Request(directories: [
      .rfc7489: scene.directory.path("old"), .rfc9990: scene.directory.path("new"),
    ])
    // A directory where the file should go.
    let name = try #require(try scene.build().first).fileName
    try FileManager.default.createDirectory(
      atPath: scene.directory.path("old") + "/" + name + "/x", withIntermediateDirectories: true)
    #expect(throws: CannotWriteReport.self) {
      try scene.builder.build(day: ReportScene.day, request)
    }
  }

  @Test func setsAsideAReportWhoseMessagesCannotBeRead() throws {
    var scene = try ReportScene()
    try scene.append(.test())
    try scene.append(.test(dmarc: .test(.pass, policyDomain: "bank.example", spfAligned: true)))
    let result = try Program.run(
      "/usr/bin/sqlite3",
      [scene.store.path, "UPDATE message SET dmarc_cause = 'magic' WHERE id = 1"])
    try #require(result.status == 0, "\(result.errors)")

    let built = try scene.build()

    #expect(built.map(\.policyDomain.text) == ["bank.example", "example.com"])
    #expect(built[0].problem == nil)
    #expect(built[1].problem?.contains("column dmarc_cause: \"magic\"") == true)
    #expect(built[1].path == nil)
    #expect(try scene.files("reports/rejected") == ["\(built[1].fileName).txt"])
  }

  @Test func storesAReportWhoseNameIsTooLongUnderItsID() throws {
    var scene = try ReportScene()
    let label = String(repeating: "a", count: 60)
    let long = [label, label, label, "example"].joined(separator: ".")
    try scene.append(
      .test(
        authorDomain: long, dmarc: .test(.pass, policyDomain: long, spfAligned: true)))
    let built = try #require(try scene.build().first)
    #expect(built.problem == nil)
    #expect(built.fileName.utf8.count > 255)
    #expect(built.fileName.hasPrefix("mx.receiver.example!\(long)!"))
    #expect(try scene.files() == [built.reportID + ".xml.gz"])
    #expect(BuiltReport.storedName(of: built.fileName) == built.reportID + ".xml.gz")
    #expect(BuiltReport.storedName(of: "a!b!1!2!c.xml.gz") == "a!b!1!2!c.xml.gz")
  }

  @Test(arguments: ReportFormat.allCases)
  func writesANameWithAccentsAndWithoutControlCharacters(_ format: ReportFormat) throws {
    var (scene, _) = try makeScene()
    scene.settings.organization = "Compañía\u{0} & <Söhne>\r\nBcc: x\u{7F}\u{85}\u{FFFE}"
    #expect(
      try scene.onlyReport(as: format).text("report_metadata/org_name")
        == "Compañía\\x00 & <Söhne>\\x0D\\x0ABcc: x\\x7F\\x85\\u{FFFE}")
  }

  @Test(arguments: ReportFormat.allCases)
  func writesAnIDNDomainInALabels(_ format: ReportFormat) throws {
    var scene = try ReportScene()
    try scene.append(
      .test(
        authorDomain: "post.bücher.example",
        dmarc: .test(.pass, policyDomain: "bücher.example", spfAligned: true)))
    let report = try scene.onlyReport(as: format)
    #expect(report.text("policy_published/domain") == "xn--bcher-kva.example")
    #expect(report.text("record/identifiers/header_from") == "post.xn--bcher-kva.example")
    #expect(
      try #require(scene.build(as: format).first).fileName.contains("!xn--bcher-kva.example!"))
  }
}
