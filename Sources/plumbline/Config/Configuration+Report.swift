import MailAuth
import Reports

extension Configuration {
  /// Reports: who sends them, to whom, and how.
  struct Report: Sendable, Equatable {
    var organization: String
    var email: String
    var contact: String?
    /// Nil when it is not set and the authserv-id is not a domain.
    var receiver: DomainName?

    /// Whether reports leave this host.
    var isEnabled: Bool
    /// Where reports and mail on its way are kept.
    var directory: String
    var format: ReportFormat
    /// The form for destinations at these domains and below.
    var formats: [DomainName: ReportFormat]
    var choice: ReportChoice
    /// For ``ReportChoice/list``.
    var domains: [DomainName]
    var settleMinutes: Int
    var maxDaysBack: Int
    var spreadMinutes: Int
    var maxPerDestinationDay: Int

    /// The From address; nil when it is not set and there is no receiver.
    var from: String?
    var fromName: String
    /// The base of the reverse-paths; nil for the null reverse-path.
    var envelopeFrom: String?
    /// `d=`; nil when it is not set and there is no From address.
    var dkimDomain: DomainName?
    var dkimSelector: DomainName?
    /// Nil: not signed here.
    var dkimKeyFile: String?

    var transport: TransportChoice
    var sendmail: String
    var sendmailOptions: [String]
    var smtpHost: String?
    var smtpPort: Int
    var smtpTLS: SMTPTransport.Security
    var smtpUser: String?
    var smtpPasswordFile: String?
    var smtpCAFile: String?
    var giveUpHours: Int
    var bouncesBeforeSuppression: Int
    var suppressionDays: Int

    /// What decides where reports go.
    var planSettings: ReportPlanSettings {
      var settings = ReportPlanSettings()
      settings.isEnabled = isEnabled
      settings.recipients =
        switch choice {
        case .aligned: .aligned
        case .all: .all
        case .list: .domains(domains)
        }
      settings.format = format
      settings.formats = formats
      settings.dailyCap = maxPerDestinationDay
      settings.giveUpSeconds = Int64(giveUpHours) * 3600
      return settings
    }
  }
}

extension ConfigurationSettings {
  /// The settings of reports.
  func report(authservID: String) -> Configuration.Report {
    let receiver =
      optionalText(.reportReceiver).flatMap { DomainName($0) }
      ?? (ConfigurationChecks.domain(authservID) == nil ? DomainName(authservID) : nil)
    let organization = optionalText(.reportOrganization) ?? authservID
    let from = optionalText(.reportFrom) ?? receiver.map { "noreply-dmarc@\($0)" }
    let fromDomain = from?.split(separator: "@").last.flatMap { DomainName(String($0)) }
    // Given and empty is the null reverse-path.
    let envelopeFrom =
      optionalText(.reportEnvelopeFrom) ?? receiver.map { "dmarc-bounce@\($0)" } ?? ""
    return Configuration.Report(
      organization: organization,
      email: optionalText(.reportEmail) ?? "postmaster@" + (receiver?.text ?? authservID),
      contact: optionalText(.reportContact), receiver: receiver,
      isEnabled: boolean(.reportEnabled), directory: file(.reportDirectory),
      format: choice(.reportFormat), formats: formats, choice: choice(.reportTo),
      domains: texts(.reportDomains).compactMap { DomainName($0) },
      settleMinutes: integer(.reportSettleMinutes), maxDaysBack: integer(.reportMaxDaysBack),
      spreadMinutes: integer(.reportSpreadMinutes),
      maxPerDestinationDay: integer(.reportMaxPerDestinationDay), from: from,
      fromName: optionalText(.reportFromName) ?? organization,
      envelopeFrom: envelopeFrom.isEmpty ? nil : envelopeFrom,
      dkimDomain: optionalText(.reportDKIMDomain).flatMap { DomainName($0) } ?? fromDomain,
      dkimSelector: optionalText(.reportDKIMSelector).flatMap { DomainName($0) },
      dkimKeyFile: optionalFile(.reportDKIMKeyFile), transport: choice(.reportTransport),
      sendmail: file(.reportSendmail), sendmailOptions: texts(.reportSendmailOptions),
      smtpHost: optionalText(.reportSMTPHost), smtpPort: integer(.reportSMTPPort),
      smtpTLS: choice(.reportSMTPTLS), smtpUser: optionalText(.reportSMTPUser),
      smtpPasswordFile: optionalFile(.reportSMTPPasswordFile),
      smtpCAFile: optionalFile(.reportSMTPCAFile), giveUpHours: integer(.reportGiveUpHours),
      bouncesBeforeSuppression: integer(.reportBouncesBeforeSuppression),
      suppressionDays: integer(.reportSuppressionDays))
  }

  private var formats: [DomainName: ReportFormat] {
    let pairs = texts(.reportFormats).compactMap { text -> (DomainName, ReportFormat)? in
      let parts = text.split(separator: "=").map(String.init)
      guard parts.count == 2, let domain = DomainName(parts[0]),
        let format = ReportFormat(rawValue: parts[1])
      else { return nil }
      return (domain, format)
    }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  /// Settings that are of no use without another one.
  func halfSettings(path: String) -> [ConfigurationProblem] {
    var problems: [ConfigurationProblem] = []
    func need(_ other: ConfigurationKey, _ key: ConfigurationKey, _ problem: String) {
      problems.append(
        ConfigurationProblem(
          path: path, line: values[key.name]?.line, key: key.name, problem: problem,
          allowed: "together with \(other.name)"))
    }
    if optionalText(.reportDKIMKeyFile) != nil, optionalText(.reportDKIMSelector) == nil {
      need(.reportDKIMSelector, .reportDKIMKeyFile, "needs a selector")
    }
    if optionalText(.reportTransport) == TransportChoice.smtp.rawValue,
      optionalText(.reportSMTPHost) == nil
    {
      need(.reportSMTPHost, .reportTransport, "\"smtp\" needs a server")
    }
    if optionalText(.reportTo) == ReportChoice.list.rawValue, !isGiven(.reportDomains) {
      need(.reportDomains, .reportTo, "\"list\" needs domains")
    }
    if optionalText(.reportSMTPUser) != nil, optionalText(.reportSMTPPasswordFile) == nil {
      need(.reportSMTPPasswordFile, .reportSMTPUser, "needs a password")
    }
    let security = optionalText(.reportSMTPTLS)
    if optionalText(.reportSMTPUser) != nil,
      security == SMTPTransport.Security.none.rawValue
        || security == SMTPTransport.Security.opportunistic.rawValue
    {
      problems.append(
        ConfigurationProblem(
          path: path, line: values[ConfigurationKey.reportSMTPTLS.name]?.line,
          key: ConfigurationKey.reportSMTPTLS.name,
          problem: "a password is sent over verified TLS only",
          allowed: "\"required\" or \"implicit\" with report.smtp_user"))
    }
    return problems
  }

  private func isGiven(_ key: ConfigurationKey) -> Bool {
    if case .array(let elements) = values[key.name]?.value { !elements.isEmpty } else { false }
  }
}
