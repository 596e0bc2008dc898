/// A parser of address lists (RFC 5322 section 3.4 and 4.4, with UTF-8 as RFC 6532 has it).
///
/// Comments, quoted strings, folds, groups, routes and empty list members are understood; what is
/// outside the grammar is an error, with three exceptions, because the domain is unambiguous in them
/// and refusing such mail would let it escape its policy: a display name in front of `<` may hold
/// characters that should have been quoted (`a@b.example <c@d.example>`), dots may stand anywhere in
/// a local part (`a..b.@d.example`), and one dot may end a domain (`a@d.example.`).
///
/// The time it takes grows with the length of the value and nothing else.
struct AddressParser {
  /// One address, as octets.
  struct Address: Equatable {
    /// The local part with quotes and quoted pairs resolved.
    var localPart: [UInt8]
    /// The domain as it came, comments and white space dropped; in brackets for a literal.
    var domain: [UInt8]
  }

  /// What breaks an address list.
  enum Problem: Error, Equatable {
    case unterminated(String)
    case unexpected(String)
    case missing(String)

    var sentence: String {
      switch self {
      case .unterminated(let what): "a \(what) is not closed"
      case .unexpected(let what): "\(what) stands where it must not"
      case .missing(let what): "\(what) is missing"
      }
    }
  }

  private enum Token: Equatable {
    case atom(ArraySlice<UInt8>)
    case quoted([UInt8])
    case literal([UInt8])
    case special(UInt8)

    var sentence: String {
      switch self {
      case .atom(let octets): "\"\(octets.printable(limit: 30))\""
      case .quoted: "a quoted string"
      case .literal: "an address literal"
      case .special(let octet): "\"\([octet].printable())\""
      }
    }
  }

  private let tokens: [Token]
  private var position = 0

  /// Prepares a field's value.
  ///
  /// - Throws: ``Problem`` when it cannot be divided into tokens.
  init(_ value: [UInt8]) throws(Problem) {
    var lexer = Lexer(value)
    tokens = try lexer.tokens()
  }

  /// Parses the whole value.
  ///
  /// - Throws: ``Problem`` for the first thing outside the grammar.
  mutating func parseAddressList() throws(Problem) -> [Address] {
    var addresses: [Address] = []
    var isInGroup = false
    while let token = peek {
      switch token {
      case .special(UInt8(ascii: ",")):
        position += 1
      case .special(UInt8(ascii: ";")) where isInGroup:
        position += 1
        isInGroup = false
        try expectEndOfMember(isInGroup: false)
      default:
        if !isInGroup, skipGroupName() {
          isInGroup = true
          continue
        }
        addresses.append(try parseMailbox())
        try expectEndOfMember(isInGroup: isInGroup)
      }
    }
    guard !isInGroup else { throw .unterminated("group") }
    return addresses
  }

  // MARK: - Grammar

  private var peek: Token? { position < tokens.count ? tokens[position] : nil }

  private func isSpecial(_ token: Token?, _ text: Unicode.Scalar) -> Bool {
    token == .special(UInt8(ascii: text))
  }

  private func expectEndOfMember(isInGroup: Bool) throws(Problem) {
    guard let token = peek, !isSpecial(token, ","), !(isInGroup && isSpecial(token, ";"))
    else { return }
    throw .unexpected(token.sentence)
  }

  /// Steps over `display-name ":"` if that comes next.
  private mutating func skipGroupName() -> Bool {
    var index = position
    while index < tokens.count {
      switch tokens[index] {
      case .atom, .quoted, .special(UInt8(ascii: ".")): index += 1
      case .special(UInt8(ascii: ":")) where index > position:
        position = index + 1
        return true
      default: return false
      }
    }
    return false
  }

  private mutating func parseMailbox() throws(Problem) -> Address {
    // An angle bracket before the end of this list member makes everything in front of it a
    // display name.
    var index = position
    while index < tokens.count, !isSpecial(tokens[index], ","), !isSpecial(tokens[index], ";") {
      if isSpecial(tokens[index], "<") {
        position = index + 1
        return try parseAngleAddress()
      }
      index += 1
    }
    return try parseAddressSpecification()
  }

  private mutating func parseAngleAddress() throws(Problem) -> Address {
    if isSpecial(peek, "@") || isSpecial(peek, ",") { try skipRoute() }
    let address = try parseAddressSpecification()
    guard isSpecial(peek, ">") else { throw .missing("\">\"") }
    position += 1
    return address
  }

  /// Steps over an obsolete route: `@a,@b:` (RFC 5322 section 4.4).
  private mutating func skipRoute() throws(Problem) {
    while let token = peek {
      position += 1
      switch token {
      case .special(UInt8(ascii: ":")): return
      case .special(UInt8(ascii: "@")), .special(UInt8(ascii: ",")), .special(UInt8(ascii: ".")),
        .atom, .literal:
        continue
      default: throw .unexpected(token.sentence)
      }
    }
    throw .unterminated("route")
  }

  private mutating func parseAddressSpecification() throws(Problem) -> Address {
    let localPart = try parseLocalPart()
    guard isSpecial(peek, "@") else { throw .missing("\"@\"") }
    position += 1
    if case .literal(let octets) = peek {
      position += 1
      return Address(localPart: localPart, domain: octets)
    }
    return Address(
      localPart: localPart, domain: try parseDomain())
  }

  /// Words, no two of them without a dot between them, and any other dots.
  private mutating func parseLocalPart() throws(Problem) -> [UInt8] {
    var octets: [UInt8] = []
    var hasWord = false
    var mayTakeWord = true
    while let token = peek {
      switch token {
      case .special(UInt8(ascii: ".")):
        octets.append(UInt8(ascii: "."))
        mayTakeWord = true
      case .atom(let word) where mayTakeWord:
        octets += word
        hasWord = true
        mayTakeWord = false
      case .quoted(let word) where mayTakeWord:
        octets += word
        hasWord = true
        mayTakeWord = false
      default:
        guard hasWord else { throw .unexpected(token.sentence) }
        return octets
      }
      position += 1
    }
    guard hasWord else { throw .missing("a local part") }
    return octets
  }

  /// Atoms with a dot between each two, and perhaps one behind the last.
  private mutating func parseDomain() throws(Problem) -> [UInt8] {
    var octets: [UInt8] = []
    while true {
      switch peek {
      case .atom(let label): octets += label
      case nil where !octets.isEmpty: return octets
      case .special(let end) where !octets.isEmpty && ",;>".utf8.contains(end): return octets
      case let token?: throw .unexpected(token.sentence)
      case nil: throw .missing("a domain")
      }
      position += 1
      guard isSpecial(peek, ".") else { return octets }
      octets.append(UInt8(ascii: "."))
      position += 1
    }
  }
}

extension AddressParser {
  /// Divides a field's value into tokens, dropping comments and white space.
  private struct Lexer {
    private let value: [UInt8]
    private var position = 0

    init(_ value: [UInt8]) { self.value = value }

    mutating func tokens() throws(Problem) -> [Token] {
      // A reader written in C ends here: what stands behind a NUL must not decide.
      if value.contains(0) { throw .unexpected("a NUL octet") }
      var tokens: [Token] = []
      tokens.reserveCapacity(12)
      while position < value.count {
        let octet = value[position]
        switch octet {
        case _ where octet.isFoldingWhitespace: position += 1
        case UInt8(ascii: "("): try skipComment()
        case UInt8(ascii: "\""):
          tokens.append(.quoted(try delimited(by: octet, what: "quoted string")))
        case UInt8(ascii: "["):
          let inner = try delimited(by: UInt8(ascii: "]"), what: "address literal")
          tokens.append(.literal([UInt8(ascii: "[")] + inner + [UInt8(ascii: "]")]))
        case _ where Self.isAtomOctet(octet): tokens.append(.atom(atom()))
        case UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "<"), UInt8(ascii: ">"),
          UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: ","):
          tokens.append(.special(octet))
          position += 1
        default: throw .unexpected("\"\([octet].printable())\"")
        }
      }
      return tokens
    }

    /// `atext` of RFC 5322 section 3.2.3, with octets beyond ASCII (RFC 6532 section 3.2).
    private static func isAtomOctet(_ octet: UInt8) -> Bool {
      switch octet {
      case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
        UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
        UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "?"),
        UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "{"),
        UInt8(ascii: "|"), UInt8(ascii: "}"), UInt8(ascii: "~"):
        true
      default: octet.isASCIILetter || octet.isASCIIDigit || octet > 0x7F
      }
    }

    private mutating func atom() -> ArraySlice<UInt8> {
      let start = position
      while position < value.count, Self.isAtomOctet(value[position]) { position += 1 }
      return value[start..<position]
    }

    private mutating func skipComment() throws(Problem) {
      var depth = 0
      while position < value.count {
        switch value[position] {
        case UInt8(ascii: "("): depth += 1
        case UInt8(ascii: ")"): depth -= 1
        case UInt8(ascii: "\\"): position += 1
        default: break
        }
        position += 1
        if depth == 0 { return }
      }
      throw .unterminated("comment")
    }

    private mutating func delimited(by end: UInt8, what: String) throws(Problem) -> [UInt8] {
      position += 1
      var octets: [UInt8] = []
      while position < value.count {
        let octet = value[position]
        position += 1
        if octet == end { return octets }
        if octet == UInt8(ascii: "\\"), position < value.count {
          octets.append(value[position])
          position += 1
        } else if octet != 0x0D && octet != 0x0A {
          octets.append(octet)
        }
      }
      throw .unterminated(what)
    }
  }
}
