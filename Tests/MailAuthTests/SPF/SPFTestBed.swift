import Testing

@testable import MailAuth

/// A check with everything in it that a test does not care about.
struct SPFTestBed {
  var resolver: any Resolver
  var settings = SPFSettings()
  var identity = SPFIdentity.mailFrom
  var client = "192.0.2.1"
  var helo: [UInt8] = Array("mail.example.net".utf8)
  var mailFrom: [UInt8] = Array("user@example.com".utf8)

  init(resolver: any Resolver) { self.resolver = resolver }

  init(zone: String) throws { resolver = try ZoneResolver(yaml: zone, source: "test") }

  /// The check of example.com with one record.
  init(record: String, also zone: String = "") throws {
    try self.init(zone: "example.com:\n  - TXT: \"\(record)\"\n" + zone)
  }

  func check() throws -> SPFOutcome { try run().outcome }

  struct Run {
    var outcome: SPFOutcome
    var evidence: [DNSEvidence]
  }

  func run() throws -> Run {
    let resolver = CheckResolver(self.resolver, deadline: nil)
    let outcome = SPFCheck(settings: settings, resolver: resolver).check(
      identity: identity, client: try #require(IPAddress(client)), helo: helo,
      mailFrom: mailFrom, receivingHost: "mx.example", now: 1_700_000_000)
    return Run(outcome: outcome, evidence: resolver.evidence)
  }
}

/// A resolver that a closure answers.
struct ClosureResolver: Resolver {
  let reply: @Sendable (DNSQuestion) -> DNSAnswer

  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    reply(question)
  }
}

extension DNSAnswer {
  /// One TXT record.
  static func text(_ text: some Sequence<UInt8>) -> DNSAnswer {
    DNSAnswer(outcome: .answer, records: [.txt([Array(text)])])
  }
}

extension CheckResolver {
  /// What was asked so far, in order.
  var evidence: [DNSEvidence] {
    var list: [DNSEvidence] = []
    addEvidence(to: &list)
    return list
  }
}
