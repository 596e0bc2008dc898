// DMARC policy records: interpreted, printed, interpreted again.

import FuzzSupport

@testable import MailAuth

/// Checks one input: a policy record.
@c(LLVMFuzzerTestOneInput)
public func fuzzDMARCRecord(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = unsafe octets(start, count)
  for rules in [PolicyDiscovery.treewalk, .psl] {
    checkRecord(text, rules)
    checkRecord(Array("v=DMARC1;".utf8) + text, rules)
    checkRecord(
      Array("v=DMARC1;".utf8) + text.mapped(to: "pnadkimsftrufcopsd=;: \tynrej10,!.@"), rules)
  }
  return 0
}

private func checkRecord(_ text: [UInt8], _ rules: PolicyDiscovery) {
  guard let found = DMARCPolicyRecord.interpret(text, rules: rules) else {
    check(
      !text.starts(with: Array("v=DMARC1;".utf8)), "a record that says what it is was not seen")
    return
  }
  let record = found.record
  check(record.problems.count <= 10, "too many problems: \(record.problems.count)")
  for problem in record.problems {
    check(problem.utf8.count < 300, "a problem is too long")
    check(problem.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a problem is unprintable")
  }
  check(record.percent.map { (0...100).contains($0) } ?? true, "pct out of range")
  if !found.applies {
    check(record.policy == .none && !record.problems.isEmpty, "refused without a reason")
    check(record.aggregateReportURIs.isEmpty, "refused with a usable rua")
  }
  // Printing and interpreting again gives the same, without problems; a refused record prints as
  // one that asks for nothing.
  let printed = record.text
  check(printed.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "the text is unprintable")
  guard let again = DMARCPolicyRecord.interpret(Array(printed.utf8), rules: rules) else {
    fatalError("printed text is no record: \(printed)")
  }
  var expected = record
  expected.problems = []
  check(again.record == expected, "not the same again: \(printed)")
  check(again.applies, "printed text does not apply: \(printed)")
}
