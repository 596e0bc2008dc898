import Foundation
public import Ledger
public import MailAuth

/// Builds the aggregate reports of a day from the ledger (RFC 9990).
public struct ReportBuilder {
  private let store: any LedgerStore
  private let settings: ReportSettings

  /// Makes a builder.
  public init(store: any LedgerStore, settings: ReportSettings) {
    self.store = store
    self.settings = settings
  }

  /// Builds one report per policy domain and published policy, in the order of the domains.
  ///
  /// A report gets its name when it is complete, passed the schema and counts exactly the messages
  /// that the ledger has; until then it does not exist under that name. One that fails is kept
  /// below `rejected/` with the reason beside it, and the others are built all the same. Records
  /// that differ only in what a report does not show, such as `rua`, share a report.
  ///
  /// - Parameters:
  ///   - day: The period.
  ///   - domain: Only reports about this policy domain; nil for all.
  ///   - directory: Where the files go; made when it does not exist.
  /// - Returns: What became of each report.
  /// - Throws: When no report can be built: the ledger cannot be read (``LedgerError``), the
  ///   directory cannot be made.
  public func build(
    day: UTCDay, domain: DomainName? = nil, into directory: String
  ) throws -> [BuiltReport] {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    let schema = try ReportSchema()
    let tally = try Tally<AggregateReport.Record> { try RowKey.line(of: $0) }
    return try store.read { ledger in
      try plans(of: ledger.policies(in: day.window, policyDomain: domain), day).map { plan in
        let file = ReportFile(directory: directory, name: plan.fileName)
        do {
          return try build(plan, day, from: ledger, to: file, schema, tally)
        } catch {
          let problem = "\(error)"
          return BuiltReport(
            path: file.reject(problem), reportID: plan.metadata.reportID,
            policyDomain: plan.policy.domain, messages: plan.messages, rows: 0, problem: problem)
        }
      }
    }
  }

  /// A report that is to be built.
  private struct Plan {
    let policy: AggregateReport.PolicyPublished
    let policyIDs: [Int64]
    let messages: Int
    let metadata: AggregateReport.Metadata
    let fileName: String
  }

  private func plans(of policies: [StoredPolicy], _ day: UTCDay) throws -> [Plan] {
    let groups = Dictionary(grouping: policies, by: AggregateReport.PolicyPublished.init)
    return
      try groups
      .sorted { left, right in left.key.words.lexicographicallyPrecedes(right.key.words) }
      .map { policy, members in
        let metadata = try metadata(of: policy, members, day)
        let parts = [
          settings.receiver.text, policy.domain.text, String(day.begin), String(day.end),
          metadata.reportID,
        ]
        return Plan(
          policy: policy, policyIDs: members.map(\.id),
          messages: members.reduce(0) { $0 + $1.messages }, metadata: metadata,
          fileName: parts.joined(separator: "!") + ".xml.gz")
      }
  }

  private func metadata(
    of policy: AggregateReport.PolicyPublished, _ members: [StoredPolicy], _ day: UTCDay
  ) throws -> AggregateReport.Metadata {
    let problems = Set(members.flatMap(\.record.problems)).sorted().joined(separator: "; ")
    return AggregateReport.Metadata(
      organization: ReportText.sanitized(settings.organization),
      email: ReportText.sanitized(settings.email),
      extraContact: settings.extraContact.map { ReportText.sanitized($0) },
      reportID: try reportID(of: policy, day), begin: day.begin, end: day.end,
      error: problems.isEmpty ? nil : ReportText.sanitized(problems, limit: 300),
      generator: ReportText.sanitized(settings.generator))
  }

  /// A hash of what makes the report this one and no other: unique over receivers, the same for
  /// the same report, and made of letters and digits, as file names want it (RFC 9990 section
  /// 3.5.1).
  private func reportID(of policy: AggregateReport.PolicyPublished, _ day: UTCDay) throws -> String
  {
    let identity = [settings.receiver.text, String(day.begin), String(day.end)] + policy.words
    guard let digest = LibOpenSSL.sha256(Array(identity.joined(separator: "\n").utf8)) else {
      throw ReportError.noHash
    }
    return String(digest.prefix(32))
  }

  private func build(
    _ plan: Plan, _ day: UTCDay, from ledger: any LedgerSnapshot, to file: ReportFile,
    _ schema: ReportSchema, _ tally: Tally<AggregateReport.Record>
  ) throws -> BuiltReport {
    try tally.forget()
    let assembler = RowAssembler(policy: plan.policy)
    try ledger.reportableMessages(ofPolicies: plan.policyIDs, in: day.window) { message in
      try tally.add(assembler.record(of: message))
    }
    var rows = 0
    try file.write { sink in
      let xml = try ReportXML(sink: sink)
      try xml.begin(plan.metadata, plan.policy)
      try tally.drain { line, count in
        try xml.write(try RowKey.record(of: line), count: count)
        rows += 1
      }
      try xml.end()
    }
    try verify(plan, rows, try schema.findings(inFile: file.temporaryPath))
    try file.publish()
    return BuiltReport(
      path: file.path, reportID: plan.metadata.reportID, policyDomain: plan.policy.domain,
      messages: plan.messages, rows: rows, problem: nil)
  }

  /// Compares what the file says with what the ledger counted by itself.
  private func verify(_ plan: Plan, _ rows: Int, _ findings: ReportSchema.Findings) throws {
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
  case cannotWrite(path: String, reason: String)

  var description: String {
    switch self {
    case .refused(let problems): problems.joined(separator: "; ")
    case .noHash: "libcrypto refuses SHA-256; is it configured to?"
    case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
    }
  }
}

/// How rows are written out for counting, and ordered: by address, then From domain, then the rest.
enum RowKey {
  static func line(of record: AggregateReport.Record) throws
    -> Tally<AggregateReport.Record>.Line
  {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let address = IPAddress(record.sourceIP)?.bytes ?? []
    let digits = address.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return Tally.Line(
      sortKey: "\(address.count < 16 ? 4 : 6) \(digits) \(record.headerFrom)",
      text: String(decoding: try encoder.encode(record), as: UTF8.self))
  }

  static func record(
    of line: Tally<AggregateReport.Record>.Line
  ) throws -> AggregateReport.Record {
    try JSONDecoder().decode(AggregateReport.Record.self, from: Data(line.text.utf8))
  }
}
