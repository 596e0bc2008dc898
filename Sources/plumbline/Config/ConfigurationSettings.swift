import Foundation
import Logging
import MailAuth
import Milter

/// Checked values, turned into settings.
struct ConfigurationSettings {
  let values: [String: ConfiguredValue]
  /// What relative file names are relative to.
  let directory: String
  let hostName: String

  /// All of them together.
  ///
  /// - Throws: When the path of the socket is too long, now that it is absolute.
  func configuration() throws(MilterSocketAddressError) -> Configuration {
    let authservID = optionalText(.milterAuthservID) ?? hostName
    return Configuration(
      milter: try milter(authservID: authservID),
      dns: Configuration.DNS(
        servers: texts(.dnsServers), timeoutSeconds: number(.dnsTimeoutSeconds),
        zoneFile: optionalFile(.dnsZoneFile), trustAnchorFile: optionalFile(.dnsTrustAnchorFile),
        cacheMegabytes: integer(.dnsCacheMegabytes)),
      limits: Configuration.Limits(
        deadlineSeconds: integer(.limitsDeadlineSeconds), headerBytes: integer(.limitsHeaderBytes),
        headerFields: integer(.limitsHeaderFields)),
      spf: Configuration.SPF(maxVoidLookups: integer(.spfMaxVoidLookups)),
      dkim: Configuration.DKIM(
        maxSignatures: integer(.dkimMaxSignatures), minimumKeyBits: integer(.dkimMinimumKeyBits),
        partialBody: choice(.dkimPartialBody),
        directKeyParsing: boolean(.dkimDirectKeyParsing)),
      dmarc: Configuration.DMARC(
        discovery: choice(.dmarcDiscovery), publicSuffixList: file(.dmarcPublicSuffixList),
        maxAuthorDomains: integer(.dmarcMaxAuthorDomains)),
      policy: policy, sealing: sealing,
      headers: Configuration.Headers(receivedSPF: boolean(.headersReceivedSPF)),
      ledger: Configuration.Ledger(
        database: file(.ledgerDatabase), commitLog: boolean(.ledgerCommitLog), capture: capture),
      report: report(authservID: authservID), failureReports: failureReports,
      log: Configuration.Log(level: choice(.logLevel)))
  }

  private func milter(
    authservID: String
  ) throws(MilterSocketAddressError) -> Configuration.Milter {
    Configuration.Milter(
      socket: try MilterSocketAddress(parsing: text(.milterSocket), relativeTo: directory),
      socketMode: UInt32(text(.milterSocketMode), radix: 8) ?? 0,
      authservID: authservID, drainSeconds: integer(.milterDrainSeconds),
      skipAuthenticated: boolean(.milterSkipAuthenticated),
      skipLoopback: boolean(.milterSkipLoopback),
      trustedNetworks: texts(.milterTrustedNetworks).compactMap { IPNetwork($0)?.unmapped },
      onFailure: choice(.milterOnFailure), buffered: boolean(.milterBuffered),
      busyRate: integer(.milterBusyRate))
  }

  private var policy: LocalPolicy {
    var policy = LocalPolicy()
    policy.enforcement = choice(.policyEnforce)
    policy.quarantineAction = choice(.policyQuarantineAction)
    policy.quarantineField = QuarantineField(text(.policyQuarantineField)) ?? .standard
    policy.rejectText = RejectText(text(.policyRejectText)) ?? .standard
    policy.exemptNetworks = texts(.policyExemptNetworks).compactMap { IPNetwork($0)?.unmapped }
    policy.sparesMailingLists = boolean(.policySpareMailingLists)
    policy.trustedForwarders = texts(.policyTrustedForwarders).compactMap { TrustedForwarder($0) }
    policy.trustedSealers = texts(.arcTrustedSealers).compactMap { DomainName($0) }
    policy.onTemporaryError = choice(.policyOnTemperror)
    policy.onBadFrom = choice(.policyOnBadFrom)
    return policy
  }

  private func absolute(_ path: String) -> String {
    path.hasPrefix("/")
      ? path : URL(fileURLWithPath: directory).appendingPathComponent(path).standardizedFileURL.path
  }

  // MARK: Values, which the keys' own checks have made sure of

  func value(_ key: ConfigurationKey) -> ConfigurationValue? {
    values[key.name]?.value ?? key.defaultValue
  }

  func optionalText(_ key: ConfigurationKey) -> String? {
    if case .string(let text) = value(key) { text } else { nil }
  }

  func text(_ key: ConfigurationKey) -> String {
    guard let text = optionalText(key) else { preconditionFailure("\(key.name) has no text") }
    return text
  }

  func optionalFile(_ key: ConfigurationKey) -> String? { optionalText(key).map(absolute) }

  func file(_ key: ConfigurationKey) -> String { absolute(text(key)) }

  func choice<Choice: RawRepresentable<String>>(_ key: ConfigurationKey) -> Choice {
    guard let choice = Choice(rawValue: text(key)) else {
      preconditionFailure("\(key.name) allows a word that no setting has")
    }
    return choice
  }

  func integer(_ key: ConfigurationKey) -> Int {
    guard case .integer(let number) = value(key) else {
      preconditionFailure("\(key.name) has no integer")
    }
    return number
  }

  private func number(_ key: ConfigurationKey) -> Double {
    if case .number(let number) = value(key) { return number }
    return Double(integer(key))
  }

  func boolean(_ key: ConfigurationKey) -> Bool {
    guard case .boolean(let isTrue) = value(key) else {
      preconditionFailure("\(key.name) has no boolean")
    }
    return isTrue
  }

  func texts(_ key: ConfigurationKey) -> [String] {
    guard case .array(let values) = value(key) else { preconditionFailure("\(key.name): no array") }
    return values.compactMap { if case .string(let text) = $0 { text } else { nil } }
  }
}
