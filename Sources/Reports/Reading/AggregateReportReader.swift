import MailAuth

/// Reads an aggregate report of RFC 9990 or RFC 7489, or of their drafts, as it comes.
///
/// Refused is what cannot be believed: a document that is not well-formed or has text between its
/// elements, a report without sender, period or policy domain, and counts that are no numbers. All
/// else that is odd becomes one of the report's problems.
struct AggregateReportReader {
  private var report = ReadReport()
  private var problems = ReadingProblems()
  private var hasMetadata = false
  private var hasPolicy = false
  private var messages = 0
  // The elements and words that only one of the formats has.
  private var newSigns: [String] = []
  private var oldSigns: [String] = []

  /// Reads a report to its end.
  ///
  /// - Parameters:
  ///   - firstLine: The number of the first line.
  ///   - read: Gives the next octets, as many as it is asked for at most; none at the end.
  /// - Returns: The report.
  ///
  /// - Throws: ``UnreadableReport``, and what `read` throws.
  static func read(
    firstLine: Int = 1, _ read: @escaping (_ most: Int) throws -> [UInt8]
  ) throws -> ReadReport {
    do {
      var elements = try ReportElements(try XMLReader(firstLine: firstLine, read: read))
      var reader = AggregateReportReader()
      while let element = try elements.next() { try reader.take(element) }
      return try reader.finish(namespace: elements.namespace)
    } catch let damage as XMLDamage {
      let rule = damage.isWellFormed ? "" : "not well-formed XML: "
      throw UnreadableReport(line: damage.line, rule + damage.problem)
    }
  }

  private mutating func take(_ element: ReportElement) throws {
    switch element.name {
    case "version":
      report.version = ReportElements.trimmed(element.text)
      if report.version != "1.0" {
        problems.add(
          "the version is \"\(shown(element.text))\", where both formats have 1.0",
          line: element.line)
      }
    case "report_metadata":
      guard !hasMetadata else { return secondOne(element) }
      hasMetadata = true
      try takeMetadata(element)
    case "policy_published":
      guard !hasPolicy else { return secondOne(element) }
      hasPolicy = true
      try takePolicy(element)
    case "record":
      guard report.rows.count < ReadReport.maximumRows else {
        throw UnreadableReport(
          line: element.line, "the report has more than \(ReadReport.maximumRows) records")
      }
      try takeRecord(element)
    default: unknown(element)
    }
  }

  private mutating func takeMetadata(_ metadata: ReportElement) throws {
    report.organization = try required("org_name", in: metadata)
    report.email = text("email", in: metadata)
    report.extraContact = text("extra_contact_info", in: metadata)
    report.reportID = text("report_id", in: metadata)
    report.generator = text("generator", in: metadata)
    report.errors = metadata.children.filter { $0.name == "error" }
      .map { ReportElements.trimmed($0.text) }.filter { !$0.isEmpty }
    if report.generator != nil { newSigns.append("generator") }
    for name in ["email", "report_id"] where text(name, in: metadata)?.isEmpty != false {
      problems.add("there is no \(name)", line: metadata.line)
    }
    if report.reportID?.isEmpty == true { report.reportID = nil }
    guard let range = only("date_range", in: metadata) else {
      throw UnreadableReport(line: metadata.line, "there is no date_range")
    }
    report.begin = try seconds("begin", in: range)
    report.end = try seconds("end", in: range)
    if report.begin > report.end {
      problems.add("the period ends before it begins", line: range.line)
    }
    expect(
      [
        "org_name", "email", "extra_contact_info", "report_id", "generator", "error", "date_range",
      ], in: metadata)
  }

  private mutating func takePolicy(_ element: ReportElement) throws {
    var policy = ReadReport.Policy()
    policy.domain = try required("domain", in: element)
    if DomainName(policy.domain) == nil {
      problems.add(
        "the policy's domain \"\(shown(policy.domain))\" is no domain name", line: element.line)
    }
    policy.policy = word("p", of: ["none", "quarantine", "reject"], in: element)
    policy.subdomainPolicy = word("sp", of: ["none", "quarantine", "reject"], in: element)
    policy.nonexistentSubdomainPolicy = word(
      "np", of: ["none", "quarantine", "reject"], in: element)
    policy.dkimAlignment = word("adkim", of: ["r", "s"], in: element)
    policy.spfAlignment = word("aspf", of: ["r", "s"], in: element)
    policy.failureOptions = text("fo", in: element)
    policy.testing = word("testing", of: ["n", "y"], in: element)
    policy.discoveryMethod = word("discovery_method", of: ["psl", "treewalk"], in: element)
    if let share = text("pct", in: element) {
      policy.percentage = Int64(share)
      if !(0...100).contains(policy.percentage ?? -1) {
        problems.add("pct is \"\(shown(share))\", not 0 to 100", line: element.line)
      }
      oldSigns.append("pct")
    }
    for name in ["np", "testing", "discovery_method"] where text(name, in: element) != nil {
      newSigns.append(name)
    }
    if policy.policy == nil { problems.add("the policy has no p", line: element.line) }
    report.policy = policy
    expect(
      [
        "domain", "p", "sp", "np", "adkim", "aspf", "fo", "testing", "discovery_method", "pct",
      ], in: element)
  }

  private mutating func takeRecord(_ record: ReportElement) throws {
    guard let row = only("row", in: record) else {
      throw UnreadableReport(line: record.line, "a record has no row")
    }
    var result = ReadReport.Row(
      line: record.line, sourceIP: text("source_ip", in: row) ?? "", count: 0, reasons: [],
      headerFrom: "", dkimResults: [], spfResults: [])
    if IPAddress(result.sourceIP) == nil {
      problems.add("source_ip is no address", line: row.line)
    }
    result.count = try count(in: row)
    takeEvaluation(row, into: &result)
    takeIdentifiers(record, into: &result)
    if let results = only("auth_results", in: record) {
      for element in results.children {
        switch element.name {
        case "dkim": result.dkimResults.append(authResult(element))
        case "spf":
          let check = authResult(element)
          if check.scope == "helo" { Self.sign(&oldSigns, "scope helo") }
          result.spfResults.append(check)
        default: unknown(element)
        }
      }
    } else {
      problems.add("a record has no auth_results", line: record.line)
    }
    expect(["source_ip", "count", "policy_evaluated"], in: row)
    expect(["row", "identifiers", "identities", "auth_results"], in: record)
    report.rows.append(result)
  }

  private mutating func takeEvaluation(_ row: ReportElement, into result: inout ReadReport.Row) {
    guard let evaluated = only("policy_evaluated", in: row) else {
      return problems.add("a record has no policy_evaluated", line: row.line)
    }
    result.disposition = word(
      "disposition", of: ["none", "pass", "quarantine", "reject"], in: evaluated)
    result.dkim = word("dkim", of: ["pass", "fail"], in: evaluated)
    result.spf = word("spf", of: ["pass", "fail"], in: evaluated)
    for (name, value) in [
      ("disposition", result.disposition), ("dkim", result.dkim), ("spf", result.spf),
    ] where value == nil {
      problems.add("policy_evaluated has no \(name)", line: evaluated.line)
    }
    if result.disposition == "pass" { Self.sign(&newSigns, "disposition pass") }
    for element in evaluated.children where element.name == "reason" {
      let type = text("type", in: element) ?? ""
      if type.isEmpty { problems.add("a reason has no type", line: element.line) }
      if type == "policy_test_mode" { Self.sign(&newSigns, type) }
      if type == "forwarded" || type == "sampled_out" { Self.sign(&oldSigns, type) }
      result.reasons.append(
        ReadReport.Reason(type: type, comment: text("comment", in: element).nonEmpty))
      expect(["type", "comment"], in: element)
    }
    expect(["disposition", "dkim", "spf", "reason"], in: evaluated)
  }

  private mutating func takeIdentifiers(
    _ record: ReportElement, into result: inout ReadReport.Row
  ) {
    // "identities" is the word of early drafts.
    guard let identifiers = only("identifiers", in: record) ?? only("identities", in: record)
    else { return problems.add("a record has no identifiers", line: record.line) }
    result.headerFrom = text("header_from", in: identifiers) ?? ""
    result.envelopeFrom = text("envelope_from", in: identifiers)
    result.envelopeTo = text("envelope_to", in: identifiers).nonEmpty
    if DomainName(result.headerFrom) == nil {
      problems.add("header_from is no domain name", line: identifiers.line)
    }
    expect(["header_from", "envelope_from", "envelope_to"], in: identifiers)
  }

  private mutating func authResult(_ element: ReportElement) -> ReadReport.AuthResult {
    let isSPF = element.name == "spf"
    let kind = isSPF ? "SPF" : "DKIM"
    let given = (text("result", in: element) ?? "").asciiLowercased()
    let result = isSPF ? Self.oldSPFWords[given] ?? given : given
    let known =
      isSPF
      ? SPFResult(rawValue: result) != nil || result == "policy"
      : DKIMResult(rawValue: result) != nil
    if given.isEmpty {
      problems.add("a \(kind) result has no word", line: element.line)
    } else if result != given {
      problems.add("the old SPF word \(given) is read as \(result)", line: element.line)
    } else if !known {
      problems.add("the \(kind) word \"\(shown(given))\" is unknown", line: element.line)
    }
    expect(["domain", "result", "human_result", isSPF ? "scope" : "selector"], in: element)
    return ReadReport.AuthResult(
      domain: text("domain", in: element) ?? "",
      selector: isSPF ? nil : text("selector", in: element).nonEmpty,
      scope: isSPF ? text("scope", in: element)?.asciiLowercased().nonEmpty : nil,
      result: result, humanResult: text("human_result", in: element).nonEmpty)
  }

  /// What reporters wrote before RFC 7208's words, and in RFC 7489's own time.
  private static let oldSPFWords = [
    "unknown": "temperror", "error": "permerror", "hardfail": "fail",
  ]

  // MARK: - The end

  private mutating func finish(namespace: String) throws -> ReadReport {
    guard hasMetadata else { throw UnreadableReport("there is no report_metadata") }
    guard hasPolicy else { throw UnreadableReport("there is no policy_published") }
    if report.rows.isEmpty { problems.add("the report has no record", line: 1) }
    setForm(namespace)
    let base = DomainName(report.policy.domain)
    for row in report.rows {
      if let base, let author = DomainName(row.headerFrom), !author.isEqualOrBelow(base) {
        problems.add("header_from does not lie below the policy's domain", line: row.line)
      }
      if let problem = report.findings(of: row).contradiction {
        problems.add(problem, line: row.line)
      }
    }
    report.problems = problems.sentences
    return report
  }

  private mutating func setForm(_ namespace: String) {
    switch namespace {
    case ReportFormat.namespaceOfRFC9990: report.form = .rfc9990
    case _ where !ReportElements.namespaces.contains(namespace):
      report.form = .other
      problems.add("the namespace \"\(shown(namespace))\" is that of neither format", line: 1)
    default:
      // np is older than RFC 9990: RFC 9091 added it to RFC 7489.
      report.form =
        newSigns.contains { $0 != "np" } && oldSigns.isEmpty ? .rfc9990 : .rfc7489
      if report.form == .rfc9990 { problems.add("there is no namespace", line: 1) }
    }
    let strange = report.form == .rfc9990 ? oldSigns : report.form == .rfc7489 ? newSigns : []
    guard !strange.isEmpty else { return }
    let other = report.form == .rfc9990 ? "RFC 7489" : "RFC 9990"
    problems.add("some of it is as in \(other): \(strange.joined(separator: ", "))", line: 1)
  }

  private static func sign(_ signs: inout [String], _ sign: String) {
    if !signs.contains(sign) { signs.append(sign) }
  }

  // MARK: - Elements

  /// The first element of a name; a second one is a problem.
  private mutating func only(_ name: String, in parent: ReportElement) -> ReportElement? {
    let found = parent.children.filter { $0.name == name }
    if found.count > 1 { secondOne(found[1]) }
    return found.first
  }

  private mutating func secondOne(_ element: ReportElement) {
    problems.add("a second <\(shown(element.name))> is left out", line: element.line)
  }

  private mutating func unknown(_ element: ReportElement) {
    problems.add("<\(shown(element.name))> is not known", line: element.line)
  }

  private mutating func expect(_ names: Set<String>, in parent: ReportElement) {
    for child in parent.children where !names.contains(child.name) { unknown(child) }
  }

  /// The text of an element that is there once; nil when it is not.
  private mutating func text(_ name: String, in parent: ReportElement) -> String? {
    guard let element = only(name, in: parent) else { return nil }
    if element.isCut {
      problems.add(
        "<\(name)> is longer than \(ReadReport.longestText) octets and was cut", line: element.line)
    }
    return ReportElements.trimmed(element.text)
  }

  /// The text in lower case; nil when it is empty.
  ///
  /// One that is not of these words is a problem.
  private mutating func word(
    _ name: String, of words: [String], in parent: ReportElement
  ) -> String? {
    guard let word = text(name, in: parent)?.asciiLowercased().nonEmpty else { return nil }
    if !words.contains(word) {
      problems.add("\(name) has the unknown word \"\(shown(word))\"", line: parent.line)
    }
    return word
  }

  private mutating func required(_ name: String, in parent: ReportElement) throws -> String {
    guard let element = only(name, in: parent) else {
      throw UnreadableReport(line: parent.line, "\(parent.name) has no \(name)")
    }
    guard let text = text(name, in: parent).nonEmpty else {
      throw UnreadableReport(line: element.line, "\(name) is empty")
    }
    return text
  }

  private mutating func seconds(_ name: String, in range: ReportElement) throws -> Int64 {
    let text = try required(name, in: range)
    guard let seconds = Int64(text) else {
      throw UnreadableReport(
        line: range.line, "\(name) of date_range is \"\(shown(text))\", not a number of seconds")
    }
    return seconds
  }

  private mutating func count(in row: ReportElement) throws -> Int {
    let text = try required("count", in: row)
    guard let count = Int(text), count >= 0 else {
      throw UnreadableReport(
        line: row.line, "count is \"\(shown(text))\", not a number of messages")
    }
    let (sum, overflow) = messages.addingReportingOverflow(count)
    guard !overflow else {
      throw UnreadableReport(
        line: row.line, "the counts add up to more than any number of messages")
    }
    messages = sum
    if count == 0 { problems.add("count is 0", line: row.line) }
    return count
  }

  /// A stranger's word, fit to stand in a sentence.
  private func shown(_ text: String) -> String {
    ReportText.sanitized(ReportElements.trimmed(text), limit: 60)
  }
}

extension String {
  fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}

extension String? {
  /// The text; nil when it is empty.
  fileprivate var nonEmpty: String? { flatMap(\.nonEmpty) }
}
