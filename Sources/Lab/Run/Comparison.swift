import MailAuth
import Reports

/// Compares what receivers found with what is expected of them.
public enum Comparison {
  /// Everything that is not as expected, in the order of the receivers.
  ///
  /// - Parameters:
  ///   - scenario: The story with its expectations.
  ///   - receipts: What the receivers found that the message came to.
  /// - Returns: The differences; empty when there are none.
  public static func differences(
    _ scenario: Scenario, _ receipts: [LabReceipt]
  ) -> [LabDifference] {
    checks(scenario, receipts).filter { !$0.holds }.map(\.difference)
  }

  /// Everything that is expected, beside what was found, in the order of the receivers.
  static func checks(_ scenario: Scenario, _ receipts: [LabReceipt]) -> [LabCheck] {
    var checks: [LabCheck] = []
    for hop in scenario.hops {
      guard case .receive(let receive) = hop.action,
        let expectation = scenario.expectations[receive.name]
      else { continue }
      let receipt = receipts.first { $0.receiver == receive.name }
      var comparison = ReceiptComparison(receive.name, line: expectation.line)
      if expectation.isReached, let receipt {
        comparison.compare(expectation, receipt)
      } else {
        comparison.note(
          "message", expected: expectation.isReached ? "that it comes here" : "that it does not",
          found: receipt == nil ? "that it was refused before" : "it here",
          holds: expectation.isReached == (receipt != nil))
      }
      checks += comparison.checks
    }
    return checks
  }
}

/// One thing that is expected of a receiver.
struct LabCheck: Equatable {
  /// Both sides, in words.
  var difference: LabDifference
  /// Whether it was found.
  var holds: Bool
}

/// The comparison of one receipt.
private struct ReceiptComparison {
  private let receiver: String
  private let line: Int
  private(set) var checks: [LabCheck] = []

  init(_ receiver: String, line: Int) {
    self.receiver = receiver
    self.line = line
  }

  mutating func note(_ subject: String, expected: String, found: String, holds: Bool) {
    checks.append(
      LabCheck(
        difference: LabDifference(
          receiver: receiver, line: line, subject: subject, expected: expected, found: found),
        holds: holds))
  }

  /// Notes both sides; an expectation of nil is none.
  private mutating func check<Value: Equatable>(
    _ subject: String, _ expected: Value?, _ found: Value, _ words: (Value) -> String
  ) {
    guard let expected else { return }
    note(
      subject, expected: words(expected), found: words(found), holds: expected == found)
  }

  mutating func compare(_ expected: Expectation, _ found: LabReceipt) {
    compare("SPF", expected.spf, found.spf)
    compare("SPF of HELO", expected.helo, found.heloSPF)
    if let signatures = expected.dkim { compare(signatures, found.dkim) }
    if let arc = expected.arc {
      note(
        "ARC", expected: Self.words(arc.result.rawValue, nil, arc.cause?.rawValue),
        found: Self.words(found.arc.result.rawValue, nil, found.arc.cause.rawValue),
        holds: arc.result == found.arc.result && arc.cause.map { $0 == found.arc.cause } ?? true)
    }
    if let dmarc = expected.dmarc {
      let found = found.dmarc
      note(
        "DMARC", expected: Self.words(dmarc.result.rawValue, nil, dmarc.cause?.rawValue),
        found: Self.words(found.result.rawValue, nil, found.cause.rawValue),
        holds: dmarc.result == found.result && dmarc.cause.map { $0 == found.cause } ?? true)
    }
    compare(expected.policy, found.dmarc)
    check("disposition", expected.disposition, found.disposition) { $0.rawValue }
    check("answer", expected.answer, found.answer) { $0.rawValue }
    let cause = expected.cause.map { cause in
      if case .code(let code) = cause { code.rawValue } else { "none" }
    }
    check("root cause", cause, found.rootCause?.code.rawValue ?? "none") { $0 }
    check("removed fields", expected.removes, found.removedFields) { names in
      names.isEmpty ? "none" : names.joined(separator: ", ")
    }
    compare(expected.report, found.row)
    check("destinations of the report", expected.reportTo, found.reportTo?.sorted() ?? ["unknown"])
    { $0.isEmpty ? "none" : $0.joined(separator: ", ") }
  }

  private static func words(_ result: String, _ domain: String?, _ cause: String?) -> String {
    result + (domain.map { " of \($0)" } ?? "") + (cause.map { " (\($0))" } ?? "")
  }

  private mutating func compare(
    _ subject: String, _ expected: Expectation.SPF?, _ found: LabReceipt.SPF
  ) {
    guard let expected else { return }
    let isSame =
      expected.result == found.result && expected.domain.map { $0.text == found.domain } ?? true
      && expected.cause.map { $0 == found.cause } ?? true
    note(
      subject,
      expected: Self.words(
        expected.result.rawValue, expected.domain?.text, expected.cause?.rawValue),
      found: Self.words(found.result.rawValue, found.domain, found.cause.rawValue), holds: isSame)
  }

  /// Each expectation takes the first signature left that it fits; exacter ones choose first.
  private mutating func compare(_ expected: [Expectation.DKIM], _ found: [LabReceipt.DKIM]) {
    var left = found
    var missing: [Expectation.DKIM] = []
    func exactness(_ item: Expectation.DKIM) -> Int {
      (item.domain == nil ? 0 : 1) + (item.cause == nil ? 0 : 1)
    }
    for item in expected.sorted(by: { exactness($0) > exactness($1) }) {
      let index = left.firstIndex { signature in
        item.result == signature.result
          && item.domain.map { $0.text == signature.domain } ?? true
          && item.cause.map { $0 == signature.cause } ?? true
      }
      if let index { left.remove(at: index) } else { missing.append(item) }
    }
    func list(_ words: [String]) -> String {
      words.isEmpty ? "no signature" : words.joined(separator: ", ")
    }
    note(
      "DKIM",
      expected: list(
        expected.map { Self.words($0.result.rawValue, $0.domain?.text, $0.cause?.rawValue) }),
      found: list(
        found.map { Self.words($0.result.rawValue, $0.domain, $0.cause.rawValue) }),
      holds: missing.isEmpty && left.isEmpty)
  }

  private mutating func compare(_ expected: Expectation.Policy?, _ found: LabReceipt.DMARC) {
    let words = [found.policyDomain, found.appliedPolicy?.rawValue].compactMap { $0 }
      .joined(separator: " ")
    switch expected {
    case nil: break
    case Expectation.Policy.none?:
      note(
        "policy", expected: "none", found: words.isEmpty ? "none" : words,
        holds: found.policyDomain == nil)
    case .found(let domain, let policy)?:
      let isSame =
        found.policyDomain == domain.text && policy.map { $0 == found.appliedPolicy } ?? true
      note(
        "policy", expected: domain.text + (policy.map { " \($0.rawValue)" } ?? ""),
        found: words.isEmpty ? "none" : words, holds: isSame)
    }
  }

  private mutating func compare(_ expected: Expectation.Report?, _ found: LabReceipt.Row?) {
    switch (expected, found) {
    case (nil, _): break
    case (Expectation.Report.none?, _):
      note(
        "report row", expected: "none, the message is in no report",
        found: found == nil ? "none" : "one", holds: found == nil)
    case (.row?, nil):
      note(
        "report row", expected: "one", found: "none, the message is in no report", holds: false)
    case (.row(let row)?, let found?): compare(row, found)
    }
  }

  private mutating func compare(_ row: Expectation.Row, _ found: LabReceipt.Row) {
    func passed(_ isAligned: Bool) -> String { isAligned ? "pass" : "fail" }
    check("source_ip in the report", row.sourceIP, found.sourceIP) { $0 }
    check("disposition in the report", row.disposition?.rawValue, found.disposition) { $0 }
    check("dkim in the report", row.dkimAligned, found.dkimAligned, passed)
    check("spf in the report", row.spfAligned, found.spfAligned, passed)
    check("header_from in the report", row.headerFrom, found.headerFrom) { $0 }
    check("envelope_from in the report", row.envelopeFrom, found.envelopeFrom ?? "no domain") {
      $0.isEmpty ? "an empty one" : $0
    }
    check("policy domain of the report", row.policyDomain, found.policyDomain) { $0 }
    check("p in the report", row.publishedPolicy, found.publishedPolicy) { $0.rawValue }
    if let error = row.error {
      note(
        "error in the report", expected: error,
        found: found.recordProblems.isEmpty
          ? "none" : found.recordProblems.joined(separator: " "),
        holds: found.recordProblems.contains { $0.contains(error) })
    }
    for piece in row.contains ?? [] {
      let holds = found.xml.contains(piece)
      note(
        "XML of the report row", expected: "\(piece) in it", found: holds ? "that" : "none",
        holds: holds)
    }
    if let reasons = row.reasons { compare(reasons, found.reasons) }
  }

  private mutating func compare(
    _ reasons: [Expectation.Reason], _ found: [LabReceipt.Row.Reason]
  ) {
    let isSame =
      reasons.count == found.count
      && zip(reasons, found).allSatisfy { expected, found in
        expected.type.rawValue == found.type
          && (expected.comment.isEmpty || (found.comment ?? "").contains(expected.comment))
      }
    func list(_ words: [String]) -> String {
      words.isEmpty ? "none" : words.joined(separator: ", ")
    }
    note(
      "reasons in the report",
      expected: list(
        reasons.map { $0.type.rawValue + ($0.comment.isEmpty ? "" : " (\($0.comment))") }),
      found: list(found.map { $0.type + ($0.comment.map { " (\($0))" } ?? "") }),
      holds: isSame)
  }
}
