import Foundation
import Logging
import MailAuth
import Milter
import Reports
import TestSupport
import Testing

@testable import plumbline

@Suite struct ConfigurationTests {
  private static let exampleFile = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../conf/plumbline.conf")

  private func load(
    _ text: String, in directory: TemporaryDirectory, hostName: String = "mx.host.example"
  ) throws -> Configuration {
    let path = try directory.write(text, to: "plumbline.conf")
    return try LoadedConfiguration(path: path, hostName: { hostName }).configuration
  }

  private func load(_ text: String, hostName: String = "mx.host.example") throws -> Configuration {
    try load(text, in: TemporaryDirectory(), hostName: hostName)
  }

  private func error(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func theExampleFileIsTheKeysOwnText() throws {
    if ProcessInfo.processInfo.environment["PLUMBLINE_UPDATE_GOLDEN"] != nil {
      try Data(ConfigurationText.example.utf8).write(to: Self.exampleFile)
    }
    #expect(try Data(contentsOf: Self.exampleFile) == Data(ConfigurationText.example.utf8))
    #expect(ConfigurationText.example.split(separator: "\n").allSatisfy { $0.utf8.count <= 100 })
  }

  @Test func theExampleGivesTheDefaults() throws {
    let defaults = try load("")
    #expect(try load(ConfigurationText.example) == defaults)
    // Also with the # taken from every key that has a default.
    let keys = ConfigurationKey.all.filter { $0.defaultValue != nil }.map { "#\($0.lastName) = " }
    let lines = ConfigurationText.example.split(separator: "\n").map { line in
      keys.contains { line.hasPrefix($0) } ? line.dropFirst() : line
    }
    let loaded = try load(lines.joined(separator: "\n"))
    #expect(loaded == defaults)
  }

  /// The values for keys without a default must be allowed, too.
  @Test func everyLineOfTheExampleIsAllowed() throws {
    for key in ConfigurationKey.all {
      let value = try #require(key.defaultValue ?? key.example, "\(key.name)")
      #expect(key.problems(in: value) == [], "\(key.name)")
      #expect((key.defaultValue == nil) == (key.defaultText != nil), "\(key.name)")
    }
  }

  @Test func defaultsAreAsDocumented() throws {
    let configuration = try load("")
    #expect(configuration.milter.socket == .unix(path: "/run/plumbline/plumbline.sock"))
    #expect(configuration.milter.serverSettings.socketMode == 0o660)
    #expect(configuration.milter.serverSettings.drainSeconds == 30)
    #expect(configuration.milter.authservID == "mx.host.example")
    #expect(configuration.milter.onFailure == .accept)
    #expect(configuration.milter.serverSettings.buffersConnections)
    #expect(configuration.milter.serverSettings.busyRate == 100)
    #expect(configuration.dns.resolverSettings == LiveResolverSettings())
    #expect(configuration.limits.deadlineSeconds == 20)
    #expect(configuration.dkim.partialBody == .policy)
    #expect(configuration.dkim.directKeyParsing)
    #expect(configuration.dmarc.discovery == .treewalk)
    #expect(
      configuration.verdictSettings
        == VerdictSettings(authservID: "mx.host.example", policy: LocalPolicy()))
    #expect(configuration.policy.enforcement == .off)
    #expect(configuration.policy.quarantineField.name == "X-Plumbline-Disposition")
    #expect(configuration.ledger.database == "/var/lib/plumbline/ledger.sqlite")
    #expect(configuration.report.organization == "mx.host.example")
    #expect(configuration.report.email == "postmaster@mx.host.example")
    #expect(configuration.report.receiver == DomainName("mx.host.example"))
    #expect(configuration.report.contact == nil)
    #expect(configuration.log.level == .info)
  }

  @Test func hostsWithoutADomainHaveNoReceiver() throws {
    let configuration = try load("", hostName: "vm")
    #expect(configuration.milter.authservID == "vm")
    #expect(configuration.report.receiver == nil)
    let named = try load("milter.authserv_id = 'MX.Example'", hostName: "vm")
    #expect(named.report.receiver == DomainName("mx.example"))
  }

  @Test func takesEveryKey() throws {
    let directory = try TemporaryDirectory()
    try directory.write("{}", to: "zone.yml")
    try directory.write("", to: "root.key")
    try directory.write("", to: "psl.dat")
    let configuration = try load(
      """
      [milter]
      socket = "inet6:8891@::1"
      socket_mode = "600"
      authserv_id = "auth.example"
      drain_seconds = 0
      skip_authenticated = false
      skip_loopback = false
      trusted_networks = ["::ffff:192.0.2.0/120", "2001:db8::1"]
      on_failure = "tempfail"
      buffered = false
      busy_rate = 7
      [dns]
      servers = ["127.0.0.1@5353"]
      timeout_seconds = 1.5
      zone_file = "zone.yml"
      trust_anchor_file = "root.key"
      cache_megabytes = 1
      [limits]
      deadline_seconds = 300
      header_bytes = 65536
      header_fields = 100
      [spf]
      max_void_lookups = 0
      [dkim]
      max_signatures = 50
      minimum_key_bits = 2048
      partial_body = "pass"
      direct_key_parsing = false
      [dmarc]
      discovery = "psl"
      public_suffix_list = "psl.dat"
      max_author_domains = 10
      [arc]
      trusted_sealers = ["Lists.Example.org"]
      [policy]
      enforce = "reject"
      quarantine_action = "hold"
      quarantine_field = "X-Junk: yes"
      reject_text = "no DMARC for {domain}"
      exempt_networks = ["::ffff:192.0.2.0/120"]
      spare_mailing_lists = false
      trusted_forwarders = ["2001:db8::1", "Alumni.example"]
      on_temperror = "tempfail"
      on_bad_from = "reject"
      [headers]
      received_spf = true
      [ledger]
      database = "data/../ledger.sqlite"
      [report]
      organization = "Ünï Mail"
      email = "dmarc@example.com"
      contact = "https://example.com"
      receiver = "example.com"
      enabled = false
      directory = "out"
      format = "rfc7489"
      formats = ["Old.example=rfc7489", "new.example=rfc9990"]
      to = "list"
      domains = ["Example.org"]
      settle_minutes = 0
      max_days_back = 3
      spread_minutes = 0
      max_per_destination_day = 7
      from = "reports@example.com"
      from_name = "Ünï reports"
      envelope_from = ""
      dkim_domain = "example.com"
      dkim_selector = "r1"
      dkim_key_file = "key.pem"
      transport = "smtp"
      sendmail = "bin/sendmail"
      sendmail_options = ["-C", "/etc/out"]
      smtp_host = "::1"
      smtp_port = 465
      smtp_tls = "implicit"
      smtp_user = "ann"
      smtp_password_file = "password"
      smtp_ca_file = "ca.pem"
      give_up_hours = 24
      bounces_before_suppression = 1
      suppression_days = 30
      [log]
      level = "trace"
      """, in: directory)
    let network = try #require(IPNetwork("192.0.2.0/24"))
    let address = try #require(IPNetwork("2001:db8::1"))
    #expect(
      configuration.milter
        == Configuration.Milter(
          socket: .inet6(port: 8891, host: "::1"), socketMode: 0o600, authservID: "auth.example",
          drainSeconds: 0, skipAuthenticated: false, skipLoopback: false,
          trustedNetworks: [network, address], onFailure: .tempfail,
          buffered: false, busyRate: 7))
    #expect(
      configuration.dns
        == Configuration.DNS(
          servers: ["127.0.0.1@5353"], timeoutSeconds: 1.5, zoneFile: directory.path("zone.yml"),
          trustAnchorFile: directory.path("root.key"), cacheMegabytes: 1))
    #expect(configuration.dns.resolverSettings.timeout == .milliseconds(1500))
    #expect(
      configuration.limits
        == Configuration.Limits(deadlineSeconds: 300, headerBytes: 65536, headerFields: 100))
    #expect(configuration.spf == Configuration.SPF(maxVoidLookups: 0))
    #expect(
      configuration.dkim
        == Configuration.DKIM(
          maxSignatures: 50, minimumKeyBits: 2048, partialBody: .pass, directKeyParsing: false))
    #expect(
      configuration.dmarc
        == Configuration.DMARC(
          discovery: .psl, publicSuffixList: directory.path("psl.dat"), maxAuthorDomains: 10))
    var policy = LocalPolicy()
    policy.enforcement = .reject
    policy.quarantineAction = .hold
    policy.quarantineField = try #require(QuarantineField("X-Junk: yes"))
    policy.rejectText = try #require(RejectText("no DMARC for {domain}"))
    policy.exemptNetworks = [network]
    policy.sparesMailingLists = false
    policy.trustedForwarders = [
      .network(address), .name(try #require(DomainName("alumni.example"))),
    ]
    policy.trustedSealers = [try #require(DomainName("lists.example.org"))]
    policy.onTemporaryError = .tempfail
    policy.onBadFrom = .reject
    #expect(
      configuration.verdictSettings
        == VerdictSettings(authservID: "auth.example", policy: policy, writesReceivedSPF: true))
    #expect(configuration.ledger.database == directory.path("ledger.sqlite"))
    try expectReportSettings(configuration.report, in: directory)
    #expect(configuration.log.level == .trace)
  }

  private func expectReportSettings(
    _ report: Configuration.Report, in directory: TemporaryDirectory
  ) throws {
    let old = try #require(DomainName("old.example"))
    let new = try #require(DomainName("new.example"))
    #expect(
      report
        == Configuration.Report(
          organization: "Ünï Mail", email: "dmarc@example.com", contact: "https://example.com",
          receiver: DomainName("example.com"), isEnabled: false, directory: directory.path("out"),
          format: .rfc7489, formats: [old: .rfc7489, new: .rfc9990], choice: .list,
          domains: [try #require(DomainName("example.org"))], settleMinutes: 0, maxDaysBack: 3,
          spreadMinutes: 0, maxPerDestinationDay: 7, from: "reports@example.com",
          fromName: "Ünï reports", envelopeFrom: nil, dkimDomain: DomainName("example.com"),
          dkimSelector: DomainName("r1"), dkimKeyFile: directory.path("key.pem"),
          transport: .smtp, sendmail: directory.path("bin/sendmail"),
          sendmailOptions: ["-C", "/etc/out"], smtpHost: "::1", smtpPort: 465, smtpTLS: .implicit,
          smtpUser: "ann", smtpPasswordFile: directory.path("password"),
          smtpCAFile: directory.path("ca.pem"), giveUpHours: 24, bouncesBeforeSuppression: 1,
          suppressionDays: 30))
  }

  @Test func reportsComeFromTheReceiverUnlessTheFileSaysOtherwise() throws {
    let report = try load("").report
    #expect(report.isEnabled)
    #expect(report.from == "noreply-dmarc@mx.host.example")
    #expect(report.fromName == "mx.host.example")
    #expect(report.envelopeFrom == "dmarc-bounce@mx.host.example")
    #expect(report.dkimDomain == DomainName("mx.host.example"))
    #expect(report.dkimKeyFile == nil)
    #expect(report.directory == "/var/lib/plumbline/reports")
    #expect(report.choice == .aligned)
    #expect(report.spreadMinutes == 60)
    #expect(report.giveUpHours == 48)
    let nameless = try load("", hostName: "vm").report
    #expect(nameless.from == nil)
  }

  @Test(arguments: [
    (
      "dkim_key_file = 'key.pem'",
      "2: report.dkim_key_file: needs a selector (allowed: together with report.dkim_selector)"
    ),
    (
      "transport = 'smtp'",
      "2: report.transport: \"smtp\" needs a server (allowed: together with report.smtp_host)"
    ),
    (
      "to = 'list'",
      "2: report.to: \"list\" needs domains (allowed: together with report.domains)"
    ),
    (
      "smtp_user = 'ann'",
      "2: report.smtp_user: needs a password (allowed: together with report.smtp_password_file)"
    ),
  ])
  func refusesHalfAReportSetting(text: String, problem: String) throws {
    let directory = try TemporaryDirectory()
    let message = error { _ = try load("[report]\n\(text)\n", in: directory) }
    #expect(message == directory.path("plumbline.conf") + ":" + problem)
  }

  @Test func makesFileNamesAbsolute() throws {
    let directory = try TemporaryDirectory()
    let configuration = try load("milter.socket = 'local:run/x.sock'", in: directory)
    #expect(configuration.milter.socket == .unix(path: directory.path("run/x.sock")))
    let long = String(repeating: "d", count: 100)
    let problem = error { _ = try load("[milter]\nsocket = 'unix:\(long)'", in: directory) }
    let path = directory.path("plumbline.conf")
    #expect(problem?.hasPrefix("\(path):2: milter.socket: the socket has a path of ") == true)
  }

  @Test func needsTheSuffixListOnlyWhenItIsUsed() throws {
    _ = try load("[dmarc]\npublic_suffix_list = 'none.dat'")
    let directory = try TemporaryDirectory()
    let problem = error {
      _ = try load("dmarc.discovery = 'psl'\ndmarc.public_suffix_list = 'none.dat'", in: directory)
    }
    #expect(
      problem == directory.path("plumbline.conf") + ":2: dmarc.public_suffix_list: "
        + directory.path("none.dat")
        + " is not there or not readable (allowed: a file that can be read)")
  }

  @Test func sealingNeedsAKeyAndItsName() throws {
    let all = "seal_domain = 'A.Example'\nseal_selector = 's1'\nseal_key = 'arc.pem'\n"
    #expect(try load("[arc]\n" + all).sealing == nil)
    let sealing = try #require(
      try load("[arc]\nseal = true\nreseal_networks = ['::1']\n" + all).sealing)
    #expect(sealing.domain == DomainName("a.example"))
    #expect(sealing.fields.isEmpty)
    #expect(sealing.reseals(try #require(IPAddress("::1"))))
    #expect(!sealing.reseals(try #require(IPAddress("127.0.0.1"))))
    let problems = error { _ = try load("[arc]\nseal = true\nseal_selector = 's1'\n") }
    #expect(problems?.contains(":2: arc.seal: needs arc.seal_domain") == true)
    #expect(problems?.contains(":2: arc.seal: needs arc.seal_key") == true)
    #expect(problems?.contains("needs arc.seal_selector") == false)
  }

  @Test(arguments: [
    ("policy.enforce = 'yes'", "\"yes\" is not known"),
    ("policy.quarantine_field = 'Subject: spam'", "\"Subject: spam\" is no such field"),
    ("policy.reject_text = 'go away {domain}'", "\"go away {domain}\" lacks the word DMARC"),
    ("policy.reject_text = 'DMARC'", "\"DMARC\" lacks {domain}"),
    ("policy.reject_text = \"DMARC {domain}\\n250 ok\"", "is too long or not printable ASCII"),
    ("policy.trusted_forwarders = ['com']", "\"com\" is no network and no domain name"),
    ("arc.trusted_sealers = ['a@b.example']", "\"a@b.example\" is not a domain name"),
  ])
  func refusesPoliciesThatCannotBe(text: String, problem: String) {
    #expect(error { _ = try load(text) }?.contains(problem) == true)
  }

  @Test(arguments: [
    "\u{FEFF}[log]\nlevel = \"debug\"\n", "[log]\r\nlevel = \"debug\"\r\n",
    "\u{FEFF}[log]\r\n# c\r\nlevel = \"debug\" # d", "log = { level = 'debug' }",
    "log.level='debug'",
    " [ log ] # x\n\t'level' = 'debug'", "[\"log\"]\n\"level\" = \"\\u0064ebug\"",
  ])
  func readsTOMLInAllItsForms(text: String) throws {
    #expect(try load(text).log.level == .debug)
  }

  @Test func refusesFilesThatCannotBeRead() throws {
    let directory = try TemporaryDirectory()
    let missing = directory.path("missing.conf")
    #expect(
      error { _ = try Configuration.load(path: missing) }
        == "\(missing): cannot be read: No such file or directory")
    let path = directory.url.path
    #expect(
      error { _ = try Configuration.load(path: path) }
        == "\(path): cannot be read: Is a directory")
    let big = try directory.write(String(repeating: "# 56789\n", count: 1_310_720), to: "big.conf")
    #expect(
      error { _ = try Configuration.load(path: big) }
        == "\(big): the file is too large (allowed: up to 1048576 octets)")
    #expect(error { _ = try Configuration.load(path: "/dev/zero") }?.contains("too large") == true)
  }

  @Test func leavesMailAloneAsConfigured() throws {
    let milter = try load("milter.trusted_networks = ['192.0.2.0/24']").milter
    var start = MilterEnvelopeStart(clientAddress: nil, helo: [], mailFrom: [])
    let trusted = try #require(IPAddress("::ffff:192.0.2.7"))
    let loopback = try #require(IPAddress("127.1.2.3"))
    let other = try #require(IPAddress("198.51.100.1"))
    #expect(milter.skips(start, from: trusted))
    #expect(milter.skips(start, from: loopback))
    #expect(!milter.skips(start, from: other))
    start.authenticatedName = "alice"
    #expect(milter.skips(start, from: other))
    let strict = try load("milter = { skip_authenticated = false, skip_loopback = false }").milter
    #expect(!strict.skips(start, from: loopback))
  }

  @Test func showsValuesAndWhereTheyComeFrom() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("[ledger]\n\ndatabase = 'l.sqlite'\n", to: "c.conf")
    let loaded = try LoadedConfiguration(path: path, hostName: { "mx.example.com" })
    let lines = ConfigurationText.effective(loaded, path: path).split(separator: "\n")
    #expect(lines.count == ConfigurationKey.all.count)
    #expect(lines.contains("ledger.database = \"\(directory.path("l.sqlite"))\"  # \(path):3"))
    #expect(lines.contains("dns.timeout_seconds = 5  # default"))
    #expect(
      lines.contains("milter.authserv_id = \"mx.example.com\"  # default: the host's full name"))
  }

  @Test func theMarkdownTableHasEveryKey() {
    let rows = ConfigurationText.markdownTable.split(separator: "\n")
    #expect(rows.count == ConfigurationKey.all.count + 2)
    for (row, key) in zip(rows.dropFirst(2), ConfigurationKey.all) {
      #expect(row.hasPrefix("| `\(key.name)` | \(key.typeText) | "))
    }
  }

  @Test func theCommandsPrintWhatTheyShould() throws {
    let example = try Program(Program.plumblinePath, ["config", "example"]).result()
    #expect(example.status == 0 && example.output == ConfigurationText.example)
    let directory = try TemporaryDirectory()
    let path = try directory.write("ledger.database = 'l.sqlite'\n", to: "empty.conf")
    let check = try Program(Program.plumblinePath, ["config", "check", "--config", path]).result()
    #expect(check.status == 0 && check.output == "\(path): OK\n")
    let show = try Program(Program.plumblinePath, ["config", "show", "--config", path]).result()
    #expect(show.status == 0 && show.output.contains("log.level = \"info\"  # default\n"))
  }

  @Test func warnsOfDirectoriesThatAreNotThere() throws {
    let directory = try TemporaryDirectory()
    try directory.write("", to: "file")
    let path = try directory.write(
      "[milter]\nsocket = 'unix:file/s'\n[ledger]\ndatabase = 'missing/l.sqlite'\n", to: "c.conf")
    let check = try Program(Program.plumblinePath, ["config", "check", "--config", path]).result()
    #expect(check.status == 0 && check.output == "\(path): OK\n")
    let folder = directory.url.path
    #expect(
      check.errors == """
        \(path):2: milter.socket: warning: \(folder)/file is not a directory; name another place
        \(path):4: ledger.database: warning: the directory \(folder)/missing does not exist; create \
        it, writable for the user of the milter, before it starts

        """)
    let both = try directory.write(
      "milter.socket = 'unix:s'\nledger.database = 'l.sqlite'\n", to: "good.conf")
    let good = try Program(Program.plumblinePath, ["config", "check", "--config", both]).result()
    #expect(good.status == 0 && good.errors == "")
  }
}
