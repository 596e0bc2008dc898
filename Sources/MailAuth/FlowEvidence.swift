/// A sign in a message that it did not come straight from its author's system (RFC 7960).
///
/// Any sender can write any of them: they are recorded, and they explain, but they prove nothing.
public enum FlowSign: String, Sendable, Codable, CaseIterable {
  /// A List-Id field (RFC 2919).
  case listID
  /// Another field of mailing lists: List-Post, List-Unsubscribe with List-Id, Precedence: list.
  case listFields
  /// A return path as lists write it: an owner, bounce or VERP address.
  case listReturnPath
  /// A return path that a forwarder rewrote: SRS0 or SRS1.
  case rewrittenReturnPath
  /// X-Forwarded-To, X-Forwarded-For, or Resent- fields.
  case forwardingFields
  /// A Delivered-To field: the message was in a mailbox before.
  case deliveredBefore
  /// ARC sets: somebody on the way sealed the message.
  case arcSets
  /// A null return path or Auto-Submitted: a bounce or an automatic reply.
  case automatic
}

/// What a message says of the way it took.
public struct FlowEvidence: Sendable, Codable, Equatable {
  /// The signs seen, in the order of ``FlowSign``.
  public var signs: [FlowSign]
  /// The identifier in List-Id, cut to 200 octets; nil without one.
  public var listIdentifier: String?

  /// Makes evidence.
  public init(signs: [FlowSign] = [], listIdentifier: String? = nil) {
    self.signs = signs
    self.listIdentifier = listIdentifier
  }

  /// Whether a mailing list seems to have handled the message.
  public var suggestsList: Bool {
    signs.contains { [.listID, .listFields, .listReturnPath].contains($0) }
  }

  /// Whether a forwarder seems to have handled the message.
  public var suggestsForwarding: Bool {
    signs.contains {
      [.rewrittenReturnPath, .forwardingFields, .deliveredBefore, .arcSets].contains($0)
    }
  }

  /// Looks for signs in a header and a return path.
  init(header: [HeaderField], envelope: Envelope) {
    var found: Set<FlowSign> = []
    // By index: iteration copies each field.
    for index in header.indices {
      guard let sign = Self.sign(of: header[index]) else { continue }
      found.insert(sign)
      if sign == .listID, listIdentifier == nil {
        listIdentifier = Self.identifier(in: header[index].value)
      }
    }
    if let sign = Self.sign(ofReturnPath: envelope.mailFrom) { found.insert(sign) }
    guard !found.isEmpty else {
      signs = []
      return
    }
    signs = FlowSign.allCases.filter(found.contains)
  }

  /// What a field is a sign of, by its name in lower case.
  private static let namedSigns: [(name: String, sign: FlowSign)] = [
    ("list-id", .listID), ("list-post", .listFields), ("list-owner", .listFields),
    ("list-archive", .listFields), ("precedence", .listFields),
    ("x-forwarded-to", .forwardingFields), ("x-forwarded-for", .forwardingFields),
    ("resent-from", .forwardingFields), ("resent-sender", .forwardingFields),
    ("resent-to", .forwardingFields), ("delivered-to", .deliveredBefore), ("arc-seal", .arcSets),
    ("auto-submitted", .automatic),
  ]

  /// ``namedSigns`` by the length of the name: most fields are compared with one name or none.
  private static let signsByLength = (0...(namedSigns.map(\.name.utf8.count).max() ?? 0)).map {
    length in namedSigns.filter { $0.name.utf8.count == length }
  }

  private static func sign(of field: HeaderField) -> FlowSign? {
    let length = field.name.count
    guard length < signsByLength.count,
      let entry = signsByLength[length].first(where: { field.isNamed($0.name) })
    else { return nil }
    switch entry.name {
    case "precedence":
      let isList = field.value.trimmingFoldingWhitespace().equalsIgnoringASCIICase("list")
      return isList ? entry.sign : nil
    case "auto-submitted":
      let isNo = field.value.trimmingFoldingWhitespace().equalsIgnoringASCIICase("no")
      return isNo ? nil : entry.sign
    default: return entry.sign
    }
  }

  private static let rewrittenPrefixes =
    ["srs0=", "srs1=", "srs0+", "srs1+", "srs0-", "srs1-"].map { Array($0.utf8) }
  private static let listWords =
    ["owner-", "-owner", "-bounces", "bounces+", "-request", "-admin"].map { Array($0.utf8) }

  private static func sign(ofReturnPath path: [UInt8]) -> FlowSign? {
    if path.isEmpty { return .automatic }
    let local = path.prefix { $0 != UInt8(ascii: "@") }.map(\.asciiLowercased)
    if rewrittenPrefixes.contains(where: { local.starts(with: $0) }) { return .rewrittenReturnPath }
    return listWords.contains { holds(local, $0) } ? .listReturnPath : nil
  }

  /// Whether `word` stands somewhere in `text`.
  private static func holds(_ text: [UInt8], _ word: [UInt8]) -> Bool {
    guard let first = word.first, text.count >= word.count else { return false }
    return (0...(text.count - word.count)).contains { start in
      text[start] == first && text[start...].starts(with: word)
    }
  }

  /// What stands between the last angle brackets of a List-Id, or the whole value.
  private static func identifier(in value: [UInt8]) -> String {
    let trimmed = value.trimmingFoldingWhitespace()
    if let open = trimmed.lastIndex(of: UInt8(ascii: "<")),
      let close = trimmed[open...].firstIndex(of: UInt8(ascii: ">"))
    {
      return trimmed[trimmed.index(after: open)..<close].printable()
    }
    return trimmed.printable()
  }
}
