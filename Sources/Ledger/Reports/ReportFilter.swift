public import MailAuth

/// Which reports to look at; what is nil does not restrict.
public struct ReportFilter: Sendable {
  /// Only reports whose period overlaps this one, seconds since the epoch.
  public var period: Range<Int64>?
  /// Only reports about this policy domain.
  public var policyDomain: DomainName?
  /// Only this report.
  public var reportID: String?
  /// Only reports of this kind.
  public var kind: StoredReport.Kind?

  /// Makes a filter.
  public init(
    period: Range<Int64>? = nil, policyDomain: DomainName? = nil, reportID: String? = nil,
    kind: StoredReport.Kind? = nil
  ) {
    self.period = period
    self.policyDomain = policyDomain
    self.reportID = reportID
    self.kind = kind
  }
}
