/// What a client is told whose message is refused because of DMARC: a template with the domain.
public struct RejectText: Sendable, Equatable, CustomStringConvertible {
  /// What stands for the Author Domain.
  public static let placeholder = "{domain}"

  /// The text unless configured otherwise.
  public static let standard = RejectText(
    unchecked: "Rejected by the DMARC policy of \(placeholder)")

  /// The template.
  public let template: String

  private init(unchecked template: String) {
    self.template = template
  }

  /// Takes a template; nil unless it holds `DMARC` and `{domain}` (RFC 9989 section 7.2), is
  /// printable ASCII and has at most 200 octets.
  public init?(_ template: String) {
    guard template.contains("DMARC"), template.contains(Self.placeholder),
      template.utf8.count <= 200, template.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    self.init(unchecked: template)
  }

  /// The text for a domain.
  func text(for domain: String) -> String {
    template.replacing(Self.placeholder, with: domain.utf8.printable(limit: 253))
  }

  /// The template.
  public var description: String { template }
}
