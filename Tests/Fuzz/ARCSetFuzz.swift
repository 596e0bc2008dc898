// ARC sets: read, judged, and verified as far as a chain without keys goes.

import FuzzSupport

@testable import MailAuth

/// Checks one input: a list of ARC fields.
@c(LLVMFuzzerTestOneInput)
public func fuzzARCSet(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // Lines are fields; the first octet says of which kind.
  let lines = unsafe octets(start, count).split(separator: UInt8(ascii: "\n"))
  let header = lines.map { line in
    let kind = ARCField.allCases[Int(line.first ?? 0) % ARCField.allCases.count]
    return HeaderField(name: Array(kind.rawValue.utf8), value: Array(line.dropFirst()))
  }
  checkChain(header + [HeaderField("From", " Ann <ann@example.com>")])
  return 0
}

private struct NoKeys: Resolver {
  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    check(question.isValidName, "a name that the DNS cannot hold: \(question.name)")
    return DNSAnswer(outcome: .nxdomain)
  }
}

private func checkChain(_ header: [HeaderField]) {
  let chain = ARCChain(header)
  let instances = chain.sets.map(\.instance)
  check(instances == instances.sorted() && Set(instances).count == instances.count, "unordered")
  check(instances.allSatisfy { (1...ARCChain.mostSets).contains($0) }, "an instance out of range")
  if chain.problem == nil {
    check(
      instances == Array(1...max(1, instances.count)).prefix(instances.count).map { $0 }, "gaps")
    for set in chain.sets {
      check(set.repeated == nil, "a field twice, and no problem")
      check(
        set.authenticationResults != nil && set.messageSignature != nil && set.seal != nil,
        "a set lacks a field, and no problem")
      check(
        set.seal?.chainValidation == (set.instance == 1 ? ChainValidation.none : .pass),
        "the chain status is wrong, and no problem")
    }
  }
  // The order of fields in the header means nothing.
  check(
    ARCChain(header.reversed()).sets.map(\.instance) == instances, "the order of fields matters")

  let verifier = ARCVerifier(settings: DKIMSettings(), header: header)
  check(verifier.keyQuestions.count <= 2 * ARCChain.mostSets, "too many keys")
  unsafe Array("Hello.\r\n".utf8).withUnsafeBytes { unsafe verifier.body($0) }
  let outcome = verifier.finish(CheckResolver(NoKeys(), deadline: nil))
  check(outcome.result != .pass, "a chain without keys passes")
  check((outcome.result == .none) == (header.count == 1), "a chain is overlooked")
  check(outcome.cause != .internalError, "a fault of ours: \(outcome.explanation)")
  check(outcome.explanation.utf8.count < 1500, "the explanation is too long")
  check(
    outcome.explanation.utf8.allSatisfy { (0x20...0x7E).contains($0) },
    "the explanation is unprintable: \(outcome.explanation)")
}
