public import Ledger

/// Where built reports lie: `DIRECTORY/DAY/FORMAT/NAME.xml.gz`, DAY being the first of the period.
public struct ReportArchive: Sendable, Equatable {
  /// The directory of all reports.
  public var directory: String

  /// Makes an archive; nothing is written here.
  public init(directory: String) { self.directory = directory }

  /// The directory of one period's reports in one form.
  public func directory(of period: Range<Int64>, _ format: ReportFormat) -> String {
    "\(directory)/\(UTCDay(containing: period.lowerBound))/\(format.rawValue)"
  }

  /// The directories for all forms.
  public func directories(of period: Range<Int64>) -> [ReportFormat: String] {
    Dictionary(
      ReportFormat.allCases.map { ($0, directory(of: period, $0)) },
      uniquingKeysWith: { first, _ in first })
  }

  /// The file of a report; it need not exist.
  public func path(of report: StoredReport, _ format: ReportFormat) -> String {
    directory(of: report.period, format) + "/" + BuiltReport.storedName(of: report.fileName)
  }
}
