import Logging

/// The tables of the configuration file, in the order of the example file.
struct ConfigurationTable: Sendable {
  let name: String
  let help: String

  static let all = [
    ConfigurationTable(
      name: "milter", help: "How the milter is reached, and which mail it leaves alone."),
    ConfigurationTable(name: "dns", help: "Where DNS answers come from."),
    ConfigurationTable(name: "limits", help: "What one message may cost."),
    ConfigurationTable(name: "spf", help: "SPF evaluation (RFC 7208)."),
    ConfigurationTable(name: "dkim", help: "DKIM verification (RFC 6376)."),
    ConfigurationTable(name: "dmarc", help: "DMARC evaluation (RFC 9989)."),
    ConfigurationTable(name: "arc", help: "Authenticated Received Chains (RFC 8617)."),
    ConfigurationTable(
      name: "policy", help: "What is done with mail that fails DMARC; at first nothing."),
    ConfigurationTable(name: "headers", help: "What is written on messages."),
    ConfigurationTable(name: "ledger", help: "The record of every message."),
    ConfigurationTable(name: "report", help: "DMARC reports: who sends them, to whom, and how."),
    ConfigurationTable(name: "log", help: "What is logged."),
  ]
}

extension ConfigurationKey {
  /// Every key, grouped by table, in the order of the example file.
  static let all =
    [
      milterSocket, milterSocketMode, milterAuthservID, milterDrainSeconds, milterSkipAuthenticated,
      milterSkipLoopback, milterTrustedNetworks, milterOnFailure, milterBuffered, milterBusyRate,
      dnsServers, dnsTimeoutSeconds, dnsZoneFile, dnsTrustAnchorFile, dnsCacheMegabytes,
      limitsDeadlineSeconds, limitsHeaderBytes, limitsHeaderFields,
      spfMaxVoidLookups,
      dkimMaxSignatures, dkimMinimumKeyBits, dkimPartialBody, dkimDirectKeyParsing,
      dmarcDiscovery, dmarcPublicSuffixList, dmarcMaxAuthorDomains,
      arcTrustedSealers, arcSeal, arcSealDomain, arcSealSelector, arcSealKey, arcSealFields,
      arcResealNetworks,
      policyEnforce, policyQuarantineAction, policyQuarantineField, policyRejectText,
      policyExemptNetworks, policySpareMailingLists, policyTrustedForwarders, policyOnTemperror,
      policyOnBadFrom,
      headersReceivedSPF,
      ledgerDatabase, ledgerCommitLog,
    ] + capture + report + failureReports + [logLevel]

  // MARK: milter

  static let milterSocket = ConfigurationKey(
    "milter.socket", .text(check: ConfigurationChecks.socket),
    default: .string("unix:/run/plumbline/plumbline.sock"),
    allowed: "unix:/path, local:/path, inet:port@host, inet6:port@host, fd:N",
    help: "Where the mail server reaches the milter; in main.cf of Postfix the same place is"
      + " written unix:/path or inet:host:port. fd:N is a socket passed by systemd.")
  static let milterSocketMode = ConfigurationKey(
    "milter.socket_mode", .text(check: ConfigurationChecks.octalMode), default: .string("0660"),
    allowed: "an octal mode in quotes, \"0000\" to \"0777\"",
    help: "The permissions of a unix socket; the mail server must be able to write to it.")
  static let milterAuthservID = ConfigurationKey(
    "milter.authserv_id", .text(check: ConfigurationChecks.authservID),
    defaultText: "the host's full name",
    allowed: "a name of 1 to 255 letters, digits and . - _ / : @, as mx.example.com",
    example: .string("mx.example.com"),
    help: "The name under which Authentication-Results are written; fields of that name that come"
      + " from outside are removed (RFC 8601 section 5).")
  static let milterDrainSeconds = ConfigurationKey(
    "milter.drain_seconds", .integer(0...600), default: .integer(30), unit: "seconds",
    help: "How long a stopping milter waits for messages that are under way.")
  static let milterSkipAuthenticated = ConfigurationKey(
    "milter.skip_authenticated", .boolean, default: .boolean(true),
    help: "Leave mail of authenticated clients alone: it is our own users' outgoing mail.")
  static let milterSkipLoopback = ConfigurationKey(
    "milter.skip_loopback", .boolean, default: .boolean(true),
    help: "Leave mail from 127.0.0.0/8 and ::1 alone.")
  static let milterTrustedNetworks = ConfigurationKey(
    "milter.trusted_networks", .texts(check: ConfigurationChecks.network), default: .array([]),
    allowed: "addresses or ADDRESS/LENGTH, as \"192.0.2.0/24\" or \"2001:db8::/32\"",
    help: "Clients whose mail is left alone, such as our own relays.")
  static let milterOnFailure = ConfigurationKey(
    "milter.on_failure", .choice(["accept", "tempfail"]), default: .string("accept"),
    help: "What a message is answered when evaluation itself fails, through a fault of ours; never"
      + " used for failures of the DNS, which are results.")
  static let milterBuffered = ConfigurationKey(
    "milter.buffered", .boolean, default: .boolean(true),
    help: "Whether what libmilter reads and writes goes through buffers of Plumbline's. Results are"
      + " the same; false only makes it slower, and shows where a problem is if there ever is one."
      + " Takes effect at the next start.")
  static let milterBusyRate = ConfigurationKey(
    "milter.busy_rate", .integer(0...1_000_000), default: .integer(100),
    unit: "messages a second",
    help: "The rate from which connections that begin do without the answer to MAIL, which takes"
      + " less time altogether; 0 means always. With the answer, questions to the DNS start at MAIL,"
      + " mail that is left alone is not sent to the milter, and mail is refused at MAIL while the"
      + " milter stops. Without it, such mail is answered at its end, and what Postfix has not sent"
      + " yet when the milter stops gets Postfix's own answer. Takes effect at the next start.")

  // MARK: dns

  static let dnsServers = ConfigurationKey(
    "dns.servers", .texts(check: ConfigurationChecks.dnsServer), default: .array([]),
    allowed: "IPv4 or IPv6 addresses, each with @PORT if wanted, as \"127.0.0.1@5353\"",
    help: "The recursive resolvers to ask; empty means those of /etc/resolv.conf.")
  static let dnsTimeoutSeconds = ConfigurationKey(
    "dns.timeout_seconds", .number(1...30), default: .integer(5), unit: "seconds",
    help: "How long one DNS question may take before it counts as timed out.")
  static let dnsZoneFile = ConfigurationKey(
    "dns.zone_file", .path, defaultText: "none", example: .string("zone.yml"),
    help: "Answer from this YAML file and never ask the DNS; for demonstrations and tests.")
  static let dnsTrustAnchorFile = ConfigurationKey(
    "dns.trust_anchor_file", .path, defaultText: "none",
    example: .string("/usr/share/dns/root.key"),
    help: "Check DNSSEC with the anchors in this file; without it nothing is secure or bogus."
      + " Debian's package dns-root-data has one.")
  static let dnsCacheMegabytes = ConfigurationKey(
    "dns.cache_megabytes", .integer(1...4096), default: .integer(32), unit: "megabytes",
    help: "The memory that DNS answers may take.")

  // MARK: limits

  static let limitsDeadlineSeconds = ConfigurationKey(
    "limits.deadline_seconds", .integer(1...300), default: .integer(20), unit: "seconds",
    help: "How long one message's evaluation may take, DNS included; what is open then is"
      + " temperror. Keep it below the mail server's own milter timeout.")
  static let limitsHeaderBytes = ConfigurationKey(
    "limits.header_bytes", .integer(65536...16_777_216), default: .integer(2_097_152),
    unit: "octets",
    help: "How large a message's header may be; a larger one is not evaluated.")
  static let limitsHeaderFields = ConfigurationKey(
    "limits.header_fields", .integer(100...100_000), default: .integer(10_000), unit: "fields",
    help: "How many fields a message's header may have; a longer one is not evaluated.")

  // MARK: spf, dkim, dmarc

  static let spfMaxVoidLookups = ConfigurationKey(
    "spf.max_void_lookups", .integer(0...50), default: .integer(2), unit: "lookups",
    help: "How many DNS lookups of a check may find nothing before it is permerror"
      + " (RFC 7208 section 4.6.4).")
  static let dkimMaxSignatures = ConfigurationKey(
    "dkim.max_signatures", .integer(1...50), default: .integer(10), unit: "signatures",
    help: "How many signatures of a message are verified; the others are recorded as not"
      + " evaluated.")
  static let dkimMinimumKeyBits = ConfigurationKey(
    "dkim.minimum_key_bits", .integer(1024...4096), default: .integer(1024), unit: "bits",
    help: "RSA keys smaller than this are not accepted, neither for DKIM nor for ARC"
      + " (RFC 8301 section 3.2).")
  static let dkimPartialBody = ConfigurationKey(
    "dkim.partial_body", .choice(["policy", "pass"]), default: .string("policy"),
    help: "What a signature is worth whose l= leaves a part of the body unsigned: \"policy\" means"
      + " it does not pass. The same holds for the newest message signature of an ARC chain.")
  static let dkimDirectKeyParsing = ConfigurationKey(
    "dkim.direct_key_parsing", .boolean, default: .boolean(true),
    help: "Whether RSA keys of the usual form are read by Plumbline's own code instead of OpenSSL's"
      + " slow one. Results are the same; false only makes it slower, and shows where a problem is"
      + " if there ever is one.")
  static let dmarcDiscovery = ConfigurationKey(
    "dmarc.discovery", .choice(DiscoveryChoice.allCases.map(\.rawValue)),
    default: .string("treewalk"),
    help: "How policies and organizational domains are found: by the DNS tree walk of RFC 9989 or"
      + " by the public suffix list as in RFC 7489; \"compare\" acts on the tree walk and records"
      + " where the list would have given something else.")
  static let dmarcPublicSuffixList = ConfigurationKey(
    "dmarc.public_suffix_list", .path,
    default: .string("/usr/share/publicsuffix/public_suffix_list.dat"),
    help: "The public suffix list; it must exist when discovery is \"psl\" or \"compare\".")
  static let dmarcMaxAuthorDomains = ConfigurationKey(
    "dmarc.max_author_domains", .integer(1...10), default: .integer(3), unit: "domains",
    help: "How many domains of a From field with several authors are evaluated, each by itself;"
      + " the worst result counts. With more domains the first ones are evaluated, and unless one of"
      + " these fails under a policy that asks for something the message is permerror; see"
      + " policy.on_bad_from.")

  // MARK: ledger, log

  static let ledgerDatabase = ConfigurationKey(
    "ledger.database", .path, default: .string("/var/lib/plumbline/ledger.sqlite"),
    help: "The SQLite database with one record for each message; its directory must exist.")
  static let ledgerCommitLog = ConfigurationKey(
    "ledger.commit_log", .boolean, default: .boolean(true),
    help:
      "Whether a record first goes to a file beside the ledger, for which its message waits, and"
      + " from there into the database with the others of 20 milliseconds. With false a message waits"
      + " for a transaction of the database; it is as safe, and slower. Takes effect at the next"
      + " start.")
  static let logLevel = ConfigurationKey(
    "log.level", .choice(Logger.Level.allCases.map(\.rawValue)),
    default: .string("info"),
    help: "The least important messages that are logged.")
}
