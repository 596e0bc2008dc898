import Foundation
import Ledger
import MailAuth
import Reports
import TestSupport

/// A ledger, and the reports of one day built from it.
struct ReportScene {
  static let day = UTCDay(containing: testTime)

  let directory: TemporaryDirectory
  let store: SQLiteStore
  var settings = ReportSettings(
    receiver: domain("mx.receiver.example"), organization: "Receiver Example",
    email: "postmaster@receiver.example", generator: "Plumbline 0.1")
  private var appended = 0

  init() throws {
    directory = try TemporaryDirectory()
    store = try SQLiteStore(path: directory.path("ledger.sqlite"))
  }

  /// Appends a record `count` times, as different messages of the day.
  mutating func append(_ record: MessageRecord, count: Int = 1) throws {
    for _ in 0..<count {
      appended += 1
      var copy = record
      copy.queueID = "\(appended)"
      try store.append(copy)
    }
  }

  func build(
    domain: DomainName? = nil, as format: ReportFormat = .rfc9990, into name: String = "reports"
  ) throws -> [BuiltReport] {
    let request = ReportBuilder.Request(
      policyDomain: domain, directories: [format: directory.path(name)])
    return try builder.build(day: Self.day, request).reports
  }

  /// Builds a closed window.
  func build(_ window: ReportWindow, into name: String = "reports") throws -> ReportBuild {
    try builder.build(
      window: window, ReportBuilder.Request(directories: [.rfc9990: directory.path(name)]))
  }

  var builder: ReportBuilder { ReportBuilder(store: store, settings: settings) }

  /// Builds, and reads the only report that there must be.
  func onlyReport(as format: ReportFormat = .rfc9990) throws -> XMLTree {
    let built = try build(as: format)
    guard built.count == 1, let report = built.first, let path = report.path else {
      throw FixtureError("\(built.count) reports, not one")
    }
    if let problem = report.problem { throw FixtureError(problem) }
    return try XMLTree.read(path, as: format)
  }

  /// The records of the only report, a few lines each.
  func records(as format: ReportFormat = .rfc9990) throws -> [[String]] {
    try onlyReport(as: format).all("record").map(\.lines)
  }

  /// The names in a directory below, without hidden ones; empty when it does not exist.
  func files(_ name: String = "reports") throws -> [String] {
    let path = directory.path(name)
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// Most tests build one form only.
extension BuiltReport {
  var path: String? { files.first?.path }
  var rows: Int { files.first?.rows ?? 0 }
}
