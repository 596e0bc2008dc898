extension ConfigurationKey {
  /// The keys of the table report that are about failure reports.
  static let failureReports = [
    reportFailureReports, reportFailurePerDomainHour, reportFailureKeepSubject,
    reportFailureRedactionKeyFile,
  ]

  static let reportFailureReports = ConfigurationKey(
    "report.failure_reports", .boolean, default: .boolean(false),
    help: "Tell domains that ask for it (ruf) about single messages that failed (RFC 9991), without"
      + " the body and with local parts replaced. Think of privacy first: such a report shows who"
      + " sends mail to your users, and where list mail is forwarded.")
  static let reportFailurePerDomainHour = ConfigurationKey(
    "report.failure_per_domain_hour", .integer(1...1000), default: .integer(10), unit: "reports",
    help: "How many failure reports are made about one policy domain in an hour. Alike failures go"
      + " into one report; what comes beyond is dropped.")
  static let reportFailureKeepSubject = ConfigurationKey(
    "report.failure_keep_subject", .boolean, default: .boolean(false),
    help: "Show the subject of the message in a failure report instead of a word that stands for"
      + " it; addresses in it are redacted all the same.")
  static let reportFailureRedactionKeyFile = ConfigurationKey(
    "report.failure_redaction_key_file", .path,
    default: .string("/var/lib/plumbline/redaction.key"),
    help: "The secret by which local parts are replaced, always by the same words; made with mode"
      + " 0600 when it does not exist. With it the words can be traced back, so keep it here.")
}
