public import MailAuth

/// Who reports: the same for all reports of an installation.
public struct ReportSettings: Sendable, Equatable {
  /// The receiver in file names and subjects (RFC 9990 section 3.5.1).
  public var receiver: DomainName
  /// `org_name`; not empty.
  public var organization: String
  /// `email`: where to ask about reports; not empty.
  public var email: String
  /// `extra_contact_info`, such as a web page; nil for none.
  public var extraContact: String?
  /// `generator`: name and version of the program.
  public var generator: String
  /// What tells the ledger from others whose reports name the same receiver.
  ///
  /// It goes into report IDs, so that several mail hosts of one organization never use the same
  /// one. Empty where there is one ledger only.
  public var ledgerIdentity: String

  /// Makes settings.
  public init(
    receiver: DomainName, organization: String, email: String, extraContact: String? = nil,
    generator: String, ledgerIdentity: String = ""
  ) {
    self.receiver = receiver
    self.organization = organization
    self.email = email
    self.extraContact = extraContact
    self.generator = generator
    self.ledgerIdentity = ledgerIdentity
  }
}
