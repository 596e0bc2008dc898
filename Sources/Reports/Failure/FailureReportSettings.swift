public import MailAuth

/// How failure reports are made.
public struct FailureReportSettings: Sendable, Equatable {
  /// The receiver, as in aggregate reports.
  public var receiver: DomainName
  /// Where to ask about reports.
  public var email: String
  /// The program and its version, `NAME/VERSION`.
  public var product: String
  /// How many reports are made about one policy domain in an hour, at least 1.
  ///
  /// Further incidents are dropped.
  public var perDomainHour = 10
  /// How old an incident may be, in seconds: a report about an older one helps nobody.
  public var maximumAgeSeconds: Int64 = 86_400

  /// Makes settings.
  public init(receiver: DomainName, email: String, product: String) {
    self.receiver = receiver
    self.email = email
    self.product = product
  }
}

/// What a run made of the incidents that waited.
public struct FailureReportSummary: Sendable, Equatable {
  /// Reports made.
  public var reports = 0
  /// Incidents in them.
  public var reported = 0
  /// Deliveries to be sent, now or after the destination has been verified.
  public var deliveries = 0
  /// Incidents given up, by the reason.
  public var dropped: [String: Int] = [:]

  /// Makes the summary of a run that found nothing.
  public init() {}
}
