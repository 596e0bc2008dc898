import Ledger
import MailAuth

/// Counts the rows of one report after another in one form, and writes and checks the files.
final class ReportWriter {
  let format: ReportFormat
  let directory: String
  private let schema: ReportSchema
  private let tally = Tally<AggregateReport.Record> {
    RowKey.line(of: $0)
  } value: {
    try RowKey.record(of: $0)
  }

  init(_ format: ReportFormat, directory: String) throws {
    self.format = format
    self.directory = directory
    schema = try ReportSchema(format)
  }

  /// Forgets the rows of a report that was not written.
  func forget() throws { try tally.forget() }

  /// Counts a message in its row.
  func add(
    _ row: AggregateReport.Record, under policy: AggregateReport.PolicyPublished
  ) throws {
    try tally.add(row.inWords(of: format, under: policy))
  }

  /// Writes the rows counted since the last report, checks the file and gives it its name.
  ///
  /// - Throws: What concerns all reports: ``CannotWriteReport``, and `LedgerError` when counting
  ///   fails.
  func write(
    _ plan: ReportPlan, _ metadata: AggregateReport.Metadata
  ) throws -> BuiltReport.File {
    let file = ReportFile(directory: directory, name: plan.fileName)
    var rows = 0
    do {
      try file.write { sink in
        let xml = try ReportXML(format, sink: sink)
        try xml.begin(metadata, plan.policy)
        try tally.drain { record, count in
          try xml.write(record, count: count)
          rows += 1
        }
        try xml.end()
      }
      try verify(plan, rows, try schema.findings(inFile: file.temporaryPath))
      try file.publish()
      return BuiltReport.File(format: format, path: file.path, rows: rows, problem: nil)
    } catch let error as CannotWriteReport {
      file.discard()
      throw error
    } catch let error as LedgerError {
      file.discard()
      throw error
    } catch {
      return try reject(plan, "\(error)", rows: rows)
    }
  }

  /// Sets aside what there is of a report.
  ///
  /// - Throws: ``CannotWriteReport``.
  func reject(_ plan: ReportPlan, _ problem: String, rows: Int = 0) throws -> BuiltReport.File {
    let file = ReportFile(directory: directory, name: plan.fileName)
    do {
      return BuiltReport.File(
        format: format, path: try file.reject(problem), rows: rows, problem: problem)
    } catch {
      file.discard()
      throw error
    }
  }

  /// Compares what the file says with what the ledger counted by itself.
  private func verify(
    _ plan: ReportPlan, _ rows: Int, _ findings: ReportSchema.Findings
  ) throws {
    var problems = findings.problems
    if findings.messages != plan.messages {
      problems.append("counts \(findings.messages) messages, the ledger \(plan.messages)")
    }
    if findings.records != rows {
      problems.append("holds \(findings.records) records, \(rows) were written")
    }
    if findings.policyDomain != plan.policy.domain.text
      || findings.reportID != plan.metadata.reportID
    {
      problems.append("is not about \(plan.policy.domain), or has another ID")
    }
    guard problems.isEmpty else { throw ReportError.refused(problems) }
  }
}

/// Why a report does not count as built.
enum ReportError: Error, CustomStringConvertible {
  case refused([String])
  case noHash
  case unreadableRow

  var description: String {
    switch self {
    case .refused(let problems): problems.joined(separator: "; ")
    case .noHash: "libcrypto refuses SHA-256; is it configured to?"
    case .unreadableRow: "a counted row cannot be read again"
    }
  }
}
