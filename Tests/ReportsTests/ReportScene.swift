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

  func build(domain: DomainName? = nil, into name: String = "reports") throws -> [BuiltReport] {
    try ReportBuilder(store: store, settings: settings)
      .build(day: Self.day, domain: domain, into: directory.path(name))
  }

  /// Builds, and reads the only report that there must be.
  func onlyReport() throws -> XMLTree {
    let built = try build()
    guard built.count == 1, let report = built.first, let path = report.path else {
      throw FixtureError("\(built.count) reports, not one")
    }
    if let problem = report.problem { throw FixtureError(problem) }
    return try XMLTree.read(path)
  }

  /// The records of the only report, a few lines each.
  func records() throws -> [[String]] { try onlyReport().all("record").map(\.lines) }

  /// The names in a directory below, without hidden ones; empty when it does not exist.
  func files(_ name: String = "reports") throws -> [String] {
    let path = directory.path(name)
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}
