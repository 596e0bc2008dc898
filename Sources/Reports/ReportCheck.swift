import MailAuth

/// The rules for reports that no schema expresses, checked on the stream of nodes.
struct ReportCheck {
  private static let maximumProblems = 20
  private static let required: Set<String> = [
    "org_name", "email", "report_id", "domain", "source_ip", "header_from", "selector",
  ]
  private static let names: Set<String> = ["domain", "header_from", "envelope_from", "envelope_to"]

  /// What is to be done where an element ends.
  private enum Rule {
    case nothing, version, reportID, begin, end, dateRange, policyDomain, policy, failureOptions
    case sourceIP, count, disposition, evaluatedDKIM, evaluatedSPF, spfDomain, spfResult, spf
    case authResults, record
  }

  private static let rules: [String: Rule] = [
    "feedback/version": .version,
    "feedback/report_metadata/report_id": .reportID,
    "feedback/report_metadata/date_range/begin": .begin,
    "feedback/report_metadata/date_range/end": .end,
    "feedback/report_metadata/date_range": .dateRange,
    "feedback/policy_published/domain": .policyDomain,
    "feedback/policy_published/p": .policy,
    "feedback/policy_published/sp": .policy,
    "feedback/policy_published/np": .policy,
    "feedback/policy_published/fo": .failureOptions,
    "feedback/record/row/source_ip": .sourceIP,
    "feedback/record/row/count": .count,
    "feedback/record/row/policy_evaluated/disposition": .disposition,
    "feedback/record/row/policy_evaluated/dkim": .evaluatedDKIM,
    "feedback/record/row/policy_evaluated/spf": .evaluatedSPF,
    "feedback/record/auth_results/spf/domain": .spfDomain,
    "feedback/record/auth_results/spf/result": .spfResult,
    "feedback/record/auth_results/spf": .spf,
    "feedback/record/auth_results": .authResults,
    "feedback/record": .record,
  ]

  /// An element at its place, the same for all records: found once, so that a million rows do not
  /// put a million paths together.
  private struct Place {
    let name: String
    let path: String
    let rule: Rule
    let mustHaveText: Bool
    let isName: Bool
    var children: [String: Int] = [:]

    init(_ name: String, below parent: String?) {
      self.name = name
      path = parent.map { "\($0)/\(name)" } ?? name
      rule = ReportCheck.rules[path] ?? .nothing
      mustHaveText = ReportCheck.required.contains(name) && rule != .spfDomain
      isName = ReportCheck.names.contains(name)
    }
  }

  private let format: ReportFormat
  private var findings = ReportSchema.Findings()
  private var places: [Place] = []
  /// The open elements, numbers of places.
  private var open: [Int] = []
  private var text = ""
  private var begin: Int64?
  private var end: Int64?
  private var policies: Set<String> = []
  private var row = Row()
  private var recordsBegun = 0

  /// What one record said, until it ends.
  private struct Row {
    var disposition = ""
    var dkim = ""
    var spf = ""
    var reasons = 0
    var signatures = 0
    var spfDomain = ""
    var spfResult = ""
    /// Whether auth_results has ended.
    var isComplete = false
  }

  private init(format: ReportFormat) { self.format = format }

  /// Reads a report to its end and says what was found.
  static func findings(
    from reader: XMLValidatingReader, as format: ReportFormat
  ) throws -> ReportSchema.Findings {
    var check = ReportCheck(format: format)
    while let node = try reader.next() { check.take(node) }
    check.findings.formProblems = reader.problems
    return check.findings
  }

  private mutating func take(_ node: XMLNode) {
    switch node {
    case .open(let name, let namespace, _): open(name, namespace)
    case .text(let piece): if text.isEmpty { text = piece } else { text += piece }
    case .close:
      close()
      if !open.isEmpty { open.removeLast() }
      text = ""
    }
  }

  private mutating func open(_ name: String, _ namespace: String) {
    let parent = open.last
    let place = place(name, below: parent)
    open.append(place)
    text = ""
    if places[place].rule == .record {
      row = Row()
      recordsBegun += 1
    }
    let parentName = parent.map { places[$0].name }
    // Behind auth_results, and in the report's own extension, everything is foreign.
    let isExtension = open.count == 3 && (parentName == "extension" || row.isComplete)
    if isExtension, namespace.isEmpty || namespace == format.namespace {
      complain("extension <\(name)> without a namespace of its own")
    }
    if isForeign { return }
    if parentName == "auth_results", name == "dkim" { row.signatures += 1 }
    if parentName == "auth_results", name == "spf" { (row.spfDomain, row.spfResult) = ("", "") }
    if parentName == "policy_evaluated", name == "reason" { row.reasons += 1 }
  }

  /// The number of a place.
  private mutating func place(_ name: String, below parent: Int?) -> Int {
    if let parent {
      if let known = places[parent].children[name] { return known }
    } else if places.first?.name == name {
      return 0
    }
    // Only what the schema refuses has so many; memory must not grow with it.
    guard places.count < 1_000 else { return places.count - 1 }
    places.append(Place(name, below: parent.map { places[$0].path }))
    let number = places.count - 1
    if let parent { places[parent].children[name] = number }
    return number
  }

  /// Whether the current element is, or lies in, an extension.
  private var isForeign: Bool {
    guard open.count > 2 else { return false }
    let section = places[open[1]]
    return section.name == "extension" || (section.rule == .record && row.isComplete)
  }

  private mutating func close() {
    // What extensions hold is theirs.
    guard let number = open.last, !isForeign else { return }
    let (name, rule) = (places[number].name, places[number].rule)
    if places[number].mustHaveText, text.isEmpty { complain("<\(name)> is empty") }
    if places[number].isName, text.utf8.contains(where: { $0 >= 0x80 }) {
      complain("<\(name)> holds U-labels")
    }
    switch rule {
    case .nothing: break
    case .version: if text != "1.0" { complain("<version> is not 1.0") }
    case .reportID: findings.reportID = text
    case .begin: begin = integer()
    case .end: end = integer()
    case .dateRange: checkRange()
    case .policyDomain: findings.policyDomain = text
    case .policy: policies.insert(text)
    case .failureOptions: checkFailureOptions()
    case .sourceIP:
      if IPAddress(text) == nil { complain("<source_ip> is not an address") }
    case .count: closeCount()
    case .disposition: row.disposition = text
    case .evaluatedDKIM: row.dkim = text
    case .evaluatedSPF: row.spf = text
    case .spfDomain: row.spfDomain = text
    case .spfResult: row.spfResult = text
    case .spf: closeSPF()
    case .authResults: row.isComplete = true
    case .record: closeRecord()
    }
  }

  /// The text as an integer, white space around it allowed as in XML Schema.
  private func integer() -> Int64? {
    let octets = text.utf8.split { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return octets.count == 1 ? octets.first.flatMap { Int64(String($0) ?? "") } : nil
  }

  private mutating func checkRange() {
    guard let begin, let end else { return complain("<date_range> is out of range") }
    if begin > end { complain("<date_range> ends before it begins") }
  }

  private mutating func closeCount() {
    guard let count = integer(), count > 0 else { return complain("<count> is not positive") }
    let (sum, overflow) = findings.messages.addingReportingOverflow(Int(count))
    if overflow { return complain("<count> is out of range") }
    findings.messages = sum
  }

  private mutating func checkFailureOptions() {
    let known = ["0", "1", "d", "s"]
    let options = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if !options.allSatisfy(known.contains) { complain("<fo> holds an unknown option") }
  }

  private mutating func closeSPF() {
    guard row.spfDomain.isEmpty else { return }
    // RFC 7489 wants the element also where there was nothing to check.
    if format == .rfc7489, row.spfResult == "none" { return }
    complain("<domain> is empty")
  }

  private mutating func closeRecord() {
    findings.records += 1
    if row.signatures > AggregateReport.maximumSignatures {
      complain("a record with more than \(AggregateReport.maximumSignatures) signatures")
    }
    let hasFailed = row.dkim == "fail" && row.spf == "fail"
    if hasFailed, row.disposition == "pass" { complain("disposition pass of a failing row") }
    // RFC 9990 section 3.1.1.9; which of p, sp and np applied is not in the report.
    if hasFailed, row.reasons == 0, !policies.contains(row.disposition) {
      complain("a disposition other than the policy's without a reason")
    }
  }

  private mutating func complain(_ problem: String) {
    guard findings.contentProblems.count < Self.maximumProblems else { return }
    let isInRecord = open.count > 1 && places[open[1]].rule == .record
    findings.contentProblems.append(
      (isInRecord ? "record \(recordsBegun): " : "") + problem)
  }
}
