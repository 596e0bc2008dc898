/// Parses SPF records by the grammar of RFC 7208 section 12, where libspf2 is too lenient in some
/// places and too strict in others.
enum SPFRecordParser {
  /// Parses a record that ``SPFRecord/select(from:)`` chose.
  ///
  /// - Throws: ``SPFSyntaxError`` for the first term that is wrong, wherever it stands
  ///   (section 4.6).
  static func parse(_ text: [UInt8]) throws(SPFSyntaxError) -> SPFRecord {
    var record = SPFRecord()
    for term in text.dropFirst(6).split(separator: 0x20) {
      guard term.allSatisfy({ (0x21...0x7E).contains($0) }) else {
        throw failure(term, "holds octets that are not printable ASCII")
      }
      let name = term.prefix { isNameOctet($0) }
      if let first = name.first, first.isASCIILetter, term.dropFirst(name.count).first == equals {
        try readModifier(term, name: name, into: &record)
      } else {
        record.directives.append(try directive(term))
      }
    }
    return record
  }

  private static let equals = UInt8(ascii: "=")
  private static let colon = UInt8(ascii: ":")
  private static let slash = UInt8(ascii: "/")

  private static func isNameOctet(_ octet: UInt8) -> Bool {
    octet.isASCIILetter || octet.isASCIIDigit || octet == UInt8(ascii: "-")
      || octet == UInt8(ascii: "_") || octet == UInt8(ascii: ".")
  }

  private static func readModifier(
    _ term: ArraySlice<UInt8>, name: ArraySlice<UInt8>, into record: inout SPFRecord
  ) throws(SPFSyntaxError) {
    let value = term.dropFirst(name.count + 1)
    if name.equalsIgnoringASCIICase("redirect") {
      guard record.redirect == nil else { throw failure(term, "is a second redirect=") }
      record.redirect = SPFModifier(target: try domainSpec(value, of: term), text: text(term))
    } else if name.equalsIgnoringASCIICase("exp") {
      guard record.explanation == nil else { throw failure(term, "is a second exp=") }
      record.explanation = SPFModifier(target: try domainSpec(value, of: term), text: text(term))
    } else if SPFMacro(value, in: .modifierValue) == nil {
      throw failure(term, "uses % otherwise than in a macro")
    }
  }

  private static func directive(_ term: ArraySlice<UInt8>) throws(SPFSyntaxError) -> SPFDirective {
    let qualified = term.first.flatMap(result(of:))
    let rest = term.dropFirst(qualified == nil ? 0 : 1)
    let name = rest.prefix { $0 != colon && $0 != slash }
    let argument = rest.dropFirst(name.count)
    let mechanism = try mechanism(
      named: String(decoding: name, as: UTF8.self).asciiLowercased(), argument: argument, of: term)
    return SPFDirective(result: qualified ?? .pass, mechanism: mechanism, text: text(term))
  }

  /// What a qualifier stands for; nil for any other octet.
  private static func result(of qualifier: UInt8) -> SPFResult? {
    switch qualifier {
    case UInt8(ascii: "+"): .pass
    case UInt8(ascii: "-"): .fail
    case UInt8(ascii: "~"): .softfail
    case UInt8(ascii: "?"): .neutral
    default: nil
    }
  }

  private static func mechanism(
    named name: String, argument: ArraySlice<UInt8>, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> SPFMechanism {
    switch name {
    case "all":
      guard argument.isEmpty else { throw failure(term, "takes no argument") }
      return .all
    case "include": return .include(try requiredDomainSpec(argument, of: term))
    case "exists": return .exists(try requiredDomainSpec(argument, of: term))
    case "ptr": return .reverse(try optionalDomainSpec(argument, of: term))
    case "a":
      let prefixes = try dualPrefixes(argument, of: term)
      return .address(try optionalDomainSpec(prefixes.rest, of: term), prefixes.lengths)
    case "mx":
      let prefixes = try dualPrefixes(argument, of: term)
      return .mailExchanger(try optionalDomainSpec(prefixes.rest, of: term), prefixes.lengths)
    case "ip4", "ip6": return .network(try network(argument, isIPv4: name == "ip4", of: term))
    case "redirect", "exp":
      throw failure(term, "is a modifier: it takes \"=\" and no qualifier")
    default:
      throw failure(
        term, "is neither a mechanism (all, include, a, mx, ptr, ip4, ip6, exists) nor a modifier")
    }
  }

  // MARK: Arguments

  private static func requiredDomainSpec(
    _ argument: ArraySlice<UInt8>, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> SPFMacro {
    guard argument.first == colon else { throw failure(term, "needs a domain after \":\"") }
    return try domainSpec(argument.dropFirst(), of: term)
  }

  private static func optionalDomainSpec(
    _ argument: ArraySlice<UInt8>, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> SPFMacro? {
    argument.isEmpty ? nil : try requiredDomainSpec(argument, of: term)
  }

  private static func domainSpec(
    _ value: ArraySlice<UInt8>, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> SPFMacro {
    if let macro = SPFMacro(value, in: .domainSpec) { return macro }
    if value.isEmpty { throw failure(term, "names no domain") }
    if IPAddress(String(decoding: value, as: UTF8.self)) != nil {
      throw failure(term, "holds an address where a domain must be (ip4: and ip6: take addresses)")
    }
    throw failure(term, "does not hold a domain name with two labels or a valid macro")
  }

  private struct DualPrefixes {
    var rest: ArraySlice<UInt8>
    var lengths = SPFPrefixes()
  }

  /// Cuts `[ip4-cidr-length] ["/" ip6-cidr-length]` off the end (section 5.3); a slash elsewhere
  /// belongs to the domain-spec.
  private static func dualPrefixes(
    _ argument: ArraySlice<UInt8>, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> DualPrefixes {
    var found = DualPrefixes(rest: argument)
    guard let last = try trailingLength(argument, of: term) else { return found }
    found.rest = last.rest
    if last.rest.last == slash {
      found.lengths.ipv6 = try inRange(last.length, 128, of: term)
      found.rest.removeLast()
      guard let first = try trailingLength(found.rest, of: term) else { return found }
      found.lengths.ipv4 = try inRange(first.length, 32, of: term)
      found.rest = first.rest
    } else {
      found.lengths.ipv4 = try inRange(last.length, 32, of: term)
    }
    return found
  }

  private struct TrailingLength {
    var rest: ArraySlice<UInt8>
    var length: Int
  }

  /// The `/digits` at the end and what stands before; nil when it does not end so.
  private static func trailingLength(
    _ text: ArraySlice<UInt8>, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> TrailingLength? {
    let digits = text.reversed().prefix(while: \.isASCIIDigit).count
    let rest = text.dropLast(digits)
    guard digits > 0, rest.last == slash else { return nil }
    guard let length = prefixLength(text.suffix(digits)) else {
      throw failure(term, "has a prefix length that is not a plain number")
    }
    return TrailingLength(rest: rest.dropLast(), length: length)
  }

  /// One to three digits without leading zeros.
  private static func prefixLength(_ digits: ArraySlice<UInt8>) -> Int? {
    guard (1...3).contains(digits.count), digits.allSatisfy(\.isASCIIDigit),
      digits.count == 1 || digits.first != UInt8(ascii: "0")
    else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  private static func inRange(
    _ length: Int, _ most: Int, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> Int {
    guard length <= most else { throw failure(term, "has a prefix length over \(most)") }
    return length
  }

  /// `":" network ["/" length]` of `ip4` and `ip6` (section 5.6).
  private static func network(
    _ argument: ArraySlice<UInt8>, isIPv4: Bool, of term: ArraySlice<UInt8>
  ) throws(SPFSyntaxError) -> IPNetwork {
    guard argument.first == colon else { throw failure(term, "needs an address after \":\"") }
    let parts = argument.dropFirst().split(
      separator: slash, maxSplits: 1, omittingEmptySubsequences: false)
    let most = isIPv4 ? 32 : 128
    guard let text = parts.first.map({ String(decoding: $0, as: UTF8.self) }),
      let address = IPAddress(text), address.isIPv4 == isIPv4
    else { throw failure(term, "does not hold a complete \(isIPv4 ? "IPv4" : "IPv6") address") }
    var length = most
    if parts.count == 2 {
      guard let given = prefixLength(parts[1]) else {
        throw failure(term, "has a prefix length that is not a plain number")
      }
      length = try inRange(given, most, of: term)
    }
    return IPNetwork(address: address, prefixLength: length)
  }

  // MARK: Text

  /// The longest piece of a published term that goes into outcomes.
  private static let maxTermOctets = 300

  private static func text(_ term: ArraySlice<UInt8>) -> String {
    term.printable(limit: maxTermOctets)
  }

  private static func failure(_ term: ArraySlice<UInt8>, _ problem: String) -> SPFSyntaxError {
    SPFSyntaxError(term: text(term), problem: problem)
  }
}
