import Foundation
public import Ledger
import MailAuth

/// Gives the files of reports as they may leave: checked once more, built again when they are gone
/// or damaged.
public final class ReportSource {
  private let archive: ReportArchive
  private let builder: ReportBuilder
  private let store: any ReportStore
  private var schemas: [ReportFormat: ReportSchema] = [:]

  /// Makes a source; for use by one thread at a time.
  ///
  /// - Parameters:
  ///   - archive: Where the files are.
  ///   - builder: Builds them again, with the same bytes.
  ///   - store: Knows the windows.
  public init(archive: ReportArchive, builder: ReportBuilder, store: any ReportStore) {
    self.archive = archive
    self.builder = builder
    self.store = store
  }

  /// The octets of an aggregate report's file, compressed.
  ///
  /// - Throws: ``UnfitReport`` when it may not leave, and whatever keeps it from being read or
  ///   built now.
  public func file(of report: StoredReport, _ format: ReportFormat) throws -> [UInt8] {
    let path = archive.path(of: report, format)
    if FileManager.default.fileExists(atPath: path), try problems(report, path, format).isEmpty {
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }
    try buildAgain(report, format)
    guard FileManager.default.fileExists(atPath: path) else {
      throw UnfitReport(problem: "the ledger no longer gives this report")
    }
    let problems = try problems(report, path, format)
    guard problems.isEmpty else { throw UnfitReport(problem: problems.joined(separator: "; ")) }
    return [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  /// What speaks against the file; a file that cannot be read counts as damaged.
  private func problems(
    _ report: StoredReport, _ path: String, _ format: ReportFormat
  ) throws -> [String] {
    let schema = try schemas[format] ?? ReportSchema(format)
    schemas[format] = schema
    let findings: ReportSchema.Findings
    do {
      findings = try schema.findings(inFile: path)
    } catch {
      return ["\(path) cannot be read: \(error)"]
    }
    var problems = findings.problems
    if findings.reportID != report.reportID || findings.policyDomain != report.policyDomain.text {
      problems.append("\(path) holds another report")
    }
    if findings.messages != report.messages {
      problems.append("\(path) counts \(findings.messages) messages instead of \(report.messages)")
    }
    return problems
  }

  private func buildAgain(_ report: StoredReport, _ format: ReportFormat) throws {
    guard let window = try store.reportWindows().first(where: { $0.period == report.period })
    else { throw UnfitReport(problem: "the ledger does not know the period of this report") }
    let directory = archive.directory(of: report.period, format)
    _ = try builder.build(
      window: window,
      ReportBuilder.Request(policyDomain: report.policyDomain, directories: [format: directory]))
  }
}

/// Why a report may not leave, now or ever.
public struct UnfitReport: Error, Equatable, CustomStringConvertible {
  /// What is wrong.
  public var problem: String

  /// What is wrong.
  public var description: String { "not fit to be sent: \(problem)" }
}
