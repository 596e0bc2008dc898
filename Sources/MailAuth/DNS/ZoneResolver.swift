import Foundation

/// A resolver that answers from a YAML zone file, without any network.
///
/// The file is a mapping, owner name to list of records, either as the whole document or under a
/// key `zonedata` (other keys beside it are ignored then):
///
///     example.com:
///       - TXT: v=spf1 mx -all
///       - MX: [10, mail.example.com]
///     mail.example.com:
///       - A: 192.0.2.1
///     slow.example.com:
///       - TIMEOUT
///
/// - `A`, `AAAA`, `PTR` and `CNAME` take one address or name, `MX` takes `[preference, host]`, `TXT`
///   one string or a list of character-strings. `SPF` stands for `TXT` where the owner lists no
///   `TXT`; `TXT: NONE` lists the type without a record and so blocks that. `TYPE: NONE` says of any
///   type that there is no record of it.
/// - `TIMEOUT`, `SERVFAIL`, `REFUSED`, `BOGUS` (DNSSEC) and `NXDOMAIN` as list elements end every
///   question for the owner so that no record listed answers; as `TYPE: TIMEOUT` they do so for one
///   type. In quotes these words and `NONE` are data like any other.
/// - A name not listed is NXDOMAIN, a listed one without the type asked for NODATA. Nothing is
///   inferred: neither wildcards nor names between listed ones exist. Where the owner `"*"` lists one
///   of the words above, every question that nothing else answers ends so instead.
/// - CNAMEs are followed up to ``maxAliases``; more, and loops, are SERVFAIL.
public struct ZoneResolver: Resolver {
  /// How many CNAMEs one question follows.
  public static let maxAliases = 8

  private let owners: [String: ZoneOwner]
  private let otherwise: DNSOutcome?

  /// Reads a zone from YAML text.
  ///
  /// - Parameters:
  ///   - yaml: One YAML document.
  ///   - source: What to call the text in errors, as a rule the file's path.
  /// - Throws: ``ZoneError`` with every problem of the text.
  public init(yaml: String, source: String) throws(ZoneError) {
    owners = try ZoneParser.parse(yaml, source: source)
    otherwise = owners["*"]?.failure
  }

  /// Reads a zone from a UTF-8 file.
  ///
  /// - Throws: ``ZoneError`` when the file cannot be read, or with every problem of its text.
  public init(contentsOf path: String) throws(ZoneError) {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw ZoneError(
        source: path, problems: [.init(text: "cannot be read: \(error.localizedDescription)")])
    }
    try self.init(yaml: text, source: path)
  }

  /// Knows everything.
  public func knownAnswer(_ question: DNSQuestion) -> DNSAnswer? {
    answer(question, deadline: nil)
  }

  /// Answers from the zone, at once.
  public func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    if let deadline, ContinuousClock.now >= deadline {
      return DNSAnswer(outcome: .timeout, detail: "the time for this message was up")
    }
    guard question.isValidName else { return DNSAnswer(outcome: .invalidName) }
    var name = question.name
    for _ in 0...Self.maxAliases {
      guard let owner = owners[name] else { return unlisted(.nxdomain) }
      if let records = owner.records[question.type] {
        return DNSAnswer(outcome: .answer, records: records)
      }
      if let failure = owner.failures[question.type] ?? owner.failure {
        return DNSAnswer(outcome: failure, detail: "listed so in the zone file")
      }
      if owner.empty.contains(question.type) { return DNSAnswer(outcome: .nodata) }
      guard let target = owner.alias else { return unlisted(.nodata) }
      name = target
    }
    return DNSAnswer(
      outcome: .servfail, detail: "more than \(Self.maxAliases) CNAMEs, or a loop of them")
  }
}

extension ZoneResolver {
  private func unlisted(_ outcome: DNSOutcome) -> DNSAnswer {
    guard let otherwise else { return DNSAnswer(outcome: outcome) }
    return DNSAnswer(outcome: otherwise, detail: "not listed in the zone file")
  }
}

/// What a zone lists under one name.
struct ZoneOwner: Equatable {
  /// Records by type; a type without records has no entry.
  var records: [DNSRecordType: [DNSRecord]] = [:]
  /// Types that are listed as having no record.
  var empty: Set<DNSRecordType> = []
  /// Types whose questions fail, and how.
  var failures: [DNSRecordType: DNSOutcome] = [:]
  /// How every other question fails; nil when it does not.
  var failure: DNSOutcome?
  /// The target of a CNAME.
  var alias: String?
}
