/// A macro-string (RFC 7208 section 7): literal text and macros to be replaced.
struct SPFMacro: Equatable, Sendable {
  enum Part: Equatable, Sendable {
    case literal([UInt8])
    case macro(SPFMacroTerm)
  }

  /// Where a macro-string stands, which decides what it may hold.
  enum Place {
    /// A domain-spec: ends in a top label or a macro, and holds no `c`, `r` or `t`.
    case domainSpec
    /// The value of an unknown modifier.
    case modifierValue
    /// The text that `exp=` leads to, where spaces are allowed (section 6.2).
    case explanation
  }

  private(set) var parts: [Part] = []

  /// Whether the text is the same for every message.
  var isLiteral: Bool { literal != nil }

  /// The text, if it holds no macros.
  var literal: [UInt8]? {
    switch parts.count {
    case 0: []
    case 1: if case .literal(let text) = parts[0] { text } else { nil }
    default: nil
    }
  }

  /// Whether a part of it comes from the local part of the sender, which need not be ASCII
  /// (RFC 8616 section 4).
  var usesLocalPart: Bool {
    parts.contains { part in
      if case .macro(let term) = part {
        term.letter == .sender || term.letter == .localPart
      } else {
        false
      }
    }
  }

  /// Parses a macro-string; nil when it breaks the grammar.
  init?(_ text: some Collection<UInt8>, in place: Place) {
    let text = Array(text)
    guard text.contains(UInt8(ascii: "%")) else {
      guard text.allSatisfy({ Self.isLiteral($0, in: place) }),
        place != .domainSpec || Self.endsInTopLabel(text)
      else { return nil }
      if !text.isEmpty { parts = [.literal(text)] }
      return
    }
    var literal: [UInt8] = []
    // What domain-end is made of: the literal text behind the last macro.
    var endsInMacro = false
    var tail: [UInt8] = []
    var index = 0
    while index < text.count {
      let octet = text[index]
      guard octet == UInt8(ascii: "%") else {
        guard Self.isLiteral(octet, in: place) else { return nil }
        literal.append(octet)
        tail.append(octet)
        endsInMacro = false
        index += 1
        continue
      }
      guard let escape = text.dropFirst(index + 1).first else { return nil }
      switch escape {
      case UInt8(ascii: "%"): literal.append(UInt8(ascii: "%"))
      case UInt8(ascii: "_"): literal.append(0x20)
      case UInt8(ascii: "-"): literal += Array("%20".utf8)
      case UInt8(ascii: "{"):
        guard let close = text[index...].firstIndex(of: UInt8(ascii: "}")),
          let term = SPFMacroTerm(text[(index + 2)..<close]),
          place != .domainSpec || !term.letter.isExplanationOnly
        else { return nil }
        if !literal.isEmpty { parts.append(.literal(literal)) }
        literal = []
        parts.append(.macro(term))
        index = close - 1
      default: return nil
      }
      endsInMacro = true
      tail = []
      index += 2
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    if place == .domainSpec, !endsInMacro, !Self.endsInTopLabel(tail) { return nil }
  }

  private static func isLiteral(_ octet: UInt8, in place: Place) -> Bool {
    (0x21...0x7E).contains(octet) || octet == 0x20 && place == .explanation
  }

  /// Whether text ends in `"." toplabel [ "." ]` (section 7.1).
  private static func endsInTopLabel(_ text: [UInt8]) -> Bool {
    var text = text[...]
    if text.last == UInt8(ascii: ".") { text.removeLast() }
    guard let dot = text.lastIndex(of: UInt8(ascii: ".")) else { return false }
    let label = text[(dot + 1)...]
    guard let first = label.first, let last = label.last, first != UInt8(ascii: "-"),
      last != UInt8(ascii: "-")
    else { return false }
    let isWord = label.allSatisfy {
      $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-")
    }
    return isWord && !label.allSatisfy(\.isASCIIDigit)
  }

  /// The last `limit` octets of the text with every macro replaced.
  ///
  /// From right to left, and no further than needed: a record of 64 kB can hold 16,000 macros that
  /// each expand to a whole address.
  func expanded(_ context: SPFMacroContext, keepingLast limit: Int) -> [UInt8] {
    var values: [[UInt8]] = []
    var count = 0
    for part in parts.reversed() where count < limit {
      values.append(Self.value(of: part, context))
      count += values.last?.count ?? 0
    }
    return Array(values.reversed().joined().suffix(limit))
  }

  /// The text with every macro replaced, cut after `limit` octets.
  func expanded(_ context: SPFMacroContext, keepingFirst limit: Int) -> [UInt8] {
    var text: [UInt8] = []
    for part in parts where text.count < limit { text += Self.value(of: part, context) }
    return Array(text.prefix(limit))
  }

  private static func value(of part: Part, _ context: SPFMacroContext) -> [UInt8] {
    switch part {
    case .literal(let text): text
    case .macro(let term): term.transform(context.value(of: term.letter))
    }
  }
}

/// One `%{...}` (RFC 7208 section 7.1).
struct SPFMacroTerm: Equatable, Sendable {
  /// What a macro stands for (section 7.2).
  enum Letter: String, Sendable {
    case sender = "s"
    case localPart = "l"
    case senderDomain = "o"
    case domain = "d"
    case address = "i"
    case validatedName = "p"
    case reverseTree = "v"
    case helo = "h"
    case readableAddress = "c"
    case receivingHost = "r"
    case timestamp = "t"

    var isExplanationOnly: Bool {
      self == .readableAddress || self == .receivingHost || self == .timestamp
    }
  }

  let letter: Letter
  /// How many parts from the right are kept; nil keeps all.
  private let kept: Int?
  private let isReversed: Bool
  private let delimiters: [UInt8]
  /// Whether the value is URL-escaped: the letter was a capital.
  private let isEscaped: Bool

  /// Parses what stands between the braces.
  init?(_ text: some Collection<UInt8>) {
    guard let first = text.first,
      let letter = Letter(rawValue: String(decoding: [first.asciiLowercased], as: UTF8.self))
    else { return nil }
    var rest = Array(text.dropFirst())[...]
    let digits = rest.prefix(while: \.isASCIIDigit)
    rest = rest.dropFirst(digits.count)
    isReversed = rest.first?.asciiLowercased == UInt8(ascii: "r")
    if isReversed { rest = rest.dropFirst() }
    guard rest.allSatisfy(Array(".-+,/_=".utf8).contains) else { return nil }
    self.letter = letter
    isEscaped = first != first.asciiLowercased
    delimiters = rest.isEmpty ? [UInt8(ascii: ".")] : Array(rest)
    if digits.isEmpty {
      kept = nil
    } else {
      // More parts than any name has are all the same; the cap keeps the sum from overflowing.
      let count = digits.reduce(0) { min($0 * 10 + Int($1 - UInt8(ascii: "0")), 100_000) }
      guard count > 0 else { return nil }
      kept = count
    }
  }

  /// Applies reversal, truncation and escaping to the macro's value (section 7.3).
  func transform(_ value: [UInt8]) -> [UInt8] {
    var parts = value.split(omittingEmptySubsequences: false, whereSeparator: delimiters.contains)
    if isReversed { parts.reverse() }
    if let kept { parts = parts.suffix(kept) }
    let joined = Array(parts.joined(separator: [UInt8(ascii: ".")]))
    return isEscaped ? joined.flatMap(Self.escape) : joined
  }

  /// Everything but the unreserved set of RFC 3986 becomes `%XX`.
  private static func escape(_ octet: UInt8) -> [UInt8] {
    if octet.isASCIILetter || octet.isASCIIDigit || Array("-._~".utf8).contains(octet) {
      return [octet]
    }
    let digits = Array("0123456789ABCDEF".utf8)
    return [UInt8(ascii: "%"), digits[Int(octet >> 4)], digits[Int(octet & 0x0F)]]
  }
}

/// What macros expand to at one point of a check.
struct SPFMacroContext {
  let session: SPFSession
  /// The domain whose record is evaluated (`d`).
  let domain: String
  /// The validated name of the client (`p`), looked up only if a macro asks for it.
  let validatedName: () -> String

  func value(of letter: SPFMacroTerm.Letter) -> [UInt8] {
    switch letter {
    case .sender: session.localPart + [UInt8(ascii: "@")] + Array(session.senderDomain.utf8)
    case .localPart: session.localPart
    case .senderDomain: Array(session.senderDomain.utf8)
    case .domain: Array(domain.utf8)
    case .address: Array(session.dottedAddress.utf8)
    case .validatedName: Array(validatedName().utf8)
    case .reverseTree: Array((session.client.isIPv4 ? "in-addr" : "ip6").utf8)
    case .helo: session.helo
    case .readableAddress: Array(session.client.description.utf8)
    case .receivingHost:
      Array((session.receivingHost.isEmpty ? "unknown" : session.receivingHost).utf8)
    case .timestamp: Array(String(session.now).utf8)
    }
  }
}

/// What stays the same during one check.
struct SPFSession: Sendable {
  /// The client; never an IPv4-mapped address (RFC 7208 section 5).
  let client: IPAddress
  /// The argument of HELO as it came.
  let helo: [UInt8]
  /// The local part of the sender as it came, `postmaster` if it has none (section 4.3).
  let localPart: [UInt8]
  /// The domain of the sender, in A-labels.
  let senderDomain: String
  let receivingHost: String
  /// Seconds since the epoch.
  let now: Int64

  /// The address as macro `i` writes it: a dotted quad, or 32 nibbles.
  var dottedAddress: String {
    if client.isIPv4 { return client.description }
    let digits = Array("0123456789ABCDEF".utf8)
    let nibbles = client.bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0x0F)]] }
    return nibbles.map { String(Unicode.Scalar($0)) }.joined(separator: ".")
  }
}
