import MailAuth

/// A Received field as a failure report may show it: hosts, protocol, identifier, redacted recipient
/// and date; no other comments, since anything can stand in them.
struct ReceivedRedactor {
  let redactor: Redactor

  func value(_ octets: [UInt8]) -> String? {
    let parts = Parts(octets)
    var clauses: [String] = []
    var words = parts.words[...]
    while let keyword = words.popFirst() {
      guard case .word(let name) = keyword else { continue }
      switch String(decoding: name, as: UTF8.self).asciiLowercased() {
      case "from": clauses += host("from", &words)
      case "by": clauses += host("by", &words)
      case "with": clauses += atom("with", &words)
      case "id": clauses += atom("id", &words)
      case "for": clauses += recipient(&words)
      default: continue
      }
    }
    guard !clauses.isEmpty, let date = MailDate.normalized(parts.date) else { return nil }
    return clauses.joined(separator: "\r\n\t") + ";\r\n\t" + date
  }

  private func host(_ keyword: String, _ words: inout ArraySlice<Parts.Piece>) -> [String] {
    guard case .word(let name) = words.first else { return [] }
    words.removeFirst()
    var text = "\(keyword) \(Redactor.host(name) ?? "unknown")"
    if case .comment(let comment) = words.first {
      words.removeFirst()
      // Mail servers write `(name [address])`.
      if let open = comment.lastIndex(of: UInt8(ascii: "[")),
        let close = comment[open...].firstIndex(of: UInt8(ascii: "]")),
        let literal = Redactor.host(Array(comment[open...close]))
      {
        text += " (\(literal))"
      }
    }
    return [text]
  }

  private func atom(_ keyword: String, _ words: inout ArraySlice<Parts.Piece>) -> [String] {
    guard case .word(let name) = words.first else { return [] }
    words.removeFirst()
    guard name.count <= 64, name.allSatisfy({ $0.isPlain || "-.".utf8.contains($0) }) else {
      return []
    }
    return ["\(keyword) \(String(decoding: name, as: UTF8.self))"]
  }

  private func recipient(_ words: inout ArraySlice<Parts.Piece>) -> [String] {
    guard case .word(let name) = words.first else { return [] }
    words.removeFirst()
    guard let addresses = FieldAddress.list(name), addresses.count == 1 else { return [] }
    return addresses.map { "for <\(redactor.address($0))>" }
  }

  /// The words and comments in front of the last semicolon, and what follows it.
  private struct Parts {
    enum Piece {
      case word([UInt8])
      case comment([UInt8])
    }

    private(set) var words: [Piece] = []
    private(set) var date: [UInt8] = []

    init(_ octets: [UInt8]) {
      guard let semicolon = octets.lastIndex(of: UInt8(ascii: ";")) else { return }
      date = Array(octets[(semicolon + 1)...])
      var rest = octets[..<semicolon]
      while let first = rest.first {
        if first.isBlank {
          rest.removeFirst()
        } else if first == UInt8(ascii: "(") {
          words.append(.comment(Self.comment(&rest)))
        } else {
          words.append(.word(Self.word(&rest)))
        }
      }
    }

    private static func comment(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
      var depth = 0
      var octets: [UInt8] = []
      while let octet = rest.popFirst() {
        octets.append(octet)
        switch octet {
        case UInt8(ascii: "("): depth += 1
        case UInt8(ascii: ")"): depth -= 1
        case UInt8(ascii: "\\"): _ = rest.popFirst()
        default: break
        }
        if depth == 0 { break }
      }
      return octets
    }

    /// Up to white space or a comment; a quoted string belongs to it as a whole.
    private static func word(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
      var isQuoted = false
      var octets: [UInt8] = []
      while let octet = rest.first, isQuoted || !(octet.isBlank || octet == UInt8(ascii: "(")) {
        rest.removeFirst()
        octets.append(octet)
        if octet == UInt8(ascii: "\"") { isQuoted.toggle() }
        if octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() { octets.append(escaped) }
      }
      return octets
    }
  }
}
