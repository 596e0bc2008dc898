/// The Authentication-Results field (RFC 8601): ours as text, others' only as far as it takes to
/// see in whose name they speak.
public enum AuthenticationResults {
  /// The name of the field.
  public static let fieldName = "Authentication-Results"

  /// Whether an incoming field must go, because it speaks in our name or might be read so.
  ///
  /// Besides our own authserv-id that covers fields without an authserv-id, or with one outside the
  /// grammar, which some reader might take for ours, and fields of an unknown version (RFC 8601
  /// section 5). `value` is the field's value as octets.
  public static func speaksFor(authservID: String, value: [UInt8]) -> Bool {
    var reader = FieldStart(value)
    guard let identifier = reader.token() else { return true }
    if isSame(identifier, authservID) || !isWellFormed(identifier) { return true }
    guard let version = reader.token() else { return reader.isBroken }
    return version != Array("1".utf8)
  }

  /// The value of our field on one line: authserv-id, then a result for each method.
  static func text(
    authservID: String, evaluation: Evaluation, envelope: Envelope, disposition: Disposition
  ) -> String {
    var text = FieldText.word(authservID)
    text.reserveCapacity(600)
    func add(_ entry: String) {
      text += "; "
      text += entry
    }
    if !envelope.hasNullReversePath {
      add(entry(evaluation.mailFromSPF, property: "smtp.mailfrom"))
    }
    add(
      entry(
        envelope.hasNullReversePath ? evaluation.mailFromSPF : evaluation.heloSPF,
        property: "smtp.helo"))
    if evaluation.dkim.isEmpty { add("dkim=none") }
    for outcome in worthAnEntry(evaluation.dkim) { add(entry(outcome)) }
    add(entry(evaluation.arc, clientAddress: envelope.clientAddress))
    add(entry(evaluation.dmarc, authorDomain: evaluation.authorDomain, disposition: disposition))
    return text
  }

  // MARK: - Entries

  /// The signatures without those behind the last that was evaluated: a message can have thousands.
  private static func worthAnEntry(_ outcomes: [DKIMOutcome]) -> ArraySlice<DKIMOutcome> {
    let last = outcomes.lastIndex { $0.cause != .notEvaluated } ?? 0
    return outcomes.prefix(last + 1)
  }

  private static func entry(_ outcome: SPFOutcome, property: String) -> String {
    var text = "spf=\(outcome.result.rawValue)"
    var reason = outcome.cause.rawValue
    if let term = outcome.term { reason += ": " + term.utf8.printable(limit: 80) }
    text += " reason=" + FieldText.quoted(reason)
    text += comment(outcome.alignment)
    return text + pair(property, outcome.domain)
  }

  private static func entry(_ outcome: DKIMOutcome) -> String {
    var text = "dkim=\(outcome.result.rawValue)"
    if outcome.cause != .verified { text += " reason=\(FieldText.quoted(outcome.cause.rawValue))" }
    text += comment(outcome.alignment)
    text += pair("header.d", outcome.domain) + pair("header.s", outcome.selector)
    text += pair("header.a", outcome.algorithm)
    return text + pair("header.b", outcome.signatureStart ?? "")
  }

  /// The entry of RFC 8617 section 6; `arc=none` too names the client, since a sealer behind us copies
  /// it into the first set.
  private static func entry(_ outcome: ARCOutcome, clientAddress: IPAddress) -> String {
    var text = "arc=\(outcome.result.rawValue)"
    if ![.verified, .noSets].contains(outcome.cause) {
      let place = [outcome.failedInstance.map { "i=\($0)" }, outcome.failedField?.rawValue]
        .compactMap { $0 }.joined(separator: " ")
      text +=
        " reason=\(FieldText.quoted(outcome.cause.rawValue + (place.isEmpty ? "" : ": " + place)))"
    }
    text += pair("smtp.remote-ip", "\(clientAddress.unmapped)")
    return text + pair("header.oldest-pass", outcome.oldestPass.map(String.init) ?? "")
  }

  private static func entry(
    _ outcome: DMARCOutcome, authorDomain: DomainName?, disposition: Disposition
  ) -> String {
    var text = "dmarc=\(outcome.result.rawValue)"
    text += " reason=\(FieldText.quoted(outcome.cause.rawValue))"
    // By convention a comment tells the published policy and, where it applies, what was done.
    let done = outcome.result == .fail ? " dis=\(disposition.rawValue)" : ""
    if let record = outcome.record {
      text += " (p=\(record.policy.rawValue)\(done))"
    } else if disposition != .none {
      text += " (dis=\(disposition.rawValue))"
    }
    text += pair("header.from", authorDomain?.text ?? "")
    guard outcome.record != nil else { return text }
    // RFC 9989 section 9.1: the policy applied or to be applied; a pass asks for nothing.
    let policy = outcome.result == .fail ? outcome.appliedPolicy ?? .none : .none
    return text + pair("policy.dmarc", policy.rawValue)
  }

  private static func comment(_ alignment: Alignment?) -> String {
    guard let alignment else { return "" }
    switch (alignment.isAligned, alignment.obstacle) {
    case (true?, _): return " (aligned)"
    case (nil, _): return " (alignment unknown)"
    case (_, let obstacle): return " (not aligned: \(obstacle?.rawValue ?? "unknown"))"
    }
  }

  /// ` name=value`, or nothing for an empty value.
  private static func pair(_ name: String, _ value: String) -> String {
    value.isEmpty ? "" : " " + name + "=" + FieldText.word(value)
  }

  // MARK: - Reading

  private static func isWellFormed(_ identifier: [UInt8]) -> Bool {
    FieldText.isToken(identifier) || DomainName(bytes: identifier) != nil
  }

  static func isSame(_ identifier: [UInt8], _ authservID: String) -> Bool {
    if identifier.equalsIgnoringASCIICase(authservID) { return true }
    guard let theirs = DomainName(bytes: identifier), let ours = DomainName(authservID) else {
      return false
    }
    return theirs == ours
  }

  /// Reads the tokens in front of the first ";".
  private struct FieldStart {
    private var rest: ArraySlice<UInt8>
    /// Whether what follows cannot be read.
    private(set) var isBroken = false

    init(_ value: [UInt8]) { rest = value[...] }

    /// The next token or quoted string; nil at ";" or the end, or when it cannot be read.
    mutating func token() -> [UInt8]? {
      guard skipWhitespaceAndComments() else { return nil }
      guard let first = rest.first, first != UInt8(ascii: ";") else { return nil }
      if first == UInt8(ascii: "\"") { return quotedString() }
      let octets = rest.prefix { !$0.isFoldingWhitespace && !";(\"".utf8.contains($0) }
      rest = rest.dropFirst(octets.count)
      return Array(octets)
    }

    private mutating func skipWhitespaceAndComments() -> Bool {
      var depth = 0
      while let octet = rest.first {
        if octet == UInt8(ascii: "(") {
          depth += 1
        } else if depth > 0, octet == UInt8(ascii: ")") {
          depth -= 1
        } else if depth > 0, octet == UInt8(ascii: "\\") {
          rest = rest.dropFirst()
        } else if depth == 0, !octet.isFoldingWhitespace {
          return true
        }
        rest = rest.dropFirst()
      }
      isBroken = depth > 0
      return !isBroken
    }

    private mutating func quotedString() -> [UInt8]? {
      var octets: [UInt8] = []
      rest = rest.dropFirst()
      while let octet = rest.popFirst() {
        if octet == UInt8(ascii: "\"") { return octets }
        if octet == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
          octets.append(escaped)
        } else {
          octets.append(octet)
        }
      }
      isBroken = true
      return nil
    }
  }
}
