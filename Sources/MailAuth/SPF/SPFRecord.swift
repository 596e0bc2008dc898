/// A published SPF record whose every term is well-formed (RFC 7208 sections 4.5, 4.6.1 and 12).
///
/// Unknown modifiers are checked and then left out; they mean nothing (section 6).
struct SPFRecord: Equatable, Sendable, CustomStringConvertible {
  /// The directives in the order in which they are tried.
  var directives: [SPFDirective] = []
  /// `redirect=`.
  var redirect: SPFModifier?
  /// `exp=`.
  var explanation: SPFModifier?

  /// The record as text that parses to itself.
  var description: String {
    let modifiers = [redirect, explanation].compactMap { $0?.text }
    return (["v=spf1"] + directives.map(\.text) + modifiers).joined(separator: " ")
  }

  /// The TXT records that are SPF records: the version, then a space or the end (section 4.5).
  static func select(from texts: [[UInt8]]) -> [[UInt8]] {
    texts.filter { text in
      text.prefix(6).equalsIgnoringASCIICase("v=spf1") && (text.count == 6 || text[6] == 0x20)
    }
  }
}

/// A qualifier and a mechanism (RFC 7208 section 4.6.2).
struct SPFDirective: Equatable, Sendable {
  /// The result if the mechanism matches.
  var result: SPFResult
  var mechanism: SPFMechanism
  /// The term as published.
  var text: String
}

/// A modifier with the domain-spec it names (RFC 7208 section 6).
struct SPFModifier: Equatable, Sendable {
  var target: SPFMacro
  /// The term as published.
  var text: String
}

/// A mechanism (RFC 7208 section 5); a nil target is the domain that is being checked.
enum SPFMechanism: Equatable, Sendable {
  case all
  case include(SPFMacro)
  case address(SPFMacro?, SPFPrefixes)
  case mailExchanger(SPFMacro?, SPFPrefixes)
  case reverse(SPFMacro?)
  /// `ip4` and `ip6`.
  case network(IPNetwork)
  case exists(SPFMacro)

  /// Whether evaluating it counts against the lookup limit (section 4.6.4).
  var causesLookups: Bool {
    switch self {
    case .all, .network: false
    case .include, .address, .mailExchanger, .reverse, .exists: true
    }
  }

  /// The domain-spec, if there is one.
  var target: SPFMacro? {
    switch self {
    case .all, .network: nil
    case .include(let target), .exists(let target): target
    case .address(let target, _), .mailExchanger(let target, _), .reverse(let target): target
    }
  }
}

/// The prefix lengths of `a` and `mx` (RFC 7208 section 5.3).
struct SPFPrefixes: Equatable, Sendable {
  /// 0 to 32.
  var ipv4 = 32
  /// 0 to 128.
  var ipv6 = 128
}

/// A term that breaks the grammar; the whole record is then unusable (RFC 7208 section 4.6).
struct SPFSyntaxError: Error, Equatable {
  /// The term as published, unprintable octets escaped.
  var term: String
  /// What is wrong with it, for people.
  var problem: String
}
