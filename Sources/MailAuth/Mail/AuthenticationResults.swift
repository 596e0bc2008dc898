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
    var text = TextBuffer(capacity: 768)
    text += FieldText.word(authservID)
    if !envelope.hasNullReversePath {
      add(evaluation.mailFromSPF, " smtp.mailfrom=", to: &text)
    }
    add(
      envelope.hasNullReversePath ? evaluation.mailFromSPF : evaluation.heloSPF, " smtp.helo=",
      to: &text)
    if evaluation.dkim.isEmpty { text += "; dkim=none" }
    for outcome in worthAnEntry(evaluation.dkim) { add(outcome, to: &text) }
    add(evaluation.arc, clientAddress: envelope.clientAddress, to: &text)
    add(
      evaluation.dmarc, authorDomain: evaluation.authorDomain, disposition: disposition, to: &text)
    return text.text
  }

  // MARK: - Entries

  /// The signatures without those behind the last that was evaluated: a message can have thousands.
  private static func worthAnEntry(_ outcomes: [DKIMOutcome]) -> ArraySlice<DKIMOutcome> {
    let last = outcomes.lastIndex { $0.cause != .notEvaluated } ?? 0
    return outcomes.prefix(last + 1)
  }

  private static func add(_ outcome: SPFOutcome, _ property: String, to text: inout TextBuffer) {
    text += "; spf="
    text += outcome.result.rawValue
    add(
      reason: outcome.cause.rawValue, outcome.term?.utf8.printable(limit: 80) ?? "", to: &text)
    add(outcome.alignment, to: &text)
    add(property, outcome.domain, to: &text)
  }

  private static func add(_ outcome: DKIMOutcome, to text: inout TextBuffer) {
    text += "; dkim="
    text += outcome.result.rawValue
    if outcome.cause != .verified { add(reason: outcome.cause.rawValue, to: &text) }
    add(outcome.alignment, to: &text)
    add(" header.d=", outcome.domain, to: &text)
    add(" header.s=", outcome.selector, to: &text)
    add(" header.a=", outcome.algorithm, to: &text)
    add(" header.b=", outcome.signatureStart ?? "", to: &text)
  }

  /// The entry of RFC 8617 section 6; `arc=none` too names the client, since a sealer behind us copies
  /// it into the first set.
  private static func add(
    _ outcome: ARCOutcome, clientAddress: IPAddress, to text: inout TextBuffer
  ) {
    text += "; arc="
    text += outcome.result.rawValue
    if outcome.cause != .verified, outcome.cause != .noSets {
      let place = [outcome.failedInstance.map { "i=\($0)" }, outcome.failedField?.rawValue]
        .compactMap { $0 }.joined(separator: " ")
      add(reason: outcome.cause.rawValue, place, to: &text)
    }
    add(" smtp.remote-ip=", clientAddress.unmapped.description, to: &text)
    add(" header.oldest-pass=", outcome.oldestPass.map(String.init) ?? "", to: &text)
  }

  private static func add(
    _ outcome: DMARCOutcome, authorDomain: DomainName?, disposition: Disposition,
    to text: inout TextBuffer
  ) {
    text += "; dmarc="
    text += outcome.result.rawValue
    add(reason: outcome.cause.rawValue, to: &text)
    // By convention a comment tells the published policy and, where it applies, what was done.
    if let record = outcome.record {
      text += " (p="
      text += record.policy.rawValue
      if outcome.result == .fail { text += " dis=\(disposition.rawValue)" }
      text += ")"
    } else if disposition != .none {
      text += " (dis=\(disposition.rawValue))"
    }
    add(" header.from=", authorDomain?.text ?? "", to: &text)
    guard outcome.record != nil else { return }
    // RFC 9989 section 9.1: the policy applied or to be applied; a pass asks for nothing.
    let policy = outcome.result == .fail ? outcome.appliedPolicy ?? .none : .none
    add(" policy.dmarc=", policy.rawValue, to: &text)
  }

  private static func add(_ alignment: Alignment?, to text: inout TextBuffer) {
    guard let alignment else { return }
    switch (alignment.isAligned, alignment.obstacle) {
    case (true?, _): text += " (aligned)"
    case (nil, _): text += " (alignment unknown)"
    case (_, let obstacle):
      text += " (not aligned: "
      text += obstacle?.rawValue ?? "unknown"
      text += ")"
    }
  }

  /// Adds a reason; `detail` says more, or is empty.
  private static func add(reason: String, _ detail: String = "", to text: inout TextBuffer) {
    text += " reason=\""
    text += FieldText.safe(reason)
    if !detail.isEmpty {
      text += ": "
      text += FieldText.safe(detail)
    }
    text += "\""
  }

  /// Adds a value behind its ` name=`, or nothing when it is empty.
  private static func add(_ name: String, _ value: String, to text: inout TextBuffer) {
    guard !value.isEmpty else { return }
    text += name
    text += FieldText.word(value)
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
