// Authentication-Results: in whose name a field speaks, and what it reports.

import FuzzSupport

@testable import MailAuth

private let ours = "mx.receiver.example"

/// Checks one input: a results field.
@c(LLVMFuzzerTestOneInput)
public func fuzzResultsField(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let value = unsafe octets(start, count)
  checkField(value)
  checkField(value.mapped(to: "mx.receiv;=()\"\\ 1\t\r\na/p:"))
  checkReport(value)
  return 0
}

private func speaks(_ value: [UInt8]) -> Bool {
  AuthenticationResults.speaksFor(authservID: ours, value: value)
}

private func checkField(_ value: [UInt8]) {
  // Whatever follows, these speak in our name.
  for start in [
    " \(ours);", "\(ours) 1;", "MX.Receiver.EXAMPLE ;", "(c(d)) \(ours)\r\n\t;", "\"\(ours)\";",
    "\(ours) (", ";", "\(ours).;", "\(ours) 2;",
  ] {
    check(speaks(Array(start.utf8) + value), "not seen as ours: \(start)")
  }
  // Comments and white space in front change nothing.
  check(
    speaks(Array(" (a \\) b)\r\n\t".utf8) + value) == speaks(value),
    "a comment in front changes whose field it is")
  // A field that stays names somebody else, and everybody reads it so: it begins with a token that
  // is not our name.
  guard !speaks(value) else { return }
  var parser = ReportedResultsParser(value)
  let identifier = parser.authservID()
  check(identifier?.asciiLowercased() != ours, "a field that reads as ours stays")
}

private func checkReport(_ value: [UInt8]) {
  var parser = ReportedResultsParser(value)
  _ = parser.instance()
  parser = ReportedResultsParser(value)
  let identifier = parser.authservID()
  let results = parser.results()
  check((identifier?.utf8.count ?? 0) < 270, "the authserv-id is too long")
  check(results.count <= ReportedResultsParser.mostResults, "too many results")
  for result in results {
    check(
      result.properties.count <= ReportedResultsParser.mostProperties, "too many properties")
    check(!result.method.isEmpty && !result.result.isEmpty, "an empty result")
    let texts =
      [result.method, result.result] + result.properties.flatMap { [$0.type, $0.name, $0.value] }
    for text in texts {
      check(text.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "an unprintable octet")
      check(text.utf8.count < 9000, "a text is too long")
    }
  }
  // What was read can be written, and is then read again.
  guard let identifier, !results.isEmpty, results.allSatisfy(\.isPlain) else { return }
  let text = ([identifier] + results.map(\.text)).joined(separator: "; ")
  guard text.utf8.count < ReportedResultsParser.mostOctets, identifier.isPlainWord else { return }
  var again = ReportedResultsParser(text.utf8)
  check(again.authservID() == identifier, "the authserv-id is not read again")
  check(again.results() == results, "the results are not read again: \(text)")
}

extension ReportedResult {
  fileprivate var isPlain: Bool {
    method.isPlainWord && result.isPlainWord
      && properties.allSatisfy {
        $0.type.isPlainWord && $0.name.isPlainWord && $0.value.isPlainWord
      }
  }

  fileprivate var text: String {
    "\(method)=\(result)" + properties.map { " \($0.type).\($0.name)=\($0.value)" }.joined()
  }
}

extension String {
  /// Whether the text can stand unquoted anywhere.
  fileprivate var isPlainWord: Bool {
    guard let first = utf8.first, first.isASCIILetter else { return false }
    return utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") }
      && utf8.last != UInt8(ascii: "-")
  }
}
