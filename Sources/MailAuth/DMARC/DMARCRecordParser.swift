extension DMARCPolicyRecord {
  /// A TXT record that calls itself DMARC, as interpreted.
  struct Interpretation: Equatable {
    /// The record; its ``DMARCPolicyRecord/problems`` say what was wrong.
    var record: DMARCPolicyRecord
    /// Whether DMARC applies with it: false for a damaged record without a usable `rua`
    /// (RFC 9989 section 4.10.1).
    var applies: Bool
  }

  /// Interprets the text of one TXT record (RFC 9989 section 4.8).
  ///
  /// Valid tags are read whatever the rules: which of them count is for the evaluation to say.
  ///
  /// - Parameters:
  ///   - text: The record's character-strings, joined.
  ///   - rules: Whose rules for damaged records hold: an invalid `np` is damage by RFC 9989 only.
  /// - Returns: nil when this is not a DMARC record: `v` absent, not first, or not `DMARC1`.
  static func interpret(
    _ text: [UInt8], rules: PolicyDiscovery = .treewalk
  ) -> Interpretation? {
    var sections = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)[...]
    guard let version = sections.popFirst().flatMap(Tag.init), version.name == "v",
      version.value.elementsEqual("DMARC1".utf8)
    else { return nil }
    // One separator may end the record.
    if sections.last?.trimmingWhitespace().isEmpty == true { sections.removeLast() }

    var parser = DMARCRecordParser(rules: rules)
    for section in sections { parser.take(section) }
    return parser.finish()
  }

  /// One `name = value`.
  struct Tag {
    var name: String
    var value: [UInt8]

    /// Nil when the octets are no dmarc-tag: no "=", a name that is not letters, an empty value,
    /// an octet outside printable ASCII.
    init?(_ section: ArraySlice<UInt8>) {
      guard let equals = section.firstIndex(of: UInt8(ascii: "=")) else { return nil }
      let name = section[..<equals].trimmingWhitespace()
      let value = section[section.index(after: equals)...].trimmingWhitespace()
      guard !name.isEmpty, name.allSatisfy(\.isASCIILetter), !value.isEmpty,
        value.allSatisfy({ (0x20...0x7E).contains($0) })
      else { return nil }
      self.name = String(decoding: name.map(\.asciiLowercased), as: UTF8.self)
      self.value = Array(value)
    }
  }

  /// The record as text, tags with default values left out.
  public var text: String {
    var tags = ["v=DMARC1", "p=\(policy.rawValue)"]
    if let subdomainPolicy { tags.append("sp=\(subdomainPolicy.rawValue)") }
    if let nonexistentSubdomainPolicy { tags.append("np=\(nonexistentSubdomainPolicy.rawValue)") }
    if dkimAlignment != .relaxed { tags.append("adkim=\(dkimAlignment.rawValue)") }
    if spfAlignment != .relaxed { tags.append("aspf=\(spfAlignment.rawValue)") }
    if isTesting { tags.append("t=y") }
    if let isPublicSuffix { tags.append("psd=\(isPublicSuffix ? "y" : "n")") }
    if let percent { tags.append("pct=\(percent)") }
    if !aggregateReportURIs.isEmpty {
      tags.append("rua=" + aggregateReportURIs.joined(separator: ","))
    }
    if !failureReportURIs.isEmpty {
      tags.append("ruf=" + failureReportURIs.joined(separator: ","))
    }
    if failureOptions != "0" { tags.append("fo=\(failureOptions)") }
    return tags.joined(separator: "; ")
  }
}

/// Takes the tags of a record one by one and applies the rules for damaged ones.
private struct DMARCRecordParser {
  private let rules: PolicyDiscovery
  private var record = DMARCPolicyRecord()
  private var seen = Set<String>(minimumCapacity: 6)
  private var hasPolicy = false
  /// Whether `p`, `sp` or `np` is invalid, or a tag stands twice: then the record counts as p=none
  /// if it has a usable `rua`, and not at all otherwise (RFC 9989 section 4.10.1).
  private var isDamaged = false

  init(rules: PolicyDiscovery) { self.rules = rules }

  mutating func take(_ section: ArraySlice<UInt8>) {
    guard let tag = DMARCPolicyRecord.Tag(section) else {
      takeUnreadable(section)
      return
    }
    guard seen.insert(tag.name).inserted else {
      isDamaged = true
      note("\(tag.name.utf8.printable(limit: 40))= stands twice")
      return
    }
    let value = String(decoding: tag.value.map(\.asciiLowercased), as: UTF8.self)
    switch tag.name {
    case "p": takePolicy(value)
    case "sp": record.subdomainPolicy = policy(value, tag: "sp")
    case "np": record.nonexistentSubdomainPolicy = policy(value, tag: "np")
    case "adkim": record.dkimAlignment = known(AlignmentMode(rawValue: value), tag) ?? .relaxed
    case "aspf": record.spfAlignment = known(AlignmentMode(rawValue: value), tag) ?? .relaxed
    case "t": record.isTesting = known(Self.yesOrNo(value), tag) ?? false
    case "psd": takePublicSuffix(value, tag)
    case "rua": record.aggregateReportURIs = uris(tag)
    case "ruf": record.failureReportURIs = uris(tag)
    case "fo": record.failureOptions = known(Self.failureOptions(value), tag) ?? "0"
    case "pct":
      record.percent = known(Int(value).flatMap { (0...100).contains($0) ? $0 : nil }, tag)
    default: break  // Unknown tags are ignored (section 4.7).
    }
  }

  mutating func finish() -> DMARCPolicyRecord.Interpretation {
    if !hasPolicy {
      isDamaged = true
      if !seen.contains("p") { note("p= is missing") }
    }
    guard isDamaged else { return .init(record: record, applies: true) }
    record.policy = .none
    record.subdomainPolicy = nil
    record.nonexistentSubdomainPolicy = nil
    return .init(record: record, applies: !record.aggregateReportURIs.isEmpty)
  }

  /// Notes a problem; a record can hold thousands, a few say enough.
  private mutating func note(_ problem: String) {
    if record.problems.count < 10 { record.problems.append(problem) }
  }

  // MARK: - Tags

  private mutating func takeUnreadable(_ section: ArraySlice<UInt8>) {
    let name = section.prefix { $0 != UInt8(ascii: "=") }.trimmingWhitespace()
    note("\"\(section.trimmingWhitespace().printable(limit: 40))\" is no tag")
    // "p=" with nothing behind it, or with octets that cannot be, is an invalid p.
    for policy in ["p", "sp", "np"] where name.equalsIgnoringASCIICase(policy) {
      if counts(policy) { isDamaged = true }
      seen.insert(policy)
    }
  }

  private mutating func takePolicy(_ value: String) {
    guard let policy = policy(value, tag: "p") else { return }
    record.policy = policy
    hasPolicy = true
  }

  private mutating func policy(_ value: String, tag: String) -> DomainOwnerPolicy? {
    guard let policy = DomainOwnerPolicy(rawValue: value) else {
      if counts(tag) { isDamaged = true }
      note("\(tag)=\(value.utf8.printable(limit: 40)) is no policy")
      return nil
    }
    return policy
  }

  /// Whether a broken policy tag breaks the record: RFC 7489 does not know `np`.
  private func counts(_ tag: String) -> Bool { rules == .treewalk || tag != "np" }

  private mutating func takePublicSuffix(_ value: String, _ tag: DMARCPolicyRecord.Tag) {
    guard value != "u" else { return }
    record.isPublicSuffix = known(Self.yesOrNo(value), tag)
  }

  private static func yesOrNo(_ value: String) -> Bool? {
    switch value {
    case "y": true
    case "n": false
    default: nil
    }
  }

  /// Passes a value on; nil is noted as a problem and the tag's default holds (section 4.8).
  private mutating func known<Value>(_ value: Value?, _ tag: DMARCPolicyRecord.Tag) -> Value? {
    if value == nil {
      note(
        "\(tag.name)=\(tag.value.printable(limit: 40)) is invalid, the default holds")
    }
    return value
  }

  /// `fo`: "0" or "1", never both, and "d" and "s" once each at most.
  private static func failureOptions(_ value: String) -> String? {
    let options = value.split(separator: ":", omittingEmptySubsequences: false)
      .map { String(decoding: Array($0.utf8).trimmingFoldingWhitespace(), as: UTF8.self) }
    guard options.allSatisfy({ ["0", "1", "d", "s"].contains($0) }),
      Set(options).count == options.count, !(options.contains("0") && options.contains("1"))
    else { return nil }
    return options.joined(separator: ":")
  }

  private mutating func uris(_ tag: DMARCPolicyRecord.Tag) -> [String] {
    tag.value.split(separator: UInt8(ascii: ",")).compactMap { member in
      let text = Self.withoutSizeLimit(member.trimmingWhitespace())
      guard Self.isURI(text) else {
        note(
          "\(tag.name)= holds \"\(text.printable(limit: 60))\", which is no URI")
        return nil
      }
      return String(decoding: text, as: UTF8.self)
    }
  }

  /// Cuts the obsolete `!10m`; "!" inside a URI is percent-encoded (section 4.8).
  private static func withoutSizeLimit(_ member: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let mark = member.lastIndex(of: UInt8(ascii: "!")) else { return member }
    var limit = member[(mark + 1)...]
    if let unit = limit.last, "kmgt".utf8.contains(unit.asciiLowercased) { limit.removeLast() }
    guard !limit.isEmpty, limit.allSatisfy(\.isASCIIDigit) else { return member }
    return member[..<mark]
  }

  private static let otherURIOctets = Array("-._~:/?#[]@$&'()*+=%".utf8)

  /// Whether the octets are a scheme, a colon and URI characters (RFC 3986 section 3).
  private static func isURI(_ text: ArraySlice<UInt8>) -> Bool {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")), let first = text.first,
      first.isASCIILetter, colon < text.index(before: text.endIndex)
    else { return false }
    let scheme = text[..<colon]
    guard scheme.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || "+-.".utf8.contains($0) })
    else { return false }
    return text[(colon + 1)...].allSatisfy { octet in
      octet.isASCIILetter || octet.isASCIIDigit || otherURIOctets.contains(octet)
    }
  }
}
