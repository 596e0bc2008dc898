import Foundation
import Ledger
import MailAuth
import Reports

/// The parts that look at reports and build them.
///
/// Nothing in here can send: that takes ``SendingParts``, which a dry run does not make.
struct ReportParts {
  let wiring: Wiring
  let store: SQLiteStore
  let archive: ReportArchive

  /// Opens the ledger.
  ///
  /// - Parameters:
  ///   - configuration: The settings.
  ///   - isReadOnly: Whether nothing may be changed.
  /// - Throws: ``StartFailure`` when the ledger cannot be used.
  init(_ configuration: Configuration, isReadOnly: Bool) throws {
    wiring = Wiring(configuration: configuration)
    let wiring = wiring
    store = try starting { try wiring.ledger(readOnly: isReadOnly) }
    archive = ReportArchive(directory: configuration.report.directory)
  }

  var settings: Configuration.Report { wiring.configuration.report }

  /// Builds files.
  func builder() throws -> ReportBuilder {
    try starting { ReportBuilder(store: store, settings: try wiring.reportSettings(store)) }
  }

  /// Decides where reports go.
  ///
  /// - Parameter keepsAnswers: Whether what the DNS says of destinations is kept in the ledger.
  /// - Returns: The planner.
  /// - Throws: ``StartFailure`` when the DNS cannot be asked as configured.
  func planner(keepsAnswers: Bool = true) throws -> ReportPlanner {
    let seconds = wiring.configuration.limits.deadlineSeconds
    let verifier = try starting {
      DestinationVerifier(
        resolver: try wiring.resolver(), discovery: try wiring.evaluatorSettings().discovery,
        store: store, keepsAnswers: keepsAnswers,
        deadline: { ContinuousClock.now.advanced(by: .seconds(seconds)) })
    }
    return ReportPlanner(settings: settings.planSettings, store: store, verifier: verifier)
  }

  /// Builds and records.
  func production() throws -> ReportProduction {
    ReportProduction(
      store: store, builder: try builder(), planner: try planner(),
      settings: settings.planSettings, archive: archive, now: currentTime)
  }

  /// Builds below another directory and only says where the reports would go.
  func previewProduction(in directory: String) throws -> ReportProduction {
    ReportProduction(
      store: store, builder: try builder(), planner: try planner(keepsAnswers: false),
      settings: settings.planSettings, archive: ReportArchive(directory: directory),
      now: currentTime)
  }

  /// Which days are to be built.
  func calendar() throws -> ReportCalendar {
    try internally {
      try ReportCalendar(
        store, now: currentTime(), settleSeconds: Int64(settings.settleMinutes) * 60,
        maximumDaysBack: settings.maxDaysBack)
    }
  }
}

/// The parts that send; made only by commands that are to do so.
struct SendingParts {
  let sender: ReportSender

  /// Makes them.
  ///
  /// - Throws: ``StartFailure`` when the configuration does not suffice for sending.
  init(_ parts: ReportParts) throws {
    let settings = parts.settings
    let transport = try Self.transport(settings, parts.wiring.hostName)
    let source = ReportSource(
      archive: parts.archive, builder: try parts.builder(), store: parts.store)
    let composer = ReportComposer(
      source: source, archive: parts.archive, settings: try Self.mailSettings(settings),
      signer: try Self.signer(settings))
    var schedule = RetrySchedule()
    schedule.giveUpSeconds = Int64(settings.giveUpHours) * 3600
    sender = ReportSender(
      store: parts.store, planner: try parts.planner(), transport: transport, composer: composer,
      schedule: schedule, now: currentTime)
  }

  private static func transport(
    _ settings: Configuration.Report, _ hostName: String
  ) throws -> any ReportTransport {
    var local = SendmailTransport.Settings(spoolDirectory: settings.directory + "/outgoing")
    local.path = settings.sendmail
    local.arguments = settings.sendmailOptions
    let sendmail = SendmailTransport(local)
    switch settings.transport {
    case .sendmail: return sendmail
    case .smtp:
      guard let host = settings.smtpHost, let port = UInt16(exactly: settings.smtpPort),
        let clientName = DomainName(hostName) ?? settings.receiver
      else { throw StartFailure(message: "report.smtp_host: not set; name the server") }
      var smtp = SMTPTransport.Settings(host: host, port: port, clientName: clientName)
      smtp.security = settings.smtpTLS
      smtp.authorityFile = settings.smtpCAFile
      smtp.user = settings.smtpUser
      smtp.passwordFile = settings.smtpPasswordFile
      return ChangedTransport(try starting { try SMTPTransport(smtp) }, after: sendmail)
    }
  }

  private static func mailSettings(
    _ settings: Configuration.Report
  ) throws -> ReportMailSettings {
    guard let receiver = settings.receiver, let text = settings.from else {
      throw StartFailure(
        message: "report.receiver: not set, and milter.authserv_id is no domain name; set it")
    }
    guard let from = MailAddress(text) else {
      throw StartFailure(message: "report.from: \(text) would need quotes; choose another one")
    }
    return ReportMailSettings(
      from: from, displayName: settings.fromName, receiver: receiver,
      contacts: [settings.email] + (settings.contact.map { [$0] } ?? []),
      envelopeSender: try settings.bounceAddress().map { .perDelivery($0) } ?? .null)
  }

  private static func signer(_ settings: Configuration.Report) throws -> DKIMSigner? {
    guard let path = settings.dkimKeyFile else { return nil }
    guard let domain = settings.dkimDomain, let selector = settings.dkimSelector else {
      throw StartFailure(message: "report.dkim_key_file: needs report.dkim_selector; set it")
    }
    let key = try starting { try DKIMPrivateKey(contentsOf: path) }
    return DKIMSigner(domain: domain, selector: selector, key: key)
  }
}

extension Configuration.Report {
  /// The reverse-paths of report mail; nil for the null reverse-path.
  ///
  /// - Throws: ``StartFailure`` when a token does not fit into the address.
  func bounceAddress() throws -> BounceAddress? {
    guard let envelopeFrom else { return nil }
    let addresses = MailAddress(envelopeFrom).map { BounceAddress($0) }
    guard let addresses, addresses.address(for: ReportPlanner.randomToken()) != nil else {
      throw StartFailure(
        message: "report.envelope_from: \(envelopeFrom) would need quotes or leaves no room for a"
          + " token; choose a shorter one")
    }
    return addresses
  }
}
