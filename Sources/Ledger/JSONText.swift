import MailAuth

/// Writes the JSON that each message needs, in the form that `JSONEncoder` gives it (keys sorted,
/// no white space, slashes as they are): the encoder itself takes as long for it as everything else
/// in the ledger together.
struct JSONText {
  private var octets: [UInt8] = []

  /// A list of texts.
  static func list(_ texts: [String]) -> String {
    list(texts) { $0.append($1) }
  }

  /// A list of words.
  static func list<Word: RawRepresentable<String>>(_ words: [Word]) -> String {
    list(words) { $0.append($1.rawValue) }
  }

  /// The DNS questions of a message.
  static func list(_ evidence: [DNSEvidence]) -> String {
    list(evidence) { json, question in
      json.add(#"{"cached":"#)
      json.add(question.cached ? "true" : "false")
      if let detail = question.detail {
        json.add(#","detail":"#)
        json.append(detail)
      }
      json.add(#","milliseconds":"#)
      json.append(question.milliseconds)
      json.add(#","name":"#)
      json.append(question.name)
      json.add(#","outcome":""#)
      json.add(question.outcome.rawValue)
      json.add(#"","secure":"#)
      json.add(question.secure ? "true" : "false")
      json.add(#","type":""#)
      json.add(question.type.rawValue)
      json.add(#""}"#)
    }
  }

  private static func list<Element>(
    _ elements: [Element], _ append: (inout JSONText, Element) -> Void
  ) -> String {
    if elements.isEmpty { return "[]" }
    var json = JSONText()
    json.octets.reserveCapacity(elements.count * 128)
    for (index, element) in elements.enumerated() {
      json.octets.append(UInt8(ascii: index == 0 ? "[" : ","))
      append(&json, element)
    }
    json.octets.append(UInt8(ascii: "]"))
    return String(decoding: json.octets, as: UTF8.self)
  }

  /// Adds text as it is.
  private mutating func add(_ text: String) {
    octets.append(contentsOf: text.utf8)
  }

  /// Appends a string (RFC 8259 section 7).
  private mutating func append(_ text: String) {
    octets.append(UInt8(ascii: "\""))
    for octet in text.utf8 {
      switch octet {
      case UInt8(ascii: "\""): add(#"\""#)
      case UInt8(ascii: "\\"): add(#"\\"#)
      case 0x08: add(#"\b"#)
      case 0x09: add(#"\t"#)
      case 0x0A: add(#"\n"#)
      case 0x0C: add(#"\f"#)
      case 0x0D: add(#"\r"#)
      case 0..<0x20: add((octet < 0x10 ? #"\u000"# : #"\u00"#) + String(octet, radix: 16))
      default: octets.append(octet)
      }
    }
    octets.append(UInt8(ascii: "\""))
  }

  /// Appends a number; what is none becomes 0: no clock measures it.
  private mutating func append(_ number: Double) {
    let text = number.isFinite ? number.description : "0"
    add(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
  }
}
