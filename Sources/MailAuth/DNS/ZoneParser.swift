import Yams

/// Reads the YAML form of a zone; collects every problem instead of stopping at the first.
struct ZoneParser {
  /// How a list element or a record's data says that questions fail.
  private static let failureWords: [String: DNSOutcome] = [
    "TIMEOUT": .timeout, "SERVFAIL": .servfail, "REFUSED": .refused, "BOGUS": .bogus,
    "NXDOMAIN": .nxdomain,
  ]
  private static let allowedTypes = "A, AAAA, MX, PTR, TXT, SPF, CNAME"
  private static let allowedWords = "TIMEOUT, SERVFAIL, REFUSED, BOGUS, NXDOMAIN"

  private var owners: [String: ZoneOwner] = [:]
  private var problems: [ZoneError.Problem] = []

  /// Parses one document.
  static func parse(_ yaml: String, source: String) throws(ZoneError) -> [String: ZoneOwner] {
    var parser = ZoneParser()
    do {
      parser.read(try compose(yaml: yaml))
    } catch {
      parser.problems.append(Self.problem(of: error))
    }
    guard parser.problems.isEmpty else {
      throw ZoneError(source: source, problems: parser.problems)
    }
    return parser.owners
  }

  private static func problem(of error: any Error) -> ZoneError.Problem {
    switch error {
    case YamlError.scanner(_, let problem, let mark, _),
      YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _):
      .init(line: mark.line, text: "not YAML: \(problem)")
    case YamlError.duplicatedKeysInMapping(let keys, let context):
      .init(
        line: context.mark.line,
        text:
          "listed twice: \(keys.sorted().joined(separator: ", ")) (one list takes all records)")
    default:
      .init(text: "not YAML: \(error)")
    }
  }

  private mutating func read(_ root: Node?) {
    guard let root, var zone = root.mapping else {
      note("a zone is a mapping of owner names to lists of {TYPE: data}", at: root)
      return
    }
    if let inner = root["zonedata"], inner.sequence == nil {
      guard let mapping = inner.mapping else {
        note("zonedata must be a mapping of owner names to lists of {TYPE: data}", at: inner)
        return
      }
      zone = mapping
    }
    for (key, value) in zone { readOwner(key, value) }
  }

  private mutating func readOwner(_ key: Node, _ value: Node) {
    guard let text = key.scalar?.string, let name = Self.name(text) else {
      note("not a domain name: \((key.scalar?.string ?? "").utf8.printable())", at: key)
      return
    }
    guard let elements = value.sequence else {
      note(
        "expected a list of {TYPE: data} (types: \(Self.allowedTypes); or \(Self.allowedWords))",
        at: value, owner: text)
      return
    }
    var reading = OwnerReading(owner: text)
    for element in elements {
      if let word = element.scalar?.string {
        if let failure = Self.failureWords[word] {
          reading.result.failure = failure
        } else {
          note(
            "unknown word \(word.utf8.printable()) (allowed: \(Self.allowedWords), or {TYPE: data})",
            at: element, owner: text)
        }
      } else if let records = element.mapping {
        for (type, data) in records { readRecord(type, data, into: &reading) }
      } else {
        note("expected {TYPE: data} (types: \(Self.allowedTypes))", at: element, owner: text)
      }
    }
    finish(reading, at: key, name: name)
  }

  private mutating func readRecord(_ key: Node, _ data: Node, into reading: inout OwnerReading) {
    let type = key.scalar?.string ?? ""
    guard type == "SPF" || type == "CNAME" || DNSRecordType(rawValue: type) != nil else {
      note(
        "unknown type \(type.utf8.printable()) (allowed: \(Self.allowedTypes))", at: key,
        owner: reading.owner)
      return
    }
    let word = data.scalar.flatMap { $0.style == .plain ? $0.string : nil }
    if let word, let failure = Self.failureWords[word] {
      // Nothing asks for type SPF (RFC 7208 section 3.1), so its failure is seen by nobody.
      if let asked = DNSRecordType(rawValue: type) { reading.result.failures[asked] = failure }
      if type == "TXT" { reading.listsText = true }
    } else if word == "NONE" {
      if type == "TXT" { reading.listsText = true }
      if let asked = DNSRecordType(rawValue: type) { reading.result.empty.insert(asked) }
    } else if type == "CNAME" {
      readAlias(data, into: &reading)
    } else if let record = record(type, data, owner: reading.owner) {
      reading.add(record, type: type)
    }
  }

  private mutating func readAlias(_ data: Node, into reading: inout OwnerReading) {
    guard let target = data.scalar.flatMap({ Self.name($0.string) }) else {
      note("CNAME takes one domain name", at: data, owner: reading.owner)
      return
    }
    if reading.result.alias != nil {
      note("more than one CNAME", at: data, owner: reading.owner)
    }
    reading.result.alias = target
  }

  private mutating func record(_ type: String, _ data: Node, owner: String) -> DNSRecord? {
    switch type {
    case "A", "AAAA":
      if let address = data.scalar.flatMap({ IPAddress($0.string) }),
        address.isIPv4 == (type == "A")
      {
        return .address(address)
      }
      note("\(type) takes one \(type == "A" ? "IPv4" : "IPv6") address", at: data, owner: owner)
    case "PTR":
      if let name = data.scalar.flatMap({ Self.name($0.string) }) { return .ptr(name) }
      note("PTR takes one domain name", at: data, owner: owner)
    case "MX":
      if let record = Self.mailExchanger(data) { return record }
      note("MX takes [preference 0 to 65535, host]", at: data, owner: owner)
    default:
      if let strings = Self.strings(data) { return .txt(strings) }
      note("\(type) takes one string or a list of strings", at: data, owner: owner)
    }
    return nil
  }

  private static func mailExchanger(_ data: Node) -> DNSRecord? {
    guard let parts = data.sequence, parts.count == 2,
      let preference = parts[0].scalar.flatMap({ UInt16($0.string) }),
      let host = parts[1].scalar?.string
    else { return nil }
    // The null MX, published as "." (RFC 7505), has no name at all.
    if host.isEmpty || host == "." { return .mx(preference: preference, host: "") }
    return name(host).map { .mx(preference: preference, host: $0) }
  }

  private static func strings(_ data: Node) -> [[UInt8]]? {
    if let scalar = data.scalar {
      // `TXT:` with nothing behind it is a slip; an empty text is written `TXT: ""`.
      return scalar.style == .plain && scalar.string.isEmpty ? nil : [Array(scalar.string.utf8)]
    }
    guard let sequence = data.sequence else { return nil }
    let strings = sequence.compactMap { $0.scalar.map { Array($0.string.utf8) } }
    return strings.count == sequence.count ? strings : nil
  }

  /// The name as a question has it; nil when the DNS cannot hold it.
  private static func name(_ text: String) -> String? {
    let question = DNSQuestion(text, .a)
    return question.isValidName ? question.name : nil
  }

  private mutating func finish(_ reading: OwnerReading, at key: Node, name: String) {
    var owner = reading.result
    if !reading.listsText, !reading.legacyTexts.isEmpty {
      owner.records[.txt] = reading.legacyTexts
    }
    for type in DNSRecordType.allCases
    where owner.failures[type] != nil && owner.records[type] != nil {
      note("\(type.rawValue) has data and a failure (one of them)", at: key, owner: reading.owner)
    }
    if owner.alias != nil, !owner.records.isEmpty {
      note("CNAME beside other records (RFC 1034 section 3.6.2)", at: key, owner: reading.owner)
    }
    if owners.updateValue(owner, forKey: name) != nil {
      note("listed twice (one list takes all records)", at: key, owner: reading.owner)
    }
  }

  private mutating func note(_ text: String, at node: Node?, owner: String? = nil) {
    problems.append(.init(line: node?.mark?.line, owner: owner, text: text))
  }
}

/// One owner while its list is read.
private struct OwnerReading {
  let owner: String
  var result = ZoneOwner()
  /// Whether the list names TXT, be it with `NONE`.
  var listsText = false
  /// Records of type SPF, which stand for TXT when the list names none.
  var legacyTexts: [DNSRecord] = []

  mutating func add(_ record: DNSRecord, type: String) {
    if type == "SPF" {
      legacyTexts.append(record)
    } else if let asked = DNSRecordType(rawValue: type) {
      if asked == .txt { listsText = true }
      result.records[asked, default: []].append(record)
    }
  }
}
