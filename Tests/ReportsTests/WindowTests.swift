import Foundation
import Ledger
import MailAuth
import TestSupport
import Testing

@testable import Reports

/// Closed windows: what belongs to them, for ever, and what came too late.
@Suite struct WindowTests {
  private static let days = (0..<4).map { UTCDay(containing: testTime + $0 * 86_400) }

  private var scene: ReportScene

  init() throws { scene = try ReportScene() }

  /// Appends a message of a day, by default an aligned pass.
  private mutating func append(
    day: Int, _ dmarc: DMARCOutcome = .test(.pass, spfAligned: true), count: Int = 1
  ) throws {
    try scene.append(.test(at: Self.days[day].begin + 3_600, dmarc: dmarc), count: count)
  }

  private func close(_ day: Int) throws -> ReportWindow {
    try scene.store.closeWindow(Self.days[day].window, now: Self.days[day].window.upperBound)
  }

  private func octets(_ build: ReportBuild) throws -> [Data] {
    try build.reports.map { try Data(contentsOf: URL(filePath: try #require($0.path))) }
  }

  @Test mutating func buildsTheSameBytesWhateverIsAppendedMeanwhile() throws {
    try append(day: 0, count: 3)
    let window = try close(0)
    let first = try scene.build(window, into: "first")

    try append(day: 0, count: 2)
    try append(day: 0, .test(.pass, policyDomain: "bank.example", spfAligned: true))
    try append(day: 1)
    let second = try scene.build(window, into: "second")

    #expect(first.reports.map(\.messages) == [3])
    #expect(try octets(first) == octets(second))
    #expect(first.reports.map(\.reportID) == second.reports.map(\.reportID))
    _ = try scene.build(try close(1), into: "next")
    #expect(try octets(scene.build(window, into: "third")) == octets(first))
  }

  @Test mutating func reportsLateMessagesInTheNextWindow() throws {
    try append(day: 0, count: 3)
    _ = try close(0)
    try append(day: 0, count: 2)
    try append(day: 0, .test(.pass, policyDomain: "bank.example", spfAligned: true))
    try append(day: 1, count: 4)

    let build = try scene.build(try close(1))

    #expect(build.reports.map(\.policyDomain.text) == ["bank.example", "example.com"])
    #expect(build.reports.map(\.problem) == [nil, nil])
    #expect(build.reports.map(\.messages) == [1, 6])
    #expect(build.reports.map(\.lateMessages) == [1, 2])
    #expect(build.lateMessages == 3)
    let report = try XMLTree.read(try #require(build.reports[1].path))
    #expect(
      report.text("report_metadata/error")
        == "2 of 6 messages: received outside this period, recorded too late for the report of "
        + "their own")
    #expect(report.text("record/row/count") == "6")
    #expect(report.text("report_metadata/date_range/begin") == "\(Self.days[1].begin)")
  }

  @Test mutating func reportsALateMessageOnce() throws {
    try append(day: 0)
    _ = try close(0)
    try append(day: 0)
    let second = try close(1)
    try append(day: 0)
    try append(day: 1)
    let third = try close(2)
    let fourth = try close(3)

    #expect(try scene.build(second).reports.map(\.messages) == [1])
    #expect(try scene.build(third).reports.map(\.messages) == [2])
    #expect(try scene.build(fourth).reports.map(\.messages) == [])
  }

  @Test mutating func leavesMessagesOfADayThatWillGetItsOwnWindow() throws {
    try append(day: 1)
    try append(day: 0)
    let later = try close(1)
    #expect(try scene.build(later).reports.map(\.messages) == [1])
    let earlier = try close(0)
    #expect(try scene.build(earlier).reports.map(\.messages) == [1])
    #expect(try scene.build(earlier).lateMessages == 0)
    #expect(try scene.build(later).reports.map(\.messages) == [1])
  }

  /// Windows may be closed in another order than days have.
  @Test mutating func losesNoLateMessageOfALaterDay() throws {
    _ = try close(2)
    try append(day: 2)
    let earlier = try close(0)
    #expect(try scene.build(earlier).reports.map(\.lateMessages) == [1])
    #expect(try scene.build(try close(3)).reports.map(\.messages) == [])
  }

  @Test mutating func givesAReportForEachPolicyOfADayOnWhichItChanged() throws {
    try append(day: 0, .test(.pass, spfAligned: true), count: 2)
    try append(day: 0, .test(.pass, record: .test(.none), spfAligned: true), count: 3)
    let built = try scene.build(try close(0)).reports
    #expect(built.map(\.policyDomain.text) == ["example.com", "example.com"])
    #expect(built.map(\.messages) == [3, 2])
    #expect(Set(built.map(\.reportID)).count == 2)
    let policies = try built.map {
      try XMLTree.read(try #require($0.path)).text("policy_published/p")
    }
    #expect(policies == ["none", "reject"])
  }

  @Test mutating func namesTheReportURIsOfTheNewestRecord() throws {
    func record(_ uri: String) -> DMARCOutcome {
      .test(
        .pass, record: .test(.reject) { $0.aggregateReportURIs = [uri] }, spfAligned: true)
    }
    for (hour, uri) in [(1, "mailto:a@x.example"), (3, "mailto:b@x.example")] {
      try scene.append(
        .test(at: Self.days[0].begin + Int64(hour) * 3_600, dmarc: record(uri)))
    }
    // Known to the ledger last, and yet not the newest.
    try scene.append(
      .test(at: Self.days[0].begin + 7_200, dmarc: record("mailto:c@x.example")), count: 2)
    let built = try #require(try scene.build(try close(0)).reports.first)
    #expect(built.messages == 4)
    #expect(built.policyIDs == [1, 2, 3])
    #expect(built.reportURIs == ["mailto:b@x.example"])
  }

  @Test mutating func countsMessagesWithAnAlignedPass() throws {
    try append(day: 0, .test(.pass, spfAligned: true))
    try append(day: 0, .test(.pass, dkimAligned: true))
    try append(day: 0, .test(.pass, spfAligned: true, dkimAligned: true))
    try append(day: 0, .test(.fail, .noIdentifier))
    #expect(try scene.build(try close(0)).reports.map(\.alignedMessages) == [3])
  }

  @Test mutating func leavesOutMessagesAboutOurOwnReports() throws {
    try append(day: 0)
    var record = MessageRecord.test(at: Self.days[0].begin)
    record.isReportTraffic = true
    try scene.append(record, count: 2)
    // The only message under its policy.
    record.evaluation.dmarc = .test(.pass, policyDomain: "bank.example", spfAligned: true)
    try scene.append(record)
    let window = try close(0)
    record.receivedAt += 60
    try scene.append(record)

    let build = try scene.build(window)
    #expect(build.reports.map(\.policyDomain.text) == ["example.com"])
    #expect(build.reports.map(\.messages) == [1])
    #expect(build.reportTraffic == 3)
    let next = try scene.build(try close(1))
    #expect(next.reports == [])
    #expect(next.reportTraffic == 1)
  }

  @Test mutating func countsMessagesWhoseLookupsDidNotComplete() throws {
    func append(_ record: MessageRecord) throws {
      var copy = record
      copy.receivedAt = Self.days[0].begin
      try scene.append(copy)
    }
    try append(.test(spf: .test(.temperror, .dnsTimeout)))
    try append(.test(dkim: [.test(.pass), .test(.temperror, .dnsServfail)]))
    try append(.test(dmarc: .test(.temperror, .alignmentDNSFailure)))
    // Both at once is one message; a refused answer is an answer.
    try append(
      .test(
        spf: .test(.temperror, .dnsServfail), dkim: [.test(.temperror, .dnsTimeout)],
        dmarc: .test(.temperror, .identifierTemperror)))
    try append(.test(spf: .test(.temperror, .dnsBogus)))
    try append(.test())
    let built = try #require(try scene.build(try close(0)).reports.first)
    #expect(built.unansweredMessages == 4)
    #expect(
      try XMLTree.read(try #require(built.path)).text("report_metadata/error")
        == "4 of 6 messages: DNS lookups of the receiver did not complete")
  }

  @Test mutating func givesALedgerOfItsOwnIDsOfItsOwn() throws {
    try append(day: 0)
    let window = try close(0)
    let plain = try scene.build(window).reports.map(\.reportID)
    scene.settings.ledgerIdentity = "a"
    let one = try scene.build(window).reports.map(\.reportID)
    scene.settings.ledgerIdentity = "b"
    let other = try scene.build(window).reports.map(\.reportID)
    #expect(Set(plain + one + other).count == 3)
    let directory = try TemporaryDirectory()
    let second = try SQLiteStore(path: directory.path("ledger.sqlite"))
    #expect(try scene.store.identity() != second.identity())
    #expect(try scene.store.identity() == scene.store.identity())
    #expect(try second.identity().utf8.count == 32)
  }
}
