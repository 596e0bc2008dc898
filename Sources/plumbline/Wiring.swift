import Foundation
import Ledger
import Logging
import MailAuth
import Milter
import Reports

/// The parts that a configuration describes, made and connected.
///
/// Everything that can be wrong with a configuration beyond its text (a missing file, an unusable
/// database, a zone with errors) shows here, at the start, and never with the first mail.
struct Wiring {
  let configuration: Configuration

  /// A logger that writes to standard error.
  func logger() -> Logger {
    Logger(label: "plumbline") { _ in
      LineLogHandler(logLevel: configuration.log.level)
    }
  }

  /// The resolver: a zone file if one is configured, the DNS otherwise.
  func resolver() throws -> any Resolver {
    if let zoneFile = configuration.dns.zoneFile { return try ZoneResolver(contentsOf: zoneFile) }
    return try LiveResolver(configuration.dns.resolverSettings)
  }

  /// The evaluator on top of a resolver.
  func evaluator(_ resolver: any Resolver) throws -> Evaluator {
    try Evaluator(settings: try evaluatorSettings(), resolver: resolver)
  }

  /// How messages are evaluated.
  func evaluatorSettings() throws -> EvaluatorSettings {
    var settings = EvaluatorSettings(receivingHost: hostName)
    settings.spf = SPFSettings(maxVoidLookups: configuration.spf.maxVoidLookups)
    settings.dkim.maximumSignatures = configuration.dkim.maxSignatures
    settings.dkim.minimumKeyBits = configuration.dkim.minimumKeyBits
    settings.dkim.partialBody = configuration.dkim.partialBody
    settings.dkim.readsKeysDirectly = configuration.dkim.directKeyParsing
    settings.maximumHeaderBytes = configuration.limits.headerBytes
    settings.maximumHeaderFields = configuration.limits.headerFields
    settings.maximumAuthorDomains = configuration.dmarc.maxAuthorDomains
    settings.discovery = try configuration.dmarc.discovery.mode {
      let path = configuration.dmarc.publicSuffixList
      guard let list = PublicSuffixList(path: path) else {
        throw StartFailure(
          message: "dmarc.public_suffix_list: \(path) cannot be read as a public suffix list; "
            + "install the Debian package publicsuffix or name another file")
      }
      return list
    }
    return settings
  }

  /// The ledger, for writing or for reading only.
  func ledger(readOnly: Bool) throws -> SQLiteStore {
    var settings = SQLiteStore.Settings()
    settings.isReadOnly = readOnly
    return try SQLiteStore(path: configuration.ledger.database, settings: settings)
  }

  /// Who reports, out of which ledger.
  func reportSettings(_ ledger: SQLiteStore) throws -> ReportSettings {
    let report = configuration.report
    guard let receiver = report.receiver else {
      throw StartFailure(
        message: "report.receiver: not set, and milter.authserv_id is no domain name; set it")
    }
    return ReportSettings(
      receiver: receiver, organization: report.organization, email: report.email,
      extraContact: report.contact, generator: "Plumbline \(Plumbline.version)",
      ledgerIdentity: try ledger.identity())
  }

  /// What seals messages; nil when they are not sealed.
  ///
  /// - Throws: ``StartFailure`` when the key cannot be used.
  func sealer() throws -> ARCSealer? {
    guard let settings = configuration.sealing else { return nil }
    do throws(DKIMKeyError) {
      var sealer = ARCSealer(
        domain: settings.domain, selector: settings.selector,
        key: try DKIMPrivateKey(contentsOf: settings.keyFile))
      if !settings.fields.isEmpty { sealer.signedNames = ["From"] + settings.fields }
      return sealer
    } catch {
      throw StartFailure(message: "arc.seal_key: \(error)")
    }
  }

  /// How failure reports are prepared; nil when there are none.
  ///
  /// Makes the key for redaction when there is none yet.
  func failureCapture() throws -> FailureCapture.Settings? {
    let failures = configuration.failureReports
    guard failures.isEnabled else { return nil }
    let report = configuration.report
    let key = try RedactionKey(path: failures.redactionKeyFile)
    return FailureCapture.Settings(
      headerRedactor: HeaderRedactor(
        redactor: Redactor(key: key), keepsSubject: failures.keepsSubject),
      authservID: configuration.milter.authservID,
      ownAddresses: [report.email, report.from, report.envelopeFrom].compactMap { $0 })
  }

  /// This host's name, where the MTA gives none.
  var hostName: String { HostName.fullName() }
}

/// Something that keeps the program from starting although the configuration reads well; exit
/// status 78 (EX_CONFIG).
struct StartFailure: Error, CustomStringConvertible {
  let message: String
  var description: String { message }
}
