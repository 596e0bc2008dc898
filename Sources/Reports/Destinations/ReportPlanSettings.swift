public import MailAuth

/// What decides where reports go, besides the records of the domains.
public struct ReportPlanSettings: Sendable, Equatable {
  /// Whether reports are sent at all.
  public var isEnabled = true
  /// Which policy domains get reports.
  public var recipients = ReportRecipients.aligned
  /// The form of aggregate reports.
  public var format = ReportFormat.rfc9990
  /// The form for destinations whose host is one of these or lies below it; the longest name
  /// decides.
  public var formats: [DomainName: ReportFormat] = [:]
  /// Reports to one address in one UTC day, at least 1; more are suppressed.
  public var dailyCap = 1_000
  /// Destinations of one report, at least 1; more are not considered.
  public var maximumDestinations = 10
  /// Seconds until a destination about which the DNS did not tell is asked about again.
  public var retrySeconds: Int64 = 1_800
  /// Seconds after which that is given up.
  public var giveUpSeconds: Int64 = 172_800

  /// Makes the default settings.
  public init() {}

  /// The form of an aggregate report for a host.
  public func format(for host: DomainName) -> ReportFormat {
    let matching = formats.filter { host.isEqualOrBelow($0.key) }
    return matching.max { $0.key.text.utf8.count < $1.key.text.utf8.count }?.value ?? format
  }

  /// The forms that a report to these destinations may be needed in.
  ///
  /// They are known before hosts are asked, because what a host names instead of a destination has
  /// to be at the same host.
  public func formats(for uris: [ReportURI]) -> Set<ReportFormat> {
    Set(uris.prefix(maximumDestinations).map { format(for: $0.host) })
  }
}
