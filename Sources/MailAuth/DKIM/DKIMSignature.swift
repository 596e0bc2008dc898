/// A DKIM-Signature field as parsed and judged before any key is fetched (RFC 6376 section 6.1.1).
///
/// libopendkim is more lenient than the RFC in places and over-reads some `i=` values, so nothing
/// reaches it, and nothing passes, that this type doubts.
struct DKIMSignature: Sendable {
  /// `d=` as A-labels; nil when absent or not a domain name.
  var domain: DomainName?
  /// `s=`; nil when absent or not made of DNS labels.
  var selector: DomainName?
  /// `a=`, lower case, at most 40 characters and an ellipsis; empty when absent.
  var algorithm = ""
  /// `i=` as it came, for people; nil when absent.
  var identity: String?
  /// What follows the last "@" of `i=`; nil when absent or not a domain name.
  var identityDomain: DomainName?
  /// `c=` with its default filled in; nil when a name in it is unknown.
  var canonicalizations: SignatureCanonicalization?
  /// `l=`, cut to the largest number that fits; nil when absent.
  var bodyLength: Int?
  /// `t=`, seconds since the epoch; nil when absent.
  var timestamp: Int64?
  /// `x=`, seconds since the epoch; nil when absent or beyond twelve digits, which means never.
  var expiration: Int64?
  /// Whether `x=` has more than twelve digits, which means never (RFC 6376 section 3.5, x=).
  var expiresNever = false
  /// `bh=`, decoded; nil when absent or not base64.
  var bodyHash: [UInt8]?
  /// The names in `h=`, lower case.
  var signedNames: [String] = []
  /// The first eight characters of `b=`; nil when absent.
  var signatureStart: String?
  /// Whether libopendkim can be given the field at all; see ``isSafeIdentity(_:)``.
  var isSafeForLibrary = true
  /// The first thing wrong with the field; nil when it can be verified.
  var problem: DKIMProblem?

  /// Parses and judges one DKIM-Signature field.
  init(_ field: HeaderField, now: Int64, clockSkewSeconds: Int64) {
    do {
      let tags = try TagList(field.value)
      readFacts(tags)
      try check(tags)
      try checkTime(now: now, clockSkewSeconds: clockSkewSeconds)
    } catch let found as TagList.Problem {
      problem = .permerror(
        .signatureSyntax, "The signature field cannot be read: \(found.sentence).")
      // Without tags nothing is known of i=, so the library does not see the field either.
      isSafeForLibrary = false
    } catch let found as DKIMProblem {
      problem = found
    } catch {
      problem = .internalError("\(error)")
    }
  }

  /// The name of the key record; nil when `d=` or `s=` is unusable.
  var keyName: String? {
    guard let domain, let selector else { return nil }
    return selector.text + "._domainkey." + domain.text
  }

  /// ``canonicalizations`` as `c=` has it, such as `relaxed/simple`.
  var canonicalization: String? { canonicalizations?.description }

  // MARK: - Reading

  private mutating func readFacts(_ tags: TagList) {
    domain = tags["d"].flatMap(DomainName.init(bytes:))
    selector = tags["s"].flatMap(DomainName.init(bytes:))
    algorithm = tags.compactText("a")?.asciiLowercased().utf8.printable(limit: 40) ?? ""
    identity = tags["i"].map { $0.printable(limit: 255) }
    identityDomain = tags["i"].flatMap(Self.domain(ofIdentity:))
    canonicalizations = SignatureCanonicalization(tags.compactText("c"))
    bodyLength = tags.compact("l").flatMap(Self.number)
    timestamp = tags.compact("t").flatMap(Self.number).map(Int64.init)
    if let text = tags.compactText("x") {
      expiresNever = text.utf8.count > 12
      expiration = expiresNever ? nil : Self.number(text.utf8).map(Int64.init)
    }
    signedNames = tags.lowercasedList("h") ?? []
    bodyHash = tags.compact("bh").flatMap { Base64.decode($0) }
    signatureStart = tags["b"].map(Self.start(ofSignature:))
    isSafeForLibrary = tags["i"].map(Self.isSafeIdentity) ?? true
  }

  /// Whether libopendkim 2.11 decodes this `i=` without reading past its end: at most 255 octets,
  /// each "=" followed by two hexadecimal digits.
  private static func isSafeIdentity(_ identity: ArraySlice<UInt8>) -> Bool {
    guard identity.count <= 255 else { return false }
    for index in identity.indices where identity[index] == UInt8(ascii: "=") {
      let digits = identity[(index + 1)...].prefix(2)
      guard digits.count == 2, digits.allSatisfy({ hexDigits.contains($0) }) else { return false }
    }
    return true
  }

  private static func domain(ofIdentity identity: ArraySlice<UInt8>) -> DomainName? {
    identity.lastIndex(of: UInt8(ascii: "@")).flatMap {
      DomainName(bytes: identity[($0 + 1)...])
    }
  }

  /// The first eight characters of `b=`, white space left out.
  private static func start(ofSignature value: ArraySlice<UInt8>) -> String {
    Array(value.lazy.filter { !$0.isFoldingWhitespace }.prefix(8)).printable()
  }

  private static let hexDigits = Set("0123456789ABCDEFabcdef".utf8)

  /// A decimal number of any length, cut to the largest that fits; nil for anything else.
  private static func number(_ text: some Collection<UInt8>) -> Int? {
    guard !text.isEmpty, text.allSatisfy(\.isASCIIDigit) else { return nil }
    return Int(String(decoding: text, as: UTF8.self)) ?? .max
  }

  // MARK: - Judging

  private static let requiredTags = ["v", "a", "b", "bh", "d", "h", "s"]

  private func check(_ tags: TagList) throws(DKIMProblem) {
    for name in Self.requiredTags {
      guard let value = tags[name] else {
        throw .permerror(.signatureSyntax, "The signature lacks the required tag \(name)=.")
      }
      guard !value.isEmpty else {
        throw .permerror(.signatureSyntax, "The required tag \(name)= of the signature is empty.")
      }
    }
    guard tags.compact("v")?.elementsEqual("1".utf8) == true else {
      throw .permerror(.signatureSyntax, "The signature's version v= is not 1.")
    }
    try checkAlgorithm()
    guard domain != nil else {
      throw .permerror(.signatureSyntax, "The signing domain d= is not a domain name.")
    }
    guard selector != nil else {
      throw .permerror(.signatureSyntax, "The selector s= is not made of DNS labels.")
    }
    try checkHashes(tags)
    guard canonicalizations != nil else {
      throw .permerror(.signatureSyntax, "The canonicalization c= is unknown.")
    }
    try checkSignedNames()
    try checkIdentity(tags)
    try checkQueryMethod(tags)
    for name in ["l", "t", "x"] where tags[name] != nil {
      guard tags.compact(name).flatMap(Self.number) != nil else {
        throw .permerror(.signatureSyntax, "The value of \(name)= is not a number.")
      }
    }
  }

  private func checkAlgorithm() throws(DKIMProblem) {
    switch algorithm {
    case "rsa-sha256", "ed25519-sha256": return
    case "rsa-sha1":
      throw .permerror(
        .algorithmRefused, "The signature uses rsa-sha1, which must not be used (RFC 8301).")
    default:
      throw .permerror(
        .algorithmUnknown,
        "The signature's algorithm a=\(algorithm) is unknown.")
    }
  }

  private func checkHashes(_ tags: TagList) throws(DKIMProblem) {
    guard tags["bh"].flatMap(Base64.decodedCount(ignoringWhitespaceIn:)) == 32 else {
      throw .permerror(.signatureSyntax, "The body hash bh= is not a SHA-256 hash in base64.")
    }
    guard tags["b"].flatMap(Base64.decodedCount(ignoringWhitespaceIn:)) != nil else {
      throw .permerror(.signatureSyntax, "The signature value b= is not base64.")
    }
  }

  private func checkSignedNames() throws(DKIMProblem) {
    guard signedNames.allSatisfy({ !$0.isEmpty }) else {
      throw .permerror(.signatureSyntax, "The list of signed fields h= holds an empty name.")
    }
    guard signedNames.contains("from") else {
      throw .permerror(.fromNotSigned, "The signature does not cover the From field.")
    }
  }

  private func checkIdentity(_ tags: TagList) throws(DKIMProblem) {
    guard let identity = tags["i"], let domain else { return }
    guard isSafeForLibrary, identity.contains(UInt8(ascii: "@")) else {
      throw .permerror(.signatureSyntax, "The identity i= is malformed.")
    }
    guard let identityDomain else {
      throw .permerror(.signatureSyntax, "The identity i= has no domain name.")
    }
    guard identityDomain.isEqualOrBelow(domain) else {
      throw .permerror(
        .identityOutsideDomain, "The identity i= (\(identityDomain)) lies outside d=\(domain).")
    }
  }

  private func checkQueryMethod(_ tags: TagList) throws(DKIMProblem) {
    guard let methods = tags.lowercasedList("q") else { return }
    // Unknown methods are skipped (RFC 6376 section 3.5, q=); libopendkim with a key callback
    // would accept any.
    guard methods.contains("dns/txt") else {
      throw .permerror(
        .queryMethodUnknown, "The signature offers no key query method but unknown ones (q=).")
    }
  }

  private func checkTime(now: Int64, clockSkewSeconds: Int64) throws(DKIMProblem) {
    if let timestamp, let expiration, expiration <= timestamp {
      throw .permerror(.signatureSyntax, "The signature expires before it was made (x= and t=).")
    }
    if let expiration, expiration + clockSkewSeconds < now {
      throw .permerror(
        .expired, "The signature expired \(now - expiration) seconds before it was checked (x=).")
    }
    if let timestamp, timestamp > now, timestamp - now > clockSkewSeconds {
      throw .permerror(
        .notYetValid, "The signature is dated \(timestamp - now) seconds in the future (t=).")
    }
  }
}
