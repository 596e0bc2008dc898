import Foundation
import MailAuth
import Reports

/// The JSON of `plumbline inspect`: a contract, to which fields are added and never renamed.
///
/// It is printed row by row, so that a large report is not in memory a second time.
struct InspectJSON {
  private let report: ReadReport
  private let file: String
  private let publicSuffixList: PublicSuffixList?

  init(_ report: ReadReport, file: String, _ publicSuffixList: PublicSuffixList?) {
    self.report = report
    self.file = file
    self.publicSuffixList = publicSuffixList
  }

  /// Prints the object of one report without a line end behind it.
  func print() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func text(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self).withEscapedControls
    }
    // The rows are put into the object in front of its closing brace.
    let head = try text(HeadJSON(report: report, file: file)).dropLast()
    Swift.print("\n\(head),\n\"rows\":[", terminator: "")
    for (index, row) in report.rows.enumerated() {
      let findings = report.findings(of: row, publicSuffixList: publicSuffixList)
      let object = try text(RowJSON(row: row, findings: findings))
      Swift.print(index == 0 ? "\n\(object)" : ",\n\(object)", terminator: "")
    }
    Swift.print("]}", terminator: "")
  }
}

extension String {
  /// JSON with control and format characters escaped that JSON itself would let through, as they
  /// could steer a terminal; they occur inside of strings only.
  fileprivate var withEscapedControls: String {
    let isPlain = utf8.allSatisfy { $0 < 0x7F }
    if isPlain { return self }
    var result = ""
    for scalar in unicodeScalars {
      let category = scalar.properties.generalCategory
      let isControl = category == .control || category == .format
      if isControl || category == .lineSeparator || category == .paragraphSeparator {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

private struct HeadJSON: Encodable {
  let report: ReadReport
  let file: String

  enum Key: String, CodingKey {
    case file, part, form, version, orgName, email, extraContactInfo, reportID, generator, begin
    case end, errors, policyDomain, policy, messages, problems
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    // A nil is written as null: a reader sees that the field exists and is empty.
    try container.encode(file, forKey: .file)
    try container.encode(report.part, forKey: .part)
    try container.encode(report.form, forKey: .form)
    try container.encode(report.version, forKey: .version)
    try container.encode(report.organization, forKey: .orgName)
    try container.encode(report.email, forKey: .email)
    try container.encode(report.extraContact, forKey: .extraContactInfo)
    try container.encode(report.reportID, forKey: .reportID)
    try container.encode(report.generator, forKey: .generator)
    try container.encode(report.begin, forKey: .begin)
    try container.encode(report.end, forKey: .end)
    try container.encode(report.errors, forKey: .errors)
    try container.encode(report.policy.domain, forKey: .policyDomain)
    try container.encode(PolicyJSON(policy: report.policy), forKey: .policy)
    try container.encode(report.messages, forKey: .messages)
    try container.encode(report.problems, forKey: .problems)
  }
}

private struct PolicyJSON: Encodable {
  let policy: ReadReport.Policy

  enum Key: String, CodingKey {
    case domain, p, sp, np, pct, adkim, aspf, fo, testing, discoveryMethod
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(policy.domain, forKey: .domain)
    try container.encode(policy.policy, forKey: .p)
    try container.encode(policy.subdomainPolicy, forKey: .sp)
    try container.encode(policy.nonexistentSubdomainPolicy, forKey: .np)
    try container.encode(policy.percentage, forKey: .pct)
    try container.encode(policy.dkimAlignment, forKey: .adkim)
    try container.encode(policy.spfAlignment, forKey: .aspf)
    try container.encode(policy.failureOptions, forKey: .fo)
    try container.encode(policy.testing, forKey: .testing)
    try container.encode(policy.discoveryMethod, forKey: .discoveryMethod)
  }
}

private struct RowJSON: Encodable {
  let row: ReadReport.Row
  let findings: RowFindings

  enum Key: String, CodingKey {
    case sourceIP, count, disposition, dkim, spf, dmarc, reasons, headerFrom, envelopeFrom
    case envelopeTo, dkimResults, spfResult, spfResults, rootCause
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(row.sourceIP, forKey: .sourceIP)
    try container.encode(row.count, forKey: .count)
    try container.encode(row.disposition, forKey: .disposition)
    try container.encode(row.dkim, forKey: .dkim)
    try container.encode(row.spf, forKey: .spf)
    try container.encode(findings.dmarc, forKey: .dmarc)
    try container.encode(row.reasons.map(ReasonJSON.init), forKey: .reasons)
    try container.encode(row.headerFrom, forKey: .headerFrom)
    try container.encode(row.envelopeFrom, forKey: .envelopeFrom)
    try container.encode(row.envelopeTo, forKey: .envelopeTo)
    try container.encode(
      zip(row.dkimResults, findings.dkim).map {
        ResultJSON(result: $0, alignment: $1.alignment, isSPF: false)
      }, forKey: .dkimResults)
    try container.encode(
      row.spfResult.map {
        ResultJSON(result: $0, alignment: findings.spf.alignment, isSPF: true)
      }, forKey: .spfResult)
    try container.encode(
      row.spfResults.map { ResultJSON(result: $0, alignment: nil, isSPF: true, isCompared: false) },
      forKey: .spfResults)
    try container.encode(findings.rootCause, forKey: .rootCause)
  }
}

private struct ReasonJSON: Encodable {
  let reason: ReadReport.Reason

  enum Key: String, CodingKey { case type, comment }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(reason.type, forKey: .type)
    try container.encode(reason.comment, forKey: .comment)
  }
}

private struct ResultJSON: Encodable {
  let result: ReadReport.AuthResult
  let alignment: Alignment?
  let isSPF: Bool
  // Of all SPF checks only one counts.
  var isCompared = true

  enum Key: String, CodingKey { case domain, selector, scope, result, humanResult, aligned }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(result.domain, forKey: .domain)
    if isSPF {
      try container.encode(result.scope, forKey: .scope)
    } else {
      try container.encode(result.selector, forKey: .selector)
    }
    try container.encode(result.result, forKey: .result)
    try container.encode(result.humanResult, forKey: .humanResult)
    if isCompared { try container.encode(alignment?.isAligned, forKey: .aligned) }
  }
}
