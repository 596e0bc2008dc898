/// Seals messages for one domain (RFC 8617 section 5.1).
///
/// A host that passes messages on seals them last, after all its changes. What it says in the set
/// is its own evaluation; whether anybody believes it is the reader's choice.
public struct ARCSealer: Sendable {
  /// The fields that are signed where a message has them: what DKIM signs, and the signatures
  /// themselves (section 4.1.2).
  public static let defaultSignedNames = DKIMSigner.defaultSignedNames + ["DKIM-Signature"]

  /// `d=` of both signatures.
  public var domain: DomainName
  /// `s=` of both signatures.
  public var selector: DomainName
  /// What it signs with; `a=` follows from it.
  public var key: DKIMPrivateKey
  /// The names of the fields to sign; Authentication-Results and ARC fields never are.
  public var signedNames = ARCSealer.defaultSignedNames

  /// Whether the fields are written as the published test cases have them, not as is best for
  /// readers: tags in the order of their names, and without blanks at which they can be folded.
  var writesPublishedForm = false

  /// Makes a sealer.
  public init(domain: DomainName, selector: DomainName, key: DKIMPrivateKey) {
    self.domain = domain
    self.selector = selector
    self.key = key
  }

  /// The name of the TXT record that has to hold ``DKIMPrivateKey/publicKeyRecord``.
  public var keyName: String { "\(selector)._domainkey.\(domain)" }

  /// Whether a message signature may cover fields of this name (RFC 8617 section 4.1.2).
  public static func maySign(_ name: String) -> Bool {
    let lower = name.asciiLowercased()
    return lower != "authentication-results" && !lower.hasPrefix("arc-")
  }

  /// Whether sealing has a use for fields of this name: it signs or seals them.
  public func needs(_ field: HeaderField) -> Bool {
    ARCField(fieldName: field.name) != nil || signedNames.contains { field.isNamed($0) }
  }

  /// Begins to seal a message.
  ///
  /// - Parameter header: The fields from the top down, as they will leave; those that it does not
  ///   need (``needs(_:)``) may be left out.
  /// - Returns: The sealing, to be given the body.
  /// - Throws: ``ARCSealingRefusal`` when the message must not get a set.
  public func begin(header: [HeaderField]) throws(ARCSealingRefusal) -> ARCSealing {
    try ARCSealing(self, header: header)
  }
}

/// Why a message gets no ARC set.
public enum ARCSealingRefusal: Error, Equatable, CustomStringConvertible {
  /// The newest seal says `cv=fail`: the chain has ended (RFC 8617 section 5.1, step 2).
  case chainHasEnded
  /// There are 50 sets already, or fields that no set could follow (section 4.2.1).
  case tooManySets
  /// There is no From field, which a signature has to cover.
  case noFrom
  /// libcrypto failed.
  case noSignature

  /// The reason as a sentence.
  public var description: String {
    switch self {
    case .chainHasEnded: "The newest seal says cv=fail, and nothing may follow it."
    case .tooManySets: "The message has as many ARC sets as it may have, or more."
    case .noFrom: "The message has no From field."
    case .noSignature: "libcrypto made no signature with the key."
    }
  }
}
