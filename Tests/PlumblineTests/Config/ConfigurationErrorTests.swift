import Foundation
import TestSupport
import Testing

@testable import plumbline

@Suite struct ConfigurationErrorTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden")

  /// Each of the two files has a text file beside it with the whole error output.
  @Test(arguments: ["broken", "broken-syntax"])
  func reportsEverythingInOneRun(name: String) throws {
    let directory = try TemporaryDirectory()
    let input = try String(
      contentsOf: Self.golden.appending(path: name + ".conf"), encoding: .utf8)
    let path = try directory.write(input, to: name + ".conf")
    let command = try Program(Program.plumblinePath, ["config", "check", "--config", path])
    let result = try command.result()
    let expected = Self.golden.appending(path: name + ".txt")
    let output = result.errors.replacingOccurrences(of: directory.url.path, with: "DIR")
    if ProcessInfo.processInfo.environment["PLUMBLINE_UPDATE_GOLDEN"] != nil {
      try output.write(to: expected, atomically: true, encoding: .utf8)
    }
    #expect(try output == String(contentsOf: expected, encoding: .utf8))
    #expect(result.status == 78)
    #expect(result.output == "")
  }

  private func problems(_ text: String) -> [String] { problems(Array(text.utf8)) }

  private func problems(_ octets: [UInt8]) -> [String] {
    ConfigurationReader(octets, path: "f").problems.map(\.description)
  }

  /// For each key a value of a wrong type and values that are just not allowed.
  static let refused: [(String, [String])] = [
    ("milter.socket", ["1", "''", "'/run/x'", "'unix:'", "'inet:1'", "'inet:65536@h'", "'fd:x'"]),
    ("milter.socket_mode", ["0o660", "'0888'", "'1777'", "''", "'66'", "'rw'"]),
    (
      "milter.authserv_id",
      ["true", "''", "'a b'", "'a;b'", "'é'", "'\(String(repeating: "a", count: 256))'"]
    ),
    ("milter.drain_seconds", ["-1", "601", "1.5", "'1'"]),
    ("milter.skip_authenticated", ["1", "'true'"]),
    ("milter.skip_loopback", ["0", "[]"]),
    ("milter.trusted_networks", ["'192.0.2.1'", "['192.0.2.0/33']", "['mx.example']", "[1]"]),
    ("milter.on_failure", ["'reject'", "'Accept'", "true"]),
    ("milter.buffered", ["1", "'true'"]),
    ("milter.busy_rate", ["-1", "1000001", "'100'", "1.5"]),
    ("dns.servers", ["'::1'", "['[::1]:53']", "['127.0.0.1:53']", "['ns.example']", "['::1@0']"]),
    ("dns.timeout_seconds", ["0.99", "30.01", "'5'", "nan", "inf", "-1"]),
    ("dns.zone_file", ["''", "1", "['x']"]),
    ("dns.trust_anchor_file", ["''", "false"]),
    ("dns.cache_megabytes", ["0", "4097", "1.0"]),
    ("limits.deadline_seconds", ["0", "301", "20.0"]),
    ("limits.header_bytes", ["65535", "16777217", "'1M'"]),
    ("limits.header_fields", ["99", "100001", "[]"]),
    ("spf.max_void_lookups", ["-1", "51", "'2'"]),
    ("dkim.max_signatures", ["0", "51", "1e1"]),
    ("dkim.minimum_key_bits", ["1023", "4097", "'1024'"]),
    ("dkim.partial_body", ["'fail'", "''", "1"]),
    ("dkim.direct_key_parsing", ["1", "'true'"]),
    ("dmarc.discovery", ["'tree'", "'PSL'", "1"]),
    ("dmarc.public_suffix_list", ["''", "1"]),
    ("dmarc.max_author_domains", ["0", "11", "'3'"]),
    ("arc.trusted_sealers", ["'a.example'", "['a']", "['a@b.example']", "[1]"]),
    ("arc.seal", ["1", "'true'"]), ("arc.seal_domain", ["'com'", "['a.example']"]),
    ("arc.seal_selector", ["'a b'", "''", "1"]), ("arc.seal_key", ["''", "1"]),
    (
      "arc.seal_fields",
      [
        "'Subject'", "['']", "['a b']", "['Subject:']", "['Received']", "['arc-seal']",
        "['Authentication-Results']",
      ]
    ),
    ("arc.reseal_networks", ["'127.0.0.1'", "['mx.example']"]),
    ("policy.enforce", ["'on'", "true", "'Reject'"]),
    ("policy.quarantine_action", ["'discard'", "1"]),
    ("policy.quarantine_field", ["'Subject: x'", "'X-A'", "\"X-A: b\\nBcc: c\"", "1"]),
    ("policy.reject_text", ["'no {domain}'", "'DMARC'", "\"DMARC {domain}\\n\"", "1"]),
    ("policy.exempt_networks", ["'192.0.2.1'", "['mx.example']"]),
    ("policy.spare_mailing_lists", ["1", "'yes'"]),
    ("policy.trusted_forwarders", ["'192.0.2.1'", "['example']", "['192.0.2.0/33']", "[1]"]),
    ("policy.on_temperror", ["'reject'", "1"]),
    ("policy.on_bad_from", ["'tempfail'", "1"]),
    ("headers.received_spf", ["1", "'on'"]),
    ("ledger.database", ["''", "[]"]),
    ("ledger.commit_log", ["0", "'true'"]),
    ("ledger.capture", ["'all'", "true", "'Header'"]),
    ("ledger.capture_of", ["'none'", "''", "1"]),
    ("ledger.capture_kilobytes", ["15", "16385", "'64'"]),
    ("ledger.capture_days", ["0", "366", "'14'"]),
    ("report.organization", ["''", "' '", "\"a\\nb\"", "1"]),
    ("report.email", ["'nobody'", "'a@b@c'", "'@example.com'", "'a b@example.com'", "1"]),
    ("report.contact", ["''", "\"\\u0007\"", "1"]),
    ("report.receiver", ["'localhost'", "'a b.example'", "'.'", "1"]),
    ("report.enabled", ["1", "'yes'"]),
    ("report.directory", ["''", "1"]),
    ("report.format", ["'RFC9990'", "9990"]),
    ("report.formats", ["'a.example=rfc7489'", "['a.example']", "['a.example=7489']", "[1]"]),
    ("report.to", ["'none'", "''", "['all']"]),
    ("report.domains", ["'a.example'", "['example']", "[1]"]),
    ("report.settle_minutes", ["-1", "721", "'15'"]),
    ("report.max_days_back", ["0", "367"]),
    ("report.spread_minutes", ["-1", "721"]),
    ("report.max_per_destination_day", ["0", "100001"]),
    ("report.from", ["''", "'nobody'", "1"]),
    ("report.from_name", ["''", "\"a\\nb\""]),
    ("report.envelope_from", ["'nobody'", "'<>'", "1"]),
    ("report.dkim_domain", ["'example'", "1"]),
    ("report.dkim_selector", ["''", "'a b'", "1"]),
    ("report.dkim_key_file", ["''", "1"]),
    ("report.transport", ["'lmtp'", "1"]),
    ("report.sendmail", ["''", "1"]),
    ("report.sendmail_options", ["'-C /etc'", "['']", "[1]"]),
    ("report.smtp_host", ["''", "'a b'", "1"]),
    ("report.smtp_port", ["0", "65536", "'25'"]),
    ("report.smtp_tls", ["true", "'starttls'"]),
    ("report.smtp_user", ["''", "1"]),
    ("report.smtp_password_file", ["''", "1"]),
    ("report.smtp_ca_file", ["''", "1"]),
    ("report.give_up_hours", ["0", "241"]),
    ("report.bounces_before_suppression", ["0", "101"]),
    ("report.suppression_days", ["0", "3651"]),
    ("report.failure_reports", ["'yes'", "1"]),
    ("report.failure_per_domain_hour", ["0", "1001"]),
    ("report.failure_keep_subject", ["'no'", "0"]),
    ("report.failure_redaction_key_file", ["''", "1"]),
    ("log.level", ["'verbose'", "'INFO'", "3"]),
  ]

  @Test(arguments: refused)
  func refusesWhatAKeyDoesNotAllow(name: String, values: [String]) throws {
    let key = try #require(ConfigurationKey.all.first { $0.name == name })
    for value in values {
      let problems = problems("[\(key.table)]\n\n\(key.lastName) = \(value)\n")
      let problem = try #require(problems.first, "\(name) accepts \(value)")
      #expect(problem.hasPrefix("f:3: \(name): "), "\(problem)")
      #expect(problem.hasSuffix(" (allowed: \(key.allowed))"), "\(problem)")
      #expect(problems.count == 1)
    }
  }

  @Test func everyKeyIsTestedForWhatItRefuses() {
    #expect(Self.refused.map(\.0) == ConfigurationKey.all.map(\.name))
  }

  @Test(arguments: [
    ("[milter]\nsokcet = 1", "f:2: milter.sokcet: unknown key; did you mean milter.socket?"),
    ("[milter]\nservers = 1", "f:2: milter.servers: unknown key; did you mean dns.servers?"),
    ("milter.level = 1", "f:1: milter.level: unknown key; did you mean log.level?"),
    ("level = 1", "f:1: level: unknown key; did you mean log.level?"),
    ("arc.trusted = 1", "f:1: arc.trusted: unknown key; did you mean arc.trusted_sealers?"),
    ("[dsn]\na = 1\nb = 2", "f:1: dsn: unknown table; did you mean dns?"),
    ("[somewhere_else]", "f:1: somewhere_else: unknown table"),
    ("[dns]\n\n[dns.deeper]\nx = 1", "f:3: dns.deeper: unknown table"),
    ("\"a b\".c = 1", "f:1: \"a b\": unknown table"),
    ("[dns]\n\"\" = 1", "f:2: dns.\"\": unknown key"),
    ("dns = 3", "f:1: dns: must be a table, not an integer"),
    ("[[dns]]\nservers = []", "f:1: dns: must be a table, not an array"),
    (
      "[dns]\nservers.x = 1",
      "f:2: dns.servers: must be an array of strings, not a table"
        + " (allowed: \(ConfigurationKey.dnsServers.allowed))"
    ),
    (
      "dns = { servers = [], timeout_secs = 5 }",
      "f:1: dns.timeout_secs: unknown key; did you mean dns.timeout_seconds?"
    ),
  ])
  func namesTheUnknown(text: String, problem: String) {
    #expect(problems(text) == [problem])
  }

  @Test func findsTheLineOfEachElement() {
    let text = """
      [dns]
      # servers = "]"
      servers = [ # the first [
        "127.0.0.1", '::1@53',
        "ns.example",

        \"\"\"two
      lines\"\"\", "other.example" ]
      """
    #expect(problems(text).map { $0.prefix(5) } == ["f:5: ", "f:7: ", "f:8: "])
  }

  @Test func findsLinesBehindStringsThatSpanThem() {
    let text = """
      [report]
      organization = '''
      [dns]
      servers = 1 # '''
      contact = \"\"\" \\\"\"\" [log]
      \"\"\"\"\"
      "email" = 'x' # "
      """
    #expect(
      problems(text) == [
        "f:2: report.organization: has control characters in it (allowed: one line of text)",
        "f:5: report.contact: has control characters in it (allowed: one line of text)",
        "f:7: report.email: \"x\" is not a mail address"
          + " (allowed: a mail address, as postmaster@example.com)",
      ])
  }

  @Test func reportsDuplicates() {
    #expect(
      problems("[log]\nlevel = 'info'\nlevel = 'debug'\n[dns]\n[log]\n") == [
        "f:3: log.level: given twice, first in line 2", "f:5: log: given twice, first in line 1",
      ])
    #expect(
      problems("log.level = 'info'\nlog = { level = 'info' }\n").first?.hasPrefix("f:2: ") == true)
  }

  @Test func refusesWhatIsNoText() {
    #expect(problems([0x61, 0x0A, 0x23, 0xE9, 0x0A]) == ["f:2: not UTF-8"])
    #expect(problems([0xFF, 0xFE, 0x61, 0x00]) == ["f:1: control character 0x00"])
    #expect(problems([0xFF, 0xFE]) == ["f:1: not UTF-8"])
    #expect(problems("[log]\n# \u{0}\n") == ["f:2: control character 0x00"])
  }

  @Test func stopsAfterAHundredProblems() {
    let text = (1...1000).map { "key\($0) = = \($0)\n" }.joined()
    let problems = problems(text)
    #expect(problems.count == 101)
    #expect(problems.last == "f: further problems are not shown")
  }

  /// TOMLKit's parser aborts on these.
  @Test(arguments: [
    "[.a]", "[", "[ =", "[[", "[[ .x]]", "\u{A0}[,]", "\t[ {", "[#", "[\u{E9}]", "[\r",
    "[ \u{A0}x]",
  ])
  func refusesTablesWithoutAName(text: String) {
    #expect(problems("[dns]\n" + text).first?.hasPrefix("f:2:") == true)
  }

  /// Whatever the octets, reading ends, and never well when TOMLKit says no.
  @Test func readsAnything() {
    var generator = SystemRandomNumberGenerator()
    let pieces = [
      "[", "]", "[[", "[ ", "{", "}", "{}", "\"", "'", "\"\"\"", "\'\'\'", "=", ".", ",", "#", "\n",
      "\r\n", "\\", " ", "\t", "\u{A0}", "é", "-", "+", "e", "0x", "1", "99999999999999999999",
      "true",
      "inf", "1979-05-27", "'info'", "\"\\u00\"", "\"\\uD800\"", "[]", "dns", "servers", "log",
      "level",
      "[dns]\n", "[[dns]]\n", "[log]\n", "dns.a = 1\n", "a = {}\n", "a = [1, 'x']\n", "a.b.c = 1\n",
      "dns = { a = 1, log.level = '' }\n", "[a.b]\n", "servers = [[], {}]\n",
      "level = \"\"\"\\\n\"\"\"\n",
    ]
    let rounds = ProcessInfo.processInfo.environment["PLUMBLINE_FUZZ_ROUNDS"].flatMap { Int($0) }
    for _ in 0..<(rounds ?? 3000) {
      let count = Int.random(in: 0..<25, using: &generator)
      let text = (0..<count).compactMap { _ in pieces.randomElement(using: &generator) }.joined()
      let reader = ConfigurationReader(Array(text.utf8), path: "f")
      for problem in reader.problems where problem.key != nil {
        #expect(problem.line != nil, "\(text.debugDescription): \(problem)")
      }
    }
  }
}
