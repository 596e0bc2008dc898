import Foundation

/// Judges an aggregate report: its form by the schema that ships with the program, its contents by
/// the rules that a schema cannot express.
public final class ReportSchema {
  /// What was found in a report.
  public struct Findings: Sendable, Equatable {
    /// What breaks the schema, a sentence each, at most a few; empty when nothing does.
    public internal(set) var formProblems: [String] = []
    /// What is wrong although the schema accepts it, a sentence each; empty when nothing is.
    public internal(set) var contentProblems: [String] = []
    /// `policy_published/domain`.
    public internal(set) var policyDomain = ""
    /// `report_id`.
    public internal(set) var reportID = ""
    /// How many records there are.
    public internal(set) var records = 0
    /// The sum of their counts; what does not fit an integer is left out, and is a problem.
    public internal(set) var messages = 0

    /// All problems, those of the form first.
    public var problems: [String] { formProblems + contentProblems }
  }

  private let format: ReportFormat
  private let schema: XMLSchema

  /// Compiles the schema for reports of a form that ships with the program.
  ///
  /// - Throws: When libxml2 cannot compile it.
  public convenience init(_ format: ReportFormat = .rfc9990) throws {
    switch format {
    case .rfc9990:
      try self.init(format, octets: PackageResources.aggregate_report_rfc9990_xsd)
    case .rfc7489:
      try self.init(format, octets: PackageResources.aggregate_report_rfc7489_xsd)
    }
  }

  /// Compiles some schema for reports of a form.
  init(_ format: ReportFormat = .rfc9990, octets: [UInt8]) throws {
    self.format = format
    schema = try XMLSchema(octets)
  }

  /// Judges a file, XML or gzip-compressed XML.
  ///
  /// Memory does not grow with the file. Nothing is fetched and no entity expanded.
  ///
  /// - Parameter path: The file.
  /// - Returns: What was found; no problems when the report may be sent.
  /// - Throws: When the file cannot be read or uncompressed.
  public func findings(inFile path: String) throws -> Findings {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { closeAfterReading(file) }
    let source = try GzipReader(file)
    let reader = try XMLValidatingReader(schema: schema) { try source.read($0) }
    return try withExtendedLifetime(source) {
      try ReportCheck.findings(from: reader, as: format)
    }
  }
}

/// Closes a file that was only read: nothing can be lost, so nothing is to be said if it fails.
private func closeAfterReading(_ file: FileHandle) {
  try? file.close()
}
