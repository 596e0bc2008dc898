/// The one reason to look at first when an identifier did not do its part.
public struct RootCause: Sendable, Codable, Equatable {
  /// The fixed list of reasons.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// A sending service signs with its own domain.
    case unalignedSigner
    /// The identifiers belong to the organization, but strict alignment wants the exact name.
    case strictAlignment
    /// The author's signature was broken on the way, and nothing says by whom.
    case signatureBroken
    /// The author's signature cannot be verified: its key is missing, revoked or unusable, or the
    /// signature itself is malformed, expired or of a refused kind.
    case signatureUnusable
    /// A DNS answer is missing: the domain's servers, or our resolver, failed.
    case dnsFailure
    /// Several signatures, of which only some align; nothing is wrong.
    case severalSignatures
    /// Plain forwarding, or a sender missing from the SPF record; the signature holds.
    case forwarded
    /// Bounces go to the sending service: SPF passes for its domain.
    case unalignedReturnPath
    /// The SPF record itself is broken.
    case spfRecordBroken
    /// A forwarder or mailing list changed the message.
    case modifiedOnTheWay
    /// Nothing belongs to the author: a spoof, or a sender that nobody set up.
    case unknownSource
    /// From cannot be read, or names nobody in particular.
    case unusableFrom
    /// The policy record cannot be used.
    case policyRecordBroken
  }

  /// The reason.
  public var code: Code
  /// What happened, a sentence for people.
  public var explanation: String
  /// What to fix, and who can; a sentence for people.
  public var fix: String

  /// Makes a root cause.
  public init(code: Code, explanation: String, fix: String) {
    self.code = code
    self.explanation = explanation
    self.fix = fix
  }
}

extension RootCause {
  /// Finds the reason in what was found out about a message; nil when nothing is amiss, or when
  /// DMARC does not apply.
  ///
  /// The first reason of this order is named: what kept DMARC from a verdict, what broke an aligned
  /// signature, what kept something that passed from aligning, what is wrong with SPF.
  public init?(
    author: DomainName?, spf: SPFOutcome, dkim: [DKIMOutcome], dmarc: DMARCOutcome,
    flow: FlowEvidence
  ) {
    let finder = RootCauseFinder(
      author: author?.text ?? "the author", spf: spf, dkim: dkim, dmarc: dmarc, flow: flow)
    guard let cause = finder.find() else { return nil }
    self = cause
  }
}

/// The table of reasons, one function for each kind of result.
private struct RootCauseFinder {
  let author: String
  let spf: SPFOutcome
  let dkim: [DKIMOutcome]
  let dmarc: DMARCOutcome
  let flow: FlowEvidence

  func find() -> RootCause? {
    switch dmarc.result {
    case .none: dmarc.cause == .noFrom ? unusableFrom : nil
    case .permerror: dmarc.cause == .recordSyntax ? policyRecordBroken : unusableFrom
    case .temperror: dnsFailure
    case .pass: amissAlthoughPassed
    case .fail: failure
    }
  }

  // MARK: - Identifiers

  private func isAligned(_ alignment: Alignment?) -> Bool { alignment?.isAligned == true }

  private var alignedSignatures: [DKIMOutcome] { dkim.filter { isAligned($0.alignment) } }

  private var alignedSPF: SPFOutcome? { isAligned(spf.alignment) ? spf : nil }

  // MARK: - Without a verdict

  private var unusableFrom: RootCause {
    RootCause(
      code: .unusableFrom, explanation: dmarc.explanation,
      fix: "The sender has to write one From field with one address.")
  }

  private var policyRecordBroken: RootCause {
    RootCause(
      code: .policyRecordBroken, explanation: dmarc.explanation,
      fix: "The owner of that record has to mend it: p=, and sp= and np= where they are given, "
        + "must be none, quarantine or reject, and no tag may stand twice.")
  }

  /// Names the identifier only when it was one that kept DMARC from a verdict: the policy, or what
  /// aligns, may be what is unknown.
  private var dnsFailure: RootCause {
    let identifier = dmarc.cause == .identifierTemperror ? unfinishedIdentifier : nil
    return dnsFailure(identifier ?? dmarc.explanation)
  }

  /// What is said of the first identifier that aligns, or might, and that the DNS left open.
  private var unfinishedIdentifier: String? {
    dkim.first { $0.result == .temperror && $0.alignment?.isAligned != false }?.explanation
      ?? (spf.result == .temperror && spf.alignment?.isAligned != false ? spf.explanation : nil)
  }

  private func dnsFailure(_ explanation: String) -> RootCause {
    RootCause(
      code: .dnsFailure, explanation: explanation,
      fix: "Look at the DNS evidence: if other names of the domain failed too, its servers have to "
        + "be mended; if other domains failed at that time, this host's resolver has to be.")
  }

  // MARK: - Pass

  private var amissAlthoughPassed: RootCause? {
    if dmarc.dkimAligned {
      if spf.result == .permerror, alignedSPF != nil { return spfRecordBroken }
      if spf.result == .fail || spf.result == .softfail, alignedSPF != nil { return forwarded }
      if spf.result == .temperror, alignedSPF != nil { return dnsFailure(spf.explanation) }
      if spf.result == .pass, spf.alignment?.obstacle == .strictMismatch { return strictAlignment }
      if let path = forwardersReturnPath { return forwarded(path) }
      if let unalignedReturnPath { return unalignedReturnPath }
      let others = dkim.filter { $0.result == .pass && !isAligned($0.alignment) }
      return others.isEmpty ? nil : severalSignatures(others)
    }
    // SPF alone carried the message: a broken signature of the author is worth knowing.
    return brokenSignature ?? unusableSignature ?? unfinishedSignature ?? strictAlignment
      ?? unalignedSigner
  }

  /// A signature of the author whose key could not be had; SPF made up for it.
  private var unfinishedSignature: RootCause? {
    alignedSignatures.first { $0.result == .temperror }.map { dnsFailure($0.explanation) }
  }

  private var forwarded: RootCause {
    RootCause(
      code: .forwarded,
      explanation: "\(spf.explanation) The signature of \(author) holds, as it does when mail is "
        + "forwarded unchanged.",
      fix: "Nothing, if the client is a forwarder; if it is \(author)'s own, its address belongs "
        + "in the SPF record.")
  }

  private func forwarded(_ returnPath: String) -> RootCause {
    RootCause(
      code: .forwarded,
      explanation: "\(returnPath) The signature of \(author) holds, as it does when mail is "
        + "forwarded unchanged.",
      fix: "Nothing: the signature is enough.")
  }

  /// The sentence about a return path that a forwarder put in the place of the author's; nil when it
  /// does not look so, or SPF does not confirm the forwarder.
  private var forwardersReturnPath: String? {
    guard spf.result == .pass, spf.alignment?.obstacle == .otherOrganization,
      flow.signs.contains(.rewrittenReturnPath)
    else { return nil }
    return "A forwarder at \(spf.domain) put its own return path in the place of the sender's "
      + "(SRS)."
  }

  private func severalSignatures(_ others: [DKIMOutcome]) -> RootCause {
    let names = others.map(\.domain).joined(separator: ", ")
    return RootCause(
      code: .severalSignatures,
      explanation:
        "Besides the signature of \(author) there are others (\(names)) that do not align.",
      fix: "Nothing: one aligned signature is enough.")
  }

  // MARK: - Fail

  private var failure: RootCause {
    brokenSignature ?? unusableSignature ?? strictAlignment ?? unalignedSigner
      ?? (spf.result == .permerror && alignedSPF != nil ? spfRecordBroken : nil)
      ?? unsignedForwarding ?? unalignedReturnPath ?? unknownSource
  }

  private var brokenSignature: RootCause? {
    guard let signature = alignedSignatures.first(where: { $0.result == .fail }) else {
      return nil
    }
    let isIndirect = flow.suggestsList || flow.suggestsForwarding
    guard isIndirect else {
      return RootCause(
        code: .signatureBroken, explanation: signature.explanation,
        fix: "Find what changes mail after it is signed: a gateway, a disclaimer, a re-encoding "
          + "relay; sign behind it.")
    }
    let who =
      flow.suggestsList
      ? "A mailing list\(flow.listIdentifier.map { " (\($0))" } ?? "")" : "A forwarder"
    return RootCause(
      code: .modifiedOnTheWay,
      explanation: "\(who) seems to have changed the message: \(signature.explanation)",
      fix:
        "The list or forwarder has to leave signed parts alone, put its own domain into From, or "
        + "seal with ARC for receivers that trust it.")
  }

  private var unusableSignature: RootCause? {
    guard
      let signature = alignedSignatures.first(where: {
        $0.result == .permerror || $0.result == .policy
      })
    else { return nil }
    return RootCause(
      code: .signatureUnusable, explanation: signature.explanation, fix: Self.fix(for: signature))
  }

  private static func fix(for signature: DKIMOutcome) -> String {
    let name = "\(signature.selector)._domainkey.\(signature.domain)"
    return switch signature.cause {
    case .keyRevoked:
      "The sender has to sign with a selector whose key is published; an empty p= says that this "
        + "key was withdrawn."
    case .noKey, .keySyntax, .keyTypeMismatch, .keyHashNotAllowed,
      .keyServiceNotAllowed, .keyStrictIdentity:
      "The owner of \(signature.domain) has to publish the key at \(name), or the sender has to sign "
        + "with a selector that exists."
    case .keyTooSmall: "The sender has to sign with an RSA key of 2048 bits, or Ed25519."
    case .algorithmRefused, .algorithmUnknown: "The sender has to sign with rsa-sha256."
    case .expired, .notYetValid:
      "The sender has to give signatures more time (x=), or to set its clock (t=)."
    case .bodyLengthLimit: "The sender has to sign whole bodies, without l=."
    default: "The sender's signing software has to be mended."
    }
  }

  private var strictAlignment: RootCause? {
    let names =
      dkim.filter { $0.result == .pass && $0.alignment?.obstacle == .strictMismatch }
      .map(\.domain)
      + (spf.result == .pass && spf.alignment?.obstacle == .strictMismatch ? [spf.domain] : [])
    guard let name = names.first else { return nil }
    return RootCause(
      code: .strictAlignment,
      explanation: "\(name) passed and belongs to the same organization as \(author), whose policy "
        + "wants the exact name.",
      fix: "Relax adkim= or aspf= in the policy record, or sign and send as \(author) itself.")
  }

  private var unalignedSigner: RootCause? {
    guard
      let signature = dkim.first(where: {
        $0.result == .pass && $0.alignment?.obstacle == .otherOrganization
      })
    else { return nil }
    return RootCause(
      code: .unalignedSigner,
      explanation: "The message is signed by \(signature.domain), another organization than "
        + "\(author).",
      fix: "If \(signature.domain) sends for \(author), set it up to sign with a key of \(author) "
        + "(as a rule a CNAME for its selector)\(listAdvice).")
  }

  /// What else may have to be done when a service that sends for others could be a mailing list.
  private var listAdvice: String {
    guard flow.signs.contains(.listID), dmarc.result == .fail else { return "" }
    return "; if it is a mailing list, \(author) has to sign its own mail, and the list to leave "
      + "it unchanged or to put its own domain into From"
  }

  private var spfRecordBroken: RootCause {
    RootCause(
      code: .spfRecordBroken, explanation: spf.explanation,
      fix: "The owner of \(spf.termDomain ?? spf.domain) has to mend the SPF record.")
  }

  private var unalignedReturnPath: RootCause? {
    guard spf.result == .pass, spf.alignment?.obstacle == .otherOrganization else { return nil }
    let isList = flow.signs.contains(.listID) && dmarc.result == .pass
    return RootCause(
      code: .unalignedReturnPath,
      explanation: "SPF passes for the return path at \(spf.domain), another organization than "
        + "\(author).",
      fix:
        isList
        ? "Nothing, if \(spf.domain) runs a mailing list; if it sends for \(author), give it a "
          + "return path below \(author)."
        : "If \(spf.domain) sends for \(author), give it a return path below \(author), or better a "
          + "key to sign with\(listAdvice).")
  }

  private var unsignedForwarding: RootCause? {
    if let forwardersReturnPath {
      return RootCause(
        code: .forwarded,
        explanation: "\(forwardersReturnPath) No signature of \(author) came with the message.",
        fix: "\(author) has to sign its mail with DKIM: SPF does not survive forwarding.")
    }
    guard alignedSPF != nil, spf.result == .fail || spf.result == .softfail,
      flow.suggestsForwarding || flow.suggestsList
    else { return nil }
    return RootCause(
      code: .forwarded,
      explanation: "\(spf.explanation) The message seems to have been forwarded, and no signature "
        + "of \(author) came with it.",
      fix: "\(author) has to sign its mail with DKIM: SPF does not survive forwarding.")
  }

  private var unknownSource: RootCause {
    RootCause(
      code: .unknownSource,
      explanation: "Nothing about this message belongs to \(author) and passed. \(spf.explanation)",
      fix: "If the sender is legitimate, it needs a DKIM key of \(author); if not, there is "
        + "nothing to mend.")
  }
}
