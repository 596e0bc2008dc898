public import Ledger
import MailAuth
import Reports

/// A scenario made up so that a receiver finds what was recorded of a message of which nothing else
/// was kept.
///
/// Names, addresses, policies and failures of the DNS are those of the record. Keys, SPF records and
/// the text of the message are not; what such a message cannot show is left as a comment.
public struct SyntheticScenario: Sendable {
  private let record: MessageRecord
  private let settings: [MessageCapture.Setting]

  /// Makes a scenario.
  ///
  /// - Parameters:
  ///   - record: What was recorded.
  ///   - settings: The settings of the receiver; those of the time are not known.
  public init(_ record: MessageRecord, settings: [MessageCapture.Setting]) {
    self.record = record
    self.settings = settings
  }

  /// Writes the file.
  ///
  /// - Parameter missing: ``LabDifference/subject`` of what the scenario does not find; nothing is
  ///   expected of that.
  /// - Returns: The file.
  public func text(without missing: Set<String> = []) -> String {
    let zone = SyntheticZone(record)
    let signing = SyntheticSigning(record.evaluation.dkim)
    var lines = CapturedScenario.title(
      record,
      [
        "MADE UP: nothing was kept of this message but its record (see ledger.capture). The SPF",
        "records, the keys and the text of the message are invented so that the results come out;",
        "envelope, policy, and what the DNS did not answer are as recorded. The settings are today's.",
      ])
    lines += ["time: \(UTCDay.timeText(record.receivedAt - signing.delay))"]
    lines += signing.keys + ["dns:"] + zone.lines(signing)
    lines += CapturedScenario.actors(
      record, clientName: record.envelope.clientName.flatMap { DomainName($0)?.text })
    lines += mail
    let hops = CapturedScenario.hops(record, settings)
    // Behind "hops:" itself.
    lines += hops.prefix(1) + signing.hops + hops.dropFirst()
    lines += ["expect:", "  receiver:"] + RecordedExpectations(record).lines(without: missing)
    return lines.map { $0 + "\n" }.joined()
  }

  private var mail: [String] {
    let evaluation = record.evaluation
    let path = record.envelope.mailFromDomain.map {
      "sender@" + String(decoding: $0, as: UTF8.self)
    }
    let authors = evaluation.authorDomains.map { "author@\($0)" }.joined(separator: ", ")
    let list = evaluation.flow.listIdentifier.map { ["    List-Id: <\(YAMLText.comment($0))>"] }
    return [
      "mail:", "  from: " + YAMLText.quoted(path ?? ""),
      "  to: " + YAMLText.list(CapturedScenario.recipients(record)), "  message: |2+",
    ] + (list ?? []) + (authors.isEmpty ? [] : ["    From: \(YAMLText.comment(authors))"]) + [
      "    Subject: made up", "", "    The text is not known.",
    ]
  }
}

/// Keys and hops that give signatures with the outcomes of recorded ones.
struct SyntheticSigning {
  /// The lines of `keys`.
  private(set) var keys: [String] = []
  /// The lines of the hops in front of the sending.
  private(set) var hops: [String] = []
  /// The name of the key by the owner name of its record.
  private(set) var owners: [String: String] = [:]
  /// How long the hops take, in seconds.
  private(set) var delay: Int64 = 0

  init(_ signatures: [DKIMOutcome]) {
    // The topmost signature was made last.
    let made = signatures.reversed().filter { outcome in
      DomainName(outcome.domain) != nil && DomainName(outcome.selector) != nil
    }
    var later: [String] = []
    var changes: Set<String> = []
    for outcome in made {
      let owner = "\(outcome.selector)._domainkey.\(outcome.domain)"
      let key = owners[owner] ?? "key\(owners.count + 1)"
      if owners.updateValue(key, forKey: owner) == nil {
        keys.append("  \(key): \(Self.kind(outcome))")
      }
      let more = outcome.cause == .expired ? ", expires: 1m" : ""
      let hop =
        "  - sign: {domain: \(YAMLText.quoted(outcome.domain)), "
        + "selector: \(YAMLText.quoted(outcome.selector)), key: \(key)\(more)}"
      switch outcome.cause {
      case .bodyHashMismatch: changes.insert("  - gateway: {disclaimer: Changed after signing.}")
      case .signatureMismatch: changes.insert("  - replace: {Subject: Changed after signing}")
      case .expired:
        delay = 86_400
        changes.insert("  - delay: 1d")
      default:
        later.append(hop)
        continue
      }
      hops.append(hop)
    }
    hops += changes.sorted() + later
    if !keys.isEmpty { keys.insert("keys:", at: 0) }
  }

  private static func kind(_ outcome: DKIMOutcome) -> String {
    if outcome.algorithm.hasPrefix("ed25519") { return KeyKind.ed25519.rawValue }
    return (outcome.keyBits == 1024 ? KeyKind.rsa1024 : .rsa2048).rawValue
  }
}

/// The DNS of a record, with something invented where data was answered that nobody kept.
struct SyntheticZone {
  private let record: MessageRecord

  init(_ record: MessageRecord) { self.record = record }

  /// The lines, indented by two blanks.
  func lines(_ signing: SyntheticSigning) -> [String] {
    var names: [String] = []
    var elements: [String: [String]] = [:]
    var seen: Set<DNSQuestion> = []
    for evidence in record.evaluation.dns {
      let question = DNSQuestion(evidence.name, evidence.type)
      guard question.isValidName, seen.insert(question).inserted else { continue }
      if elements[question.name] == nil { names.append(question.name) }
      elements[question.name, default: []].append(element(question, evidence.outcome, signing))
    }
    return names.flatMap { name in
      ["  \(YAMLText.quoted(name)):"] + (elements[name] ?? []).map { "    - \($0)" }
    } + ["  \"*\": [SERVFAIL]   # what was not asked then is not known"]
  }

  private func element(
    _ question: DNSQuestion, _ outcome: DNSOutcome, _ signing: SyntheticSigning
  ) -> String {
    let type = question.type.rawValue
    switch outcome {
    case .answer: break
    case .nodata, .invalidName: return "\(type): NONE"
    case .nxdomain, .servfail, .refused, .bogus, .timeout:
      return "\(type): \(outcome.rawValue.uppercased())"
    }
    switch question.type {
    case .a: return "A: 192.0.2.200   # invented"
    case .aaaa: return "AAAA: \"2001:db8::200\"   # invented"
    case .mx: return "MX: [10, mx.invalid]   # invented"
    case .ptr: return "PTR: host.invalid   # invented"
    case .txt: break
    }
    if let key = signing.owners[question.name] { return "KEY: \(key)" }
    let dmarc = record.evaluation.dmarc
    if let domain = dmarc.policyDomain, let text = dmarc.recordText,
      question.name == "_dmarc.\(domain)"
    {
      return "TXT: \(YAMLText.quoted(text))"
    }
    for spf in [record.evaluation.mailFromSPF, record.evaluation.heloSPF]
    where DomainName(spf.domain)?.text == question.name {
      if let text = policy(spf) { return "TXT: \(YAMLText.quoted(text))   # invented" }
    }
    return "TXT: not recorded"
  }

  /// An SPF record that gives the recorded result; nil where none would.
  private func policy(_ spf: SPFOutcome) -> String? {
    let client = record.envelope.clientAddress
    switch spf.result {
    case .pass: return "v=spf1 ip\(client.isIPv4 ? 4 : 6):\(client) -all"
    case .fail: return "v=spf1 -all"
    case .softfail: return "v=spf1 ~all"
    case .neutral: return "v=spf1 ?all"
    case .permerror: return "v=spf1 unknown-mechanism -all"
    case .temperror: return spf.failedName.map { "v=spf1 include:\($0) -all" }
    case .none: return nil
    }
  }
}
