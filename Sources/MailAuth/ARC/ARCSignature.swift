/// What ARC-Message-Signature and ARC-Seal have in common: who signed, how, and the signature.
struct ARCSignature: Sendable {
  /// `d=` as A-labels; nil when absent or not a domain name.
  var domain: DomainName?
  /// `s=`; nil when absent or not made of DNS labels.
  var selector: DomainName?
  /// `a=`, lower case; empty when absent.
  var algorithm: String
  /// `b=` decoded; nil when absent or not base64.
  var value: [UInt8]?

  init(_ tags: TagList) {
    domain = tags["d"].flatMap(DomainName.init(bytes:))
    selector = tags["s"].flatMap(DomainName.init(bytes:))
    algorithm = tags["a"].map { $0.map(\.asciiLowercased).printable(limit: 40) } ?? ""
    value = tags.compact("b").flatMap { Base64.decode($0) }
  }

  /// The name of the key record; nil when `d=` or `s=` is unusable.
  var keyName: String? {
    guard let domain, let selector else { return nil }
    return selector.text + "._domainkey." + domain.text
  }

  /// The signing domain for sentences.
  var signer: String { domain?.text ?? "the signer" }

  /// Judges what both fields have.
  func check(_ tags: TagList, required: [String]) throws(FieldProblem) {
    for name in required {
      guard let value = tags[name] else {
        throw FieldProblem(.fieldSyntax, "The field lacks the required tag \(name)=.")
      }
      // An h= without a name covers nothing but the signature itself, and is grammatical.
      guard !value.isEmpty || name == "h" else {
        throw FieldProblem(.fieldSyntax, "The required tag \(name)= is empty.")
      }
    }
    switch algorithm {
    case "rsa-sha256", "ed25519-sha256": break
    case "rsa-sha1":
      throw FieldProblem(
        .algorithmRefused, "It uses rsa-sha1, which must not be used (RFC 8301).")
    default:
      throw FieldProblem(
        .algorithmUnknown, "Its algorithm a=\(algorithm) is unknown.")
    }
    guard domain != nil else {
      throw FieldProblem(.fieldSyntax, "The signing domain d= is not a domain name.")
    }
    guard selector != nil else {
      throw FieldProblem(.fieldSyntax, "The selector s= is not made of DNS labels.")
    }
    guard value != nil else {
      throw FieldProblem(.fieldSyntax, "The signature value b= is not base64.")
    }
    // Only the grammar of times counts: a chain has no term, and RFC 6376 leaves it to verifiers.
    for name in ["t", "x"] {
      guard let value = tags[name] else { continue }
      guard !value.isEmpty, value.allSatisfy(\.isASCIIDigit) else {
        throw FieldProblem(.fieldSyntax, "The value of \(name)= is not a number.")
      }
    }
  }

  /// Why a field cannot verify, before it is known to which set that matters.
  struct FieldProblem: Error {
    var cause: ARCCause
    var reason: String

    init(_ cause: ARCCause, _ reason: String) {
      self.cause = cause
      self.reason = reason
    }
  }
}

/// An ARC-Message-Signature field (RFC 8617 section 4.1.2).
struct ARCMessageSignature: Sendable {
  var signature: ARCSignature
  /// The field, which seals cover.
  var field: HeaderField
  /// Its place in the header.
  var headerIndex: Int
  /// What `c=` may mean; empty when a name in it is unknown.
  ///
  /// Without `c=` RFC 6376 section 3.5 says simple/simple, but ARC's test suite and the sealers made
  /// after it mean relaxed/relaxed. A signature that verifies either way is the sealer's.
  var canonicalizations: [SignatureCanonicalization]
  /// `bh=` decoded; nil when absent or not base64.
  var bodyHash: [UInt8]?
  /// `l=` in octets, cut to the largest number that fits; nil when absent.
  var bodyLength: Int?
  /// The names in `h=`, lower case; empty names name nothing.
  var signedNames: [String]
  /// The first thing wrong with the field.
  var problem: ARCProblem?

  init(_ tags: TagList, instance: Int, field: HeaderField, headerIndex: Int) {
    self.field = field
    self.headerIndex = headerIndex
    signature = ARCSignature(tags)
    let lengthText = tags["l"].map { String(decoding: $0, as: UTF8.self) }
    let named = SignatureCanonicalization(tags.compactText("c"))
    canonicalizations = named.map { [$0] } ?? []
    if tags["c"] == nil {
      canonicalizations.append(SignatureCanonicalization(header: .relaxed, body: .relaxed))
    }
    bodyHash = tags.compact("bh").flatMap { Base64.decode($0) }
    bodyLength = lengthText.map { Int($0) ?? .max }
    signedNames = tags.lowercasedList("h")?.filter { !$0.isEmpty } ?? []
    do throws(ARCSignature.FieldProblem) {
      try signature.check(tags, required: ["a", "b", "bh", "d", "h", "s"])
      try check(lengthText: lengthText)
    } catch {
      problem = ARCProblem(
        error.cause, instance: instance, field: .messageSignature, error.reason)
    }
  }

  private func check(lengthText: String?) throws(ARCSignature.FieldProblem) {
    guard !canonicalizations.isEmpty else {
      throw ARCSignature.FieldProblem(.fieldSyntax, "The canonicalization c= is unknown.")
    }
    guard bodyHash?.count == 32 else {
      throw ARCSignature.FieldProblem(
        .fieldSyntax, "The body hash bh= is not a SHA-256 hash in base64.")
    }
    if let lengthText {
      guard !lengthText.isEmpty, lengthText.utf8.allSatisfy(\.isASCIIDigit) else {
        throw ARCSignature.FieldProblem(.fieldSyntax, "The value of l= is not a number.")
      }
    }
    // Signing the other ARC fields is forbidden as well, but common, and does no harm.
    guard !signedNames.contains("arc-seal") else {
      throw ARCSignature.FieldProblem(
        .sealCovered, "It covers ARC-Seal fields, which is forbidden.")
    }
  }
}

/// An ARC-Seal field (RFC 8617 section 4.1.3).
struct ARCSeal: Sendable {
  var signature: ARCSignature
  /// The field, which later seals cover.
  var field: HeaderField
  /// `cv=`; nil when absent or unknown.
  var chainValidation: ChainValidation?
  /// The first thing wrong with the field.
  var problem: ARCProblem?

  init(_ tags: TagList, instance: Int, field: HeaderField) {
    self.field = field
    signature = ARCSignature(tags)
    chainValidation = tags["cv"].flatMap { value in
      ChainValidation(rawValue: String(decoding: value.map(\.asciiLowercased), as: UTF8.self))
    }
    do throws(ARCSignature.FieldProblem) {
      try signature.check(tags, required: ["a", "b", "cv", "d", "s"])
      if tags["h"] != nil {
        throw ARCSignature.FieldProblem(.sealWithHeaderList, "A seal must not have h=.")
      }
    } catch {
      problem = ARCProblem(error.cause, instance: instance, field: .seal, error.reason)
    }
  }
}
