/// Signs messages for one domain (RFC 6376 section 5), computed by libopendkim.
public struct DKIMSigner: Sendable {
  /// The fields that are signed where a message has them (RFC 6376 section 5.4.1, and what says of
  /// what kind a message is).
  public static let defaultSignedNames = [
    "From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Auto-Submitted",
    "In-Reply-To", "References", "List-Id", "List-Help", "List-Unsubscribe",
    "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner", "List-Archive",
  ]
  /// The fields of which nobody may add another one (RFC 6376 section 8.15).
  public static let defaultOversignedNames = [
    "From", "Subject", "To", "Date", "Message-ID", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding",
  ]

  /// `d=`.
  public var domain: DomainName
  /// `s=`.
  public var selector: DomainName
  /// What it signs with; `a=` follows from it.
  public var key: DKIMPrivateKey
  /// The first half of `c=`.
  public var headerCanonicalization = Canonicalization.relaxed
  /// The second half of `c=`.
  public var bodyCanonicalization = Canonicalization.relaxed
  /// The names of the fields to sign; From is signed in any case.
  public var signedNames = DKIMSigner.defaultSignedNames
  /// Names listed once more than the message has such fields; these fields are signed, too.
  public var oversignedNames = DKIMSigner.defaultOversignedNames
  /// `l=`: octets of the canonical body that are signed, at most all; nil signs all without `l=`.
  public var bodyLength: Int?
  /// How long signatures hold, in seconds, at least 1: `x=` minus `t=`; nil leaves out `x=`.
  public var lifetimeSeconds: Int64?

  /// Makes a signer, relaxed/relaxed, for all of the body, without expiry.
  public init(domain: DomainName, selector: DomainName, key: DKIMPrivateKey) {
    self.domain = domain
    self.selector = selector
    self.key = key
  }

  /// The name of the TXT record that has to hold ``DKIMPrivateKey/publicKeyRecord``.
  public var keyName: String { "\(selector)._domainkey.\(domain)" }

  /// Signs a message.
  ///
  /// - Parameters:
  ///   - header: The fields, from the top down, folds as CRLF and white space.
  ///   - body: The body, each line ended by CRLF.
  ///   - now: `t=`, seconds since the epoch; at least 1.
  /// - Returns: The DKIM-Signature field, folded with CRLF; it belongs on top of the header.
  /// - Throws: ``DKIMSigningError``.
  public func sign(
    header: [HeaderField], body: [UInt8], now: Int64
  ) throws(DKIMSigningError) -> HeaderField {
    try check(header, body, now: now)
    do throws(LibOpenDKIMError) {
      let signature = try LibOpenDKIMSignature(self, now: UInt64(clamping: now))
      for field in header { try signature.header(field) }
      try signature.endOfHeaders()
      try signature.body(body)
      return HeaderField(
        name: Array("DKIM-Signature".utf8),
        value: [0x20] + (try signature.endOfMessage()))
    } catch {
      throw .library("\(error)")
    }
  }

  /// The fields to sign: those that are listed more often than they are there have to be among
  /// them, or the signature would not verify.
  var allSignedNames: [String] {
    var names: [String] = []
    for name in ["From"] + signedNames + oversignedNames
    where !names.contains(where: { $0.utf8.equalsIgnoringASCIICase(name) }) {
      names.append(name)
    }
    return names
  }

  // libopendkim drops or misreads what is refused here, so that its signature would not verify.
  private func check(
    _ header: [HeaderField], _ body: [UInt8], now: Int64
  ) throws(DKIMSigningError) {
    guard now > 0, lifetimeSeconds.map({ $0 > 0 }) ?? true, bodyLength.map({ $0 >= 0 }) ?? true
    else { throw .options("times and lengths must be positive") }
    for name in allSignedNames + oversignedNames {
      // The library makes a regular expression of them.
      let isPlain = name.utf8.allSatisfy {
        $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-")
      }
      guard isPlain, !name.isEmpty else { throw .options("\(name) is not a field name") }
    }
    guard header.contains(where: { $0.isNamed("From") }) else { throw .noFrom }
    for field in header {
      let name = field.name.printable(limit: 80)
      guard field.name.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }),
        !field.name.isEmpty, !field.value.contains(0), field.value.hasCRLFOnly
      else { throw .field(name) }
    }
    guard body.hasCRLFOnly else { throw .lineEnds }
  }
}

extension [UInt8] {
  /// Whether each CR is followed by LF and each LF preceded by CR.
  fileprivate var hasCRLFOnly: Bool {
    var previous: UInt8 = 0
    for octet in self {
      if (previous == 0x0D) != (octet == 0x0A) { return false }
      previous = octet
    }
    return previous != 0x0D
  }
}

/// Why a message cannot be signed.
public enum DKIMSigningError: Error, Equatable, CustomStringConvertible {
  /// The signer's own settings cannot be used.
  case options(String)
  /// The message has no From field (RFC 6376 section 5.4 demands that it is signed).
  case noFrom
  /// A field holds what no field may hold: its name.
  case field(String)
  /// The body has line ends other than CRLF.
  case lineEnds
  /// libopendkim refuses; with its words.
  case library(String)

  /// What is wrong.
  public var description: String {
    switch self {
    case .options(let problem): "the DKIM signer is set up wrongly: \(problem)"
    case .noFrom: "the message has no From field, which a DKIM signature must cover"
    case .field(let name): "the field \(name) cannot be signed: its name or line ends are wrong"
    case .lineEnds: "the body cannot be signed: it has line ends other than CRLF"
    case .library(let text): "the message cannot be signed: \(text)"
    }
  }
}
