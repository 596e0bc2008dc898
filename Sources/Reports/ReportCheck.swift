import MailAuth

/// The rules for reports that no schema expresses, checked on the stream of nodes.
struct ReportCheck {
  private static let maximumProblems = 20
  private static let required: Set<String> = [
    "org_name", "email", "report_id", "domain", "source_ip", "header_from", "selector",
  ]
  private static let names: Set<String> = ["domain", "header_from", "envelope_from", "envelope_to"]

  private let format: ReportFormat
  private var findings = ReportSchema.Findings()
  private var path: [String] = []
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
    case .text(let piece): text += piece
    case .close(let name, _):
      close(name)
      if !path.isEmpty { path.removeLast() }
      text = ""
    }
  }

  private mutating func open(_ name: String, _ namespace: String) {
    let parent = path.last
    path.append(name)
    text = ""
    if path.count == 2, name == "record" {
      row = Row()
      recordsBegun += 1
    }
    // Behind auth_results, and in the report's own extension, everything is foreign.
    let isExtension = path.count == 3 && (parent == "extension" || row.isComplete)
    if isExtension, namespace.isEmpty || namespace == format.namespace {
      complain("extension <\(name)> without a namespace of its own")
    }
    if isForeign { return }
    if parent == "auth_results", name == "dkim" { row.signatures += 1 }
    if parent == "auth_results", name == "spf" { (row.spfDomain, row.spfResult) = ("", "") }
    if parent == "policy_evaluated", name == "reason" { row.reasons += 1 }
  }

  /// Whether the current element is, or lies in, an extension.
  private var isForeign: Bool {
    path.count > 2 && (path[1] == "extension" || (path[1] == "record" && row.isComplete))
  }

  private mutating func close(_ name: String) {
    // What extensions hold is theirs.
    if isForeign { return }
    let place = path.dropFirst().joined(separator: "/")
    if Self.required.contains(name), text.isEmpty, place != "record/auth_results/spf/domain" {
      complain("<\(name)> is empty")
    }
    if Self.names.contains(name), text.utf8.contains(where: { $0 >= 0x80 }) {
      complain("<\(name)> holds U-labels")
    }
    switch place {
    case "version": if text != "1.0" { complain("<version> is not 1.0") }
    case "report_metadata/report_id": findings.reportID = text
    case "report_metadata/date_range/begin": begin = integer()
    case "report_metadata/date_range/end": end = integer()
    case "report_metadata/date_range": checkRange()
    case "policy_published/domain": findings.policyDomain = text
    case "policy_published/p", "policy_published/sp", "policy_published/np": policies.insert(text)
    case "policy_published/fo": checkFailureOptions()
    case "record/row/source_ip":
      if IPAddress(text) == nil { complain("<source_ip> is not an address") }
    case "record/row/count": closeCount()
    case "record/row/policy_evaluated/disposition": row.disposition = text
    case "record/row/policy_evaluated/dkim": row.dkim = text
    case "record/row/policy_evaluated/spf": row.spf = text
    case "record/auth_results/spf/domain": row.spfDomain = text
    case "record/auth_results/spf/result": row.spfResult = text
    case "record/auth_results/spf": closeSPF()
    case "record/auth_results": row.isComplete = true
    case "record": closeRecord()
    default: break
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
    let isInRecord = path.count > 1 && path[1] == "record"
    findings.contentProblems.append(
      (isInRecord ? "record \(recordsBegun): " : "") + problem)
  }
}
