extension Configuration {
  /// Failure reports: whether there are any, and what they may show.
  struct FailureReports: Sendable, Equatable {
    var isEnabled: Bool
    var perDomainHour: Int
    var keepsSubject: Bool
    var redactionKeyFile: String
  }
}

extension ConfigurationSettings {
  /// The settings of failure reports.
  var failureReports: Configuration.FailureReports {
    Configuration.FailureReports(
      isEnabled: boolean(.reportFailureReports),
      perDomainHour: integer(.reportFailurePerDomainHour),
      keepsSubject: boolean(.reportFailureKeepSubject),
      redactionKeyFile: file(.reportFailureRedactionKeyFile))
  }
}
