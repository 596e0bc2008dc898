/// What the administrator of this host wants done with the results of DMARC.
///
/// The defaults only watch: nothing is marked, held, refused or deferred.
public struct LocalPolicy: Sendable, Equatable {
  /// How far published policies are followed.
  public enum Enforcement: String, Sendable, CaseIterable {
    /// They are recorded only.
    case off
    /// Failing mail is quarantined, also where its policy asks for rejection: p=reject alone is no
    /// ground to refuse a message (RFC 9989 section 7.4).
    case quarantine
    /// Failing mail is refused where its policy asks for it. This is the administrator's own
    /// decision, and the exemptions are the "other knowledge" that section 7.4 wants.
    case reject
  }

  /// What quarantine means.
  public enum QuarantineAction: String, Sendable, CaseIterable {
    /// A header field tells the mail store to file the message as suspicious.
    case header
    /// The MTA holds the message until somebody releases it.
    case hold
    /// The message is delivered, the results field alone tells.
    case none
  }

  /// What is answered when DMARC ends in temperror.
  public enum TemporaryErrorAction: String, Sendable, CaseIterable {
    /// The message is taken.
    case accept
    /// The client has to try again later.
    case tempfail
  }

  /// What is done with a message whose From names no author, or that has several From fields.
  public enum BadFromAction: String, Sendable, CaseIterable {
    /// The message is taken, and what is wrong is recorded.
    ///
    /// Where policies are followed, a message that breaks a limit of ours (the domains in From, the
    /// size of the header) is quarantined all the same: the sender chooses that, and could forge
    /// anybody behind it.
    case accept
    /// The message is quarantined.
    case quarantine
    /// The message is refused.
    case reject
  }

  /// How far published policies are followed.
  public var enforcement = Enforcement.off
  /// What quarantine means.
  public var quarantineAction = QuarantineAction.header
  /// The field of ``QuarantineAction/header``; incoming fields of its name are removed.
  public var quarantineField = QuarantineField.standard
  /// What a refused client is told.
  public var rejectText = RejectText.standard
  /// Clients whose mail is never quarantined, refused or deferred because of DMARC.
  public var exemptNetworks: [IPNetwork] = []
  /// Whether mail with the fields of a mailing list is quarantined where it would be refused.
  ///
  /// Anybody can write those fields, so they never make more of it than RFC 9989 section 7.4 gives
  /// to everybody.
  public var sparesMailingLists = true
  /// Hosts that forward for recipients here; they are spared where the failure looks like it.
  public var trustedForwarders: [TrustedForwarder] = []
  /// Domains whose ARC seals are believed (RFC 8617 section 7.2); empty means ARC changes nothing.
  public var trustedSealers: [DomainName] = []
  /// What is answered when DMARC ends in temperror.
  public var onTemporaryError = TemporaryErrorAction.accept
  /// What is done with a message whose From names no author, or that has several From fields.
  public var onBadFrom = BadFromAction.accept

  /// Makes the policy that only watches.
  public init() {}
}
