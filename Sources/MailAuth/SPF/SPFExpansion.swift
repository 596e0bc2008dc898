/// Turns macro-strings into names to ask for and text to show (RFC 7208 sections 6.2 and 7.3).
final class SPFExpansion {
  /// The longest explanation kept: enough for a sentence, short enough for an SMTP reply.
  static let maxExplanationOctets = 500
  /// Where a growing name is cut on its left: more than a name can have, so that what is left
  /// still loses whole labels.
  private static let maxGrowingOctets = 1024

  private let resolver: CheckResolver
  private let session: SPFSession
  private lazy var validatedNames = validateNames()

  init(resolver: CheckResolver, session: SPFSession) {
    self.resolver = resolver
    self.session = session
  }

  /// Whether a term can match nothing because it would put a local part that is not ASCII into a
  /// name (RFC 8616 section 4).
  func isBeyondASCII(_ target: SPFMacro) -> Bool {
    target.usesLocalPart && session.localPart.contains { $0 >= 0x80 }
  }

  /// The name that a domain-spec stands for; without a domain-spec it is `domain`.
  ///
  /// Nil when the DNS cannot hold what comes out: senders choose what macros expand to.
  func name(from target: SPFMacro?, in domain: String) -> String? {
    guard let target else { return domain }
    var name =
      target.literal?.suffix(Self.maxGrowingOctets)
      ?? target.expanded(context(domain), keepingLast: Self.maxGrowingOctets)[...]
    if name.last == UInt8(ascii: ".") { name.removeLast() }
    // Too long a name loses labels on its left (section 7.3).
    while name.count > 253 {
      guard let dot = name.firstIndex(of: UInt8(ascii: ".")) else { return nil }
      name = name[(dot + 1)...]
    }
    guard name.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
    let question = DNSQuestion(String(decoding: name, as: UTF8.self), .a)
    return question.isValidName ? question.name : nil
  }

  /// The text that `exp=` leads to, expanded; nil on any trouble on the way (section 6.2).
  ///
  /// It is cut after ``maxExplanationOctets``. Lookups for it count nowhere: the result stands.
  func explanation(_ target: SPFMacro, in domain: String) -> String? {
    guard !isBeyondASCII(target), let name = name(from: target, in: domain) else { return nil }
    let texts = resolver.answer(name, .txt).joinedTexts
    guard texts.count == 1, let macro = SPFMacro(texts[0], in: .explanation) else { return nil }
    let text = macro.expanded(context(domain), keepingFirst: Self.maxExplanationOctets)
    // What macros brought in may still be anything; it ends up in SMTP replies and logs.
    guard !text.isEmpty, text.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
    return String(decoding: text, as: UTF8.self)
  }

  private func context(_ domain: String) -> SPFMacroContext {
    SPFMacroContext(session: session, domain: domain) { self.validatedName(for: domain) }
  }

  /// The value of macro `p`: best the domain itself, then a name below it, then any (section 7.3).
  private func validatedName(for domain: String) -> String {
    validatedNames.first { $0 == domain } ?? validatedNames.first { $0.hasSuffix("." + domain) }
      ?? validatedNames.first ?? "unknown"
  }

  /// The client's names that lead back to its address (section 5.5); failures only skip names.
  private func validateNames() -> [String] {
    let names = SPFTermLookup.reverseNames(in: resolver.answer(session.client.reverseName, .ptr))
    return names.filter { name in
      let type = DNSRecordType(holding: session.client)
      return resolver.answer(name, type).records.contains(.address(session.client))
    }
  }
}
