// The From field: AddressParser and Author.

import FuzzSupport

@testable import MailAuth

/// Checks one input: a From field.
@c(LLVMFuzzerTestOneInput)
public func fuzzAuthor(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let value = unsafe octets(start, count)
  checkAuthor(value)
  checkAuthor(value.mapped(to: "ab.@<>:;,\"()[]\\ \t\r\n\u{e4}"))
  return 0
}

private func checkAuthor(_ value: [UInt8]) {
  let author = Author(fromValue: value)
  check(author == Author(fromValue: value), "the same value gives the same author")
  check(
    author == Author(header: [HeaderField(name: Array("fRoM".utf8), value: value)]),
    "the value alone and in a header give the same author")
  switch author {
  case .domain(let domain):
    checkDomain(domain, value)
    checkNeighbours(of: domain, value)
  case .domains(let domains, let unusable):
    check(Set(domains).count == domains.count, "domains are not distinct: \(domains)")
    check(domains.count > 1 || unusable != nil, "one domain is several")
    for domain in domains { checkDomain(domain, value) }
    if let unusable { checkSentence(unusable) }
  case .missing(_, let sentence): checkSentence(sentence)
  }
}

/// What stands beside an author without changing it, and an author that must not get lost.
private func checkNeighbours(of domain: DomainName, _ value: [UInt8]) {
  guard value.count < 60_000 else { return }
  check(
    Author(fromValue: Array(" (x)\r\n\t".utf8) + value) == .domain(domain),
    "a comment in front changes the author")
  check(
    Author(fromValue: Array("a@\(domain),".utf8) + value) == .domain(domain),
    "an address of the same domain changes the author")
  guard let other = DomainName("x.example"), domain != other else { return }
  check(
    Author(fromValue: Array("a@x.example,".utf8) + value)
      == .domains([other, domain], unusable: nil), "the second author is lost")
}

private func checkSentence(_ sentence: String) {
  check(sentence.utf8.count < 1000, "the sentence is too long")
  check(sentence.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "the sentence is unprintable")
}

private func checkDomain(_ domain: DomainName, _ value: [UInt8]) {
  check(DomainName(domain.text) == domain, "the domain does not parse to itself: \(domain)")
  check((1...253).contains(domain.text.utf8.count), "the domain is too long")
  // An ASCII domain stands in the value as it is, but for case, comments and white space.
  guard !value.contains(where: { $0 >= 0x80 }), let first = domain.labels.first else { return }
  let text = String(decoding: value, as: UTF8.self).asciiLowercased()
  check(text.utf8.contains(first.utf8), "the domain's first label is not in the value")
}

extension String.UTF8View {
  fileprivate func contains(_ other: Substring.UTF8View) -> Bool {
    let text = Array(self)
    let wanted = Array(other)
    return text.indices.contains { text[$0...].starts(with: wanted) }
  }
}
