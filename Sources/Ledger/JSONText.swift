import MailAuth

/// Writes the JSON that each message needs, in the form that `JSONEncoder` gives it (keys sorted,
/// no white space, slashes as they are): the encoder itself takes as long for it as everything else
/// in the ledger together.
enum JSONText {
  /// Appends a list of texts.
  static func append(_ texts: [String], to octets: inout [UInt8]) {
    append(texts, to: &octets) { append($0, to: &$1) }
  }

  /// Appends a list of domains.
  static func append(_ domains: [DomainName], to octets: inout [UInt8]) {
    append(domains, to: &octets) { append($0.text, to: &$1) }
  }

  /// Appends a list of words.
  static func append<Word: RawRepresentable<String>>(_ words: [Word], to octets: inout [UInt8]) {
    append(words, to: &octets) { append($0.rawValue, to: &$1) }
  }

  /// Appends the DNS questions of a message.
  static func append(_ evidence: [DNSEvidence], to octets: inout [UInt8]) {
    append(evidence, to: &octets) { question, octets in
      add(question.cached ? #"{"cached":true"# : #"{"cached":false"#, to: &octets)
      if let detail = question.detail {
        add(#","detail":"#, to: &octets)
        append(detail, to: &octets)
      }
      add(#","milliseconds":"#, to: &octets)
      append(question.milliseconds, to: &octets)
      add(#","name":"#, to: &octets)
      append(question.name, to: &octets)
      add(#","outcome":"#, to: &octets)
      append(question.outcome.rawValue, to: &octets)
      add(question.secure ? #","secure":true,"type":"# : #","secure":false,"type":"#, to: &octets)
      append(question.type.rawValue, to: &octets)
      octets.append(UInt8(ascii: "}"))
    }
  }

  /// Appends why a policy was not followed.
  static func append(_ reasons: [OverrideReason], to octets: inout [UInt8]) {
    append(reasons, to: &octets) { reason, octets in
      octets.append(UInt8(ascii: "{"))
      if let comment = reason.comment {
        add(#""comment":"#, to: &octets)
        append(comment, to: &octets)
        octets.append(UInt8(ascii: ","))
      }
      add(#""type":"#, to: &octets)
      append(reason.type.rawValue, to: &octets)
      octets.append(UInt8(ascii: "}"))
    }
  }

  /// Appends a set that was put on the message.
  static func append(_ set: AddedARCSet, to octets: inout [UInt8]) {
    add(#"{"chainValidation":"#, to: &octets)
    append(set.chainValidation.rawValue, to: &octets)
    add(#","domain":"#, to: &octets)
    append(set.domain.text, to: &octets)
    add(#","instance":"#, to: &octets)
    octets += set.instance.description.utf8
    add(#","selector":"#, to: &octets)
    append(set.selector.text, to: &octets)
    octets.append(UInt8(ascii: "}"))
  }

  private static func append<Element>(
    _ elements: [Element], to octets: inout [UInt8], _ one: (Element, inout [UInt8]) -> Void
  ) {
    octets.append(UInt8(ascii: "["))
    var isFirst = true
    for element in elements {
      if !isFirst { octets.append(UInt8(ascii: ",")) }
      isFirst = false
      one(element, &octets)
    }
    octets.append(UInt8(ascii: "]"))
  }

  /// Appends what is in this file, as it is.
  private static func add(_ text: StaticString, to octets: inout [UInt8]) {
    unsafe octets.append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a string (RFC 8259 section 7).
  private static func append(_ text: String, to octets: inout [UInt8]) {
    octets.append(UInt8(ascii: "\""))
    let piece = text.utf8.span
    // All at once where nothing is special, as a rule.
    if piece.indices.contains(where: { mustBeEscaped(piece[$0]) }) {
      for index in piece.indices { append(piece[index], to: &octets) }
    } else {
      unsafe piece.withUnsafeBufferPointer { unsafe octets.append(contentsOf: $0) }
    }
    octets.append(UInt8(ascii: "\""))
  }

  private static func mustBeEscaped(_ octet: UInt8) -> Bool {
    octet < 0x20 || octet == UInt8(ascii: "\"") || octet == UInt8(ascii: "\\")
  }

  private static func append(_ octet: UInt8, to octets: inout [UInt8]) {
    switch octet {
    case UInt8(ascii: "\""): add(#"\""#, to: &octets)
    case UInt8(ascii: "\\"): add(#"\\"#, to: &octets)
    case 0x08: add(#"\b"#, to: &octets)
    case 0x09: add(#"\t"#, to: &octets)
    case 0x0A: add(#"\n"#, to: &octets)
    case 0x0C: add(#"\f"#, to: &octets)
    case 0x0D: add(#"\r"#, to: &octets)
    case 0..<0x20:
      add(octet < 0x10 ? #"\u000"# : #"\u00"#, to: &octets)
      octets += String(octet, radix: 16).utf8
    default: octets.append(octet)
    }
  }

  /// Appends a number; what is none becomes 0: no clock measures it.
  private static func append(_ number: Double, to octets: inout [UInt8]) {
    // What comes from a cache takes no time.
    guard number.isFinite, !number.isZero || number.sign == .minus else {
      octets.append(UInt8(ascii: "0"))
      return
    }
    let text = number.description
    octets += text.hasSuffix(".0") ? text.utf8.dropLast(2) : text.utf8[...]
  }
}
