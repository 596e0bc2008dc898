/// The DNS as libspf2 sees it while it evaluates one mechanism.
///
/// libspf2 asks for names that stand for the real ones (``placeholder`` and what
/// ``reply(to:type:)`` handed out), so no text of the record or of the sender reaches its parser.
/// Here answers become what the mechanism may do with them: limits, void lookups, failures.
final class SPFTermLookup {
  /// The only domain that libspf2 is ever given as a target.
  static let placeholder = "t.invalid"
  /// RFC 7208 section 4.6.4: one more MX host is permerror, further PTR names are ignored.
  static let maxHosts = 10

  /// What libspf2 is told.
  enum Reply: Equatable {
    case records([DNSRecord])
    /// NXDOMAIN, NODATA, or a name that cannot be asked for.
    case nothing
    /// A failure that ends the evaluation of the mechanism.
    case failure
  }

  /// A question that failed.
  struct Failure {
    var question: DNSQuestion
    var answer: DNSAnswer
  }

  private let mechanism: SPFMechanism
  private let target: String
  private let client: IPAddress
  private let resolver: CheckResolver
  private var hosts: [String: String] = [:]
  /// The reply about the target's own addresses, which are asked for once.
  private var ownAddresses: (type: DNSRecordType, reply: Reply)?

  /// The first failure of a mechanism that must not overlook it; later questions are not asked.
  private(set) var failure: Failure?
  /// Whether a question found nothing.
  ///
  /// The names in a PTR answer are the client's choice and do not count: no client shall be able
  /// to turn a domain's record into a permerror.
  private(set) var isVoid = false
  /// Whether an address of the client's family came back, whatever it was.
  private(set) var foundAddress = false
  /// The number of MX hosts when there are too many.
  private(set) var excessHosts: Int?

  /// Makes the DNS for one mechanism.
  ///
  /// - Parameters:
  ///   - mechanism: The mechanism; its domain-spec has been expanded.
  ///   - target: The name that it is about.
  ///   - client: The client's address, not IPv4-mapped.
  ///   - resolver: Whom to ask.
  init(_ mechanism: SPFMechanism, target: String, client: IPAddress, resolver: CheckResolver) {
    self.mechanism = mechanism
    self.target = target
    self.client = client
    self.resolver = resolver
  }

  /// Answers one question of libspf2.
  func reply(to name: String, type: DNSRecordType) -> Reply {
    if failure != nil || excessHosts != nil { return .failure }
    switch (mechanism, type) {
    case (.exists, .a) where name == Self.placeholder:
      return askedByOwner(target, .a)
    case (.address, .a), (.address, .aaaa):
      return name == Self.placeholder ? addresses(type) : .nothing
    case (.mailExchanger, .mx) where name == Self.placeholder:
      return mailExchangers()
    case (.mailExchanger, .a), (.mailExchanger, .aaaa):
      guard let host = hosts[name] else { return .nothing }
      return askedByOwner(host, type)
    case (.reverse, .ptr):
      return reverseNames()
    case (.reverse, .a), (.reverse, .aaaa):
      guard let host = hosts[name] else { return .nothing }
      return asked(resolver.answer(host, type))
    default:
      return .nothing
    }
  }

  /// Asks for the addresses of an `a` before libspf2 does.
  ///
  /// - Returns: Those of the client's family, as octets in the order of the answer; nil for other
  ///   mechanisms, and when there is no answer.
  func askForAddresses() -> [UInt8]? {
    guard case .address = mechanism,
      case .records(let records) = addresses(DNSRecordType(holding: client))
    else { return nil }
    return records.compactMap(addressOfClientFamily).flatMap(\.bytes)
  }

  private func addresses(_ type: DNSRecordType) -> Reply {
    if let ownAddresses, ownAddresses.type == type { return ownAddresses.reply }
    let reply = askedByOwner(target, type)
    ownAddresses = (type, reply)
    return reply
  }

  private func mailExchangers() -> Reply {
    guard case .records(let records) = askedByOwner(target, .mx) else {
      return failure == nil ? .nothing : .failure
    }
    var names: [String] = []
    for case .mx(_, let host) in records where !host.isEmpty { names.append(host) }
    guard names.count <= Self.maxHosts else {
      excessHosts = names.count
      return .failure
    }
    return handOut(names) { index, _ in "h\(index).invalid" }
  }

  private func reverseNames() -> Reply {
    let answer = resolver.answer(client.reverseName, .ptr)
    if answer.outcome.isVoid { isVoid = true }
    // A DNS error means that nothing matches (RFC 7208 section 5.5).
    guard answer.outcome == .answer else { return .nothing }
    // A name at or below the target gets an alias below the placeholder: that is all libspf2 sees
    // of either name, and it decides by it after it has validated the alias.
    return handOut(Self.reverseNames(in: answer)) { index, name in
      let isBelow = name == target || name.hasSuffix("." + target)
      return "h\(index)." + (isBelow ? Self.placeholder : "invalid")
    }
  }

  private func handOut(_ names: [String], as alias: (Int, String) -> String) -> Reply {
    guard !names.isEmpty else { return .nothing }
    return .records(
      names.enumerated().map { index, name in
        let alias = alias(index, name)
        hosts[alias] = name
        return mechanismTakesPTR ? .ptr(alias) : .mx(preference: 0, host: alias)
      })
  }

  private var mechanismTakesPTR: Bool {
    if case .reverse = mechanism { true } else { false }
  }

  /// Asks for a name that the record leads to: a failure ends the check with temperror
  /// (RFC 7208 section 5), and finding nothing is a void lookup (section 4.6.4).
  private func askedByOwner(_ name: String, _ type: DNSRecordType) -> Reply {
    let answer = resolver.answer(name, type)
    if answer.outcome.isTemporaryFailure {
      failure = Failure(question: DNSQuestion(name, type), answer: answer)
      return .failure
    }
    if answer.outcome.isVoid { isVoid = true }
    return asked(answer)
  }

  private func asked(_ answer: DNSAnswer) -> Reply {
    guard answer.outcome == .answer, !answer.records.isEmpty else { return .nothing }
    if answer.records.contains(where: { addressOfClientFamily($0) != nil }) { foundAddress = true }
    return .records(answer.records)
  }

  private func addressOfClientFamily(_ record: DNSRecord) -> IPAddress? {
    guard case .address(let address) = record, address.isIPv4 == client.isIPv4 else { return nil }
    return address
  }

  /// The first ten names of a PTR answer; more are ignored (RFC 7208 section 4.6.4).
  static func reverseNames(in answer: DNSAnswer) -> [String] {
    var names: [String] = []
    for case .ptr(let name) in answer.records { names.append(name) }
    return Array(names.prefix(maxHosts))
  }
}
