// Where reports go: the values of rua and ruf, which any domain owner writes as he likes and which
// end up in an SMTP command, in the arguments of a program, and in a header field.

import FuzzSupport
import MailAuth

@testable import Reports

/// Checks one input: a list of URIs.
@c(LLVMFuzzerTestOneInput)
public func fuzzReportURI(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = unsafe octets(start, count)
  checkList(text)
  checkList(text.mapped(to: "mailto:ab@.,!%0123ekg \t-_?#\"/ABCDEF"))
  checkList(Array("mailto:".utf8) + text.mapped(to: "ab@.c!%0123456789ekg-_+ABCDEF"))
  return 0
}

private func checkList(_ text: [UInt8]) {
  let value = String(decoding: text, as: UTF8.self)
  let list = ReportURIList(value)
  let members = value.utf8.isEmpty ? 0 : value.utf8.count { $0 == UInt8(ascii: ",") } + 1
  check(list.uris.count + list.skipped.count <= members, "more destinations than members")
  check(Set(list.uris.map(\.address)).count == list.uris.count, "an address stands twice")
  for skipped in list.skipped {
    check(skipped.text.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "an unprintable member")
    check(!skipped.problem.description.isEmpty, "no reason")
  }
  check(ReportURIList(list.text).uris == list.uris, "not the same again: \(list.text)")
  for uri in list.uris { checkURI(uri) }
}

private func checkURI(_ uri: ReportURI) {
  let address = uri.address
  check(address.utf8.count <= 254, "too long: \(address)")
  check(address.utf8.count { $0 == UInt8(ascii: "@") } == 1, "not one @: \(address)")
  check(
    address.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"<>,;:\"()[]\\".utf8.contains($0) },
    "would need quotes: \(address)")
  check(!address.hasPrefix("-"), "looks like an option: \(address)")
  check((uri.sizeLimitBytes ?? 0) >= 0, "a negative limit")
  check(MailAddress(address)?.description == address, "no mail address: \(address)")
  check(ReportURI(address: address)?.address == address, "not the same address: \(address)")
}
