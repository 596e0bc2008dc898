import Reports

extension ConfigurationKey {
  /// The keys of the table report.
  static let report = [
    reportOrganization, reportEmail, reportContact, reportReceiver,
    reportEnabled, reportDirectory, reportFormat, reportFormats, reportTo, reportDomains,
    reportSettleMinutes, reportMaxDaysBack, reportSpreadMinutes, reportMaxPerDestinationDay,
    reportFrom, reportFromName, reportEnvelopeFrom,
    reportDKIMDomain, reportDKIMSelector, reportDKIMKeyFile,
    reportTransport, reportSendmail, reportSendmailOptions,
    reportSMTPHost, reportSMTPPort, reportSMTPTLS, reportSMTPUser, reportSMTPPasswordFile,
    reportSMTPCAFile,
    reportGiveUpHours, reportBouncesBeforeSuppression, reportSuppressionDays,
  ]

  // MARK: Who reports

  static let reportOrganization = ConfigurationKey(
    "report.organization", .text(check: ConfigurationChecks.line),
    defaultText: "authserv_id", allowed: "one line of text", example: .string("Example Mail"),
    help: "The organization that sends the reports (org_name, RFC 9990 section 3.1.1.3).")
  static let reportEmail = ConfigurationKey(
    "report.email", .text(check: ConfigurationChecks.mailbox), defaultText: "postmaster@receiver",
    allowed: "a mail address, as postmaster@example.com",
    example: .string("postmaster@example.com"),
    help: "Whom readers of a report can write to.")
  static let reportContact = ConfigurationKey(
    "report.contact", .text(check: ConfigurationChecks.line), defaultText: "none",
    allowed: "one line of text", example: .string("https://example.com/dmarc"),
    help: "Further contact information, such as a web page (extra_contact_info).")
  static let reportReceiver = ConfigurationKey(
    "report.receiver", .text(check: ConfigurationChecks.domain),
    defaultText: "authserv_id when that is a domain", allowed: "a domain name with a dot",
    example: .string("example.com"),
    help: "The domain of the mail receiver, the first part of a report's file name.")

  // MARK: What is built

  static let reportEnabled = ConfigurationKey(
    "report.enabled", .boolean, default: .boolean(true),
    help: "Whether reports leave this host. With false they are built and recorded, and go nowhere;"
      + " what waited to be sent before goes on waiting.")
  static let reportDirectory = ConfigurationKey(
    "report.directory", .path, default: .string("/var/lib/plumbline/reports"),
    help: "Where reports and mail on its way are kept; made when it does not exist.")
  static let reportFormat = ConfigurationKey(
    "report.format", .choice(ReportFormat.allCases.map(\.rawValue)), default: .string("rfc9990"),
    help: "The form of aggregate reports: RFC 9990, or RFC 7489 Appendix C.")
  static let reportFormats = ConfigurationKey(
    "report.formats", .texts(check: ConfigurationChecks.destinationFormat), default: .array([]),
    allowed: "DOMAIN=FORMAT, as \"example.net=rfc7489\"",
    help: "Another form for destinations at these domains and below them; the longest name"
      + " decides.")
  static let reportTo = ConfigurationKey(
    "report.to", .choice(ReportChoice.allCases.map(\.rawValue)), default: .string("aligned"),
    help: "Which policy domains get reports: those of which at least one message of the day passed"
      + " aligned, all that ask, or those in report.domains. With \"all\" every spammer decides to"
      + " whom you write.")
  static let reportDomains = ConfigurationKey(
    "report.domains", .texts(check: ConfigurationChecks.domain), default: .array([]),
    allowed: "domain names with a dot",
    help: "The policy domains of report.to = \"list\", and what lies below them.")
  static let reportSettleMinutes = ConfigurationKey(
    "report.settle_minutes", .integer(0...720), default: .integer(15), unit: "minutes",
    help: "How long after the end of a day its reports are built; until then mail that was under"
      + " way gets recorded.")
  static let reportMaxDaysBack = ConfigurationKey(
    "report.max_days_back", .integer(1...366), default: .integer(14), unit: "days",
    help: "How far back days are built that were not built in time; older ones are named when"
      + " reports are built, and only report build --day builds them.")

  // MARK: How it is sent

  static let reportSpreadMinutes = ConfigurationKey(
    "report.spread_minutes", .integer(0...720), default: .integer(60), unit: "minutes",
    help: "The time over which a run spreads its mail evenly; 0 sends at once.")
  static let reportMaxPerDestinationDay = ConfigurationKey(
    "report.max_per_destination_day", .integer(1...100_000), default: .integer(1000),
    unit: "reports",
    help: "How many reports one address gets in a UTC day; more are suppressed.")
  static let reportFrom = ConfigurationKey(
    "report.from", .text(check: ConfigurationChecks.mailbox),
    defaultText: "noreply-dmarc@receiver", allowed: "a mail address, as dmarc@example.com",
    example: .string("noreply-dmarc@example.com"),
    help: "The From address of report mail. The mail has to pass DMARC for its domain (RFC 9990"
      + " section 3.5). Mail from and to it is left out of reports.")
  static let reportFromName = ConfigurationKey(
    "report.from_name", .text(check: ConfigurationChecks.line), defaultText: "organization",
    allowed: "one line of text", example: .string("Example Mail DMARC reports"),
    help: "The name in front of the From address.")
  static let reportEnvelopeFrom = ConfigurationKey(
    "report.envelope_from", .text(check: ConfigurationChecks.mailboxOrEmpty),
    defaultText: "dmarc-bounce@receiver", allowed: "a mail address, or \"\" for the null sender",
    example: .string("dmarc-bounce@example.com"),
    help: "The reverse-path of report mail, to which bounces come; +TOKEN is added to its local"
      + " part, so that report bounce knows what came back. Mail from and to such addresses is"
      + " left out of reports.")
  static let reportDKIMDomain = ConfigurationKey(
    "report.dkim_domain", .text(check: ConfigurationChecks.domain),
    defaultText: "the domain of report.from", allowed: "a domain name with a dot",
    example: .string("example.com"),
    help: "The signing domain (d=) of report mail.")
  static let reportDKIMSelector = ConfigurationKey(
    "report.dkim_selector", .text(check: ConfigurationChecks.selector), defaultText: "none",
    allowed: "a DKIM selector, as reports2026", example: .string("reports2026"),
    help: "The selector (s=) of report mail; needed with report.dkim_key_file.")
  static let reportDKIMKeyFile = ConfigurationKey(
    "report.dkim_key_file", .path, defaultText: "none",
    example: .string("/etc/plumbline/dkim.pem"),
    help: "The private key in PEM with which report mail is signed, RSA or Ed25519; without it"
      + " your mail server has to sign.")
  static let reportTransport = ConfigurationKey(
    "report.transport", .choice(TransportChoice.allCases.map(\.rawValue)),
    default: .string("sendmail"),
    help: "How mail is handed over: to the sendmail program of the local mail server, or by SMTP.")
  static let reportSendmail = ConfigurationKey(
    "report.sendmail", .path, default: .string("/usr/sbin/sendmail"),
    help: "The sendmail program.")
  static let reportSendmailOptions = ConfigurationKey(
    "report.sendmail_options", .texts(check: ConfigurationChecks.line), default: .array([]),
    allowed: "options of the program, each a text",
    help: "Options for it in front of Plumbline's own, such as [\"-C\", \"/etc/postfix-out\"].")
  static let reportSMTPHost = ConfigurationKey(
    "report.smtp_host", .text(check: ConfigurationChecks.host), defaultText: "none",
    allowed: "a host name or address", example: .string("mail.example.com"),
    help: "The server for report.transport = \"smtp\".")
  static let reportSMTPPort = ConfigurationKey(
    "report.smtp_port", .integer(1...65535), default: .integer(587),
    help: "Its port.")
  static let reportSMTPTLS = ConfigurationKey(
    "report.smtp_tls", .choice(SMTPTransport.Security.allCases.map(\.rawValue)),
    default: .string("required"),
    help: "How the connection is protected: STARTTLS with a valid certificate or nothing is sent"
      + " (\"required\"), TLS from the start (\"implicit\", port 465), STARTTLS if it is offered,"
      + " whatever the certificate, or not at all.")
  static let reportSMTPUser = ConfigurationKey(
    "report.smtp_user", .text(check: ConfigurationChecks.line), defaultText: "none",
    allowed: "one line of text", example: .string("reports"),
    help: "The name to log in with; none without it.")
  static let reportSMTPPasswordFile = ConfigurationKey(
    "report.smtp_password_file", .path, defaultText: "none",
    example: .string("/etc/plumbline/smtp-password"),
    help: "The file whose first line is the password.")
  static let reportSMTPCAFile = ConfigurationKey(
    "report.smtp_ca_file", .path, defaultText: "the system's",
    example: .string("/etc/ssl/certs/ca-certificates.crt"),
    help: "The certificates in PEM by which the server's is checked.")
  static let reportGiveUpHours = ConfigurationKey(
    "report.give_up_hours", .integer(1...240), default: .integer(48), unit: "hours",
    help: "How long a report is tried to be delivered, or its destination to be verified.")
  static let reportBouncesBeforeSuppression = ConfigurationKey(
    "report.bounces_before_suppression", .integer(1...100), default: .integer(3), unit: "bounces",
    help: "How many reports have to come back from an address within 30 days until no more are"
      + " sent to it.")
  static let reportSuppressionDays = ConfigurationKey(
    "report.suppression_days", .integer(1...3650), default: .integer(90), unit: "days",
    help: "For how long.")
}

/// Which policy domains get reports, in the words of the configuration.
enum ReportChoice: String, Sendable, CaseIterable { case aligned, all, list }

/// How mail is handed over, in the words of the configuration.
enum TransportChoice: String, Sendable, CaseIterable { case sendmail, smtp }
