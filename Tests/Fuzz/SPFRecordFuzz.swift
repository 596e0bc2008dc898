// SPF records: parsed, printed, parsed again; macros expanded within their limits.

import FuzzSupport

@testable import MailAuth

/// Checks one input: an SPF record.
@c(LLVMFuzzerTestOneInput)
public func fuzzSPFRecord(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = unsafe octets(start, count)
  checkRecord(Array("v=spf1 ".utf8) + text)
  checkRecord(
    Array("v=spf1 ".utf8) + text.mapped(to: "include:xpstall r=d/.%{}-_mxip46+~?:0123456789oh"))
  checkMacro(text)
  checkMacro(text.mapped(to: "%{}sldoivphcrt123r.-+,/_=%_- abSLDOI"))
  return 0
}

private func checkRecord(_ text: [UInt8]) {
  check(SPFRecord.select(from: [text]).count == 1, "the record is not seen as one")
  let record: SPFRecord
  do {
    record = try SPFRecordParser.parse(text)
  } catch {
    checkText(error.term)
    checkText(error.problem)
    return
  }
  for directive in record.directives {
    checkText(directive.text)
    if case .network(let network) = directive.mechanism {
      check(IPNetwork("\(network)") == network, "a network does not parse to itself")
    }
  }
  // Terms are kept up to a length for people; a longer one cannot come back.
  let longest = text.split(separator: 0x20).map(\.count).max() ?? 0
  guard longest < 290 else { return }
  let printed = Array(record.description.utf8)
  guard let again = try? SPFRecordParser.parse(printed) else {
    fatalError("printed text is refused: \(record)")
  }
  check(again == record, "not the same again: \(record)")
}

private func checkText(_ text: String) {
  check(text.utf8.count < 1000, "a text is too long")
  check(text.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a text is unprintable")
}

private struct NoAnswers: Resolver {
  func answer(_ question: DNSQuestion, deadline: ContinuousClock.Instant?) -> DNSAnswer {
    DNSAnswer(outcome: .nxdomain)
  }
}

private func checkMacro(_ text: [UInt8]) {
  for place in [SPFMacro.Place.domainSpec, .modifierValue, .explanation] {
    guard let macro = SPFMacro(text, in: place) else { continue }
    for client in ["192.0.2.1", "2001:db8::1"] {
      checkExpansion(macro, client: client, helo: text, isDomain: place == .domainSpec)
    }
  }
}

private func checkExpansion(_ macro: SPFMacro, client: String, helo: [UInt8], isDomain: Bool) {
  guard let address = IPAddress(client) else { fatalError("not an address: \(client)") }
  let session = SPFSession(
    client: address, helo: helo, localPart: Array("strong-bad".utf8),
    senderDomain: "email.example.com", receivingHost: "mx.receiver.example", now: 1_795_218_211)
  let context = SPFMacroContext(session: session, domain: "email.example.com") { "unknown" }
  let whole = macro.expanded(context, keepingFirst: .max)
  for limit in [0, 1, 253, 1024] {
    check(
      macro.expanded(context, keepingFirst: limit) == Array(whole.prefix(limit)),
      "the beginning of the expansion is not its beginning")
    check(
      macro.expanded(context, keepingLast: limit) == Array(whole.suffix(limit)),
      "the end of the expansion is not its end")
  }
  guard isDomain else { return }
  let resolver = CheckResolver(NoAnswers(), deadline: nil)
  let expansion = SPFExpansion(resolver: resolver, session: session)
  guard let name = expansion.name(from: macro, in: "email.example.com") else { return }
  check(DNSQuestion(name, .a).isValidName, "a name that the DNS cannot hold: \(name)")
}
