public import Ledger
import MailAuth

/// The value of `rua` or `ruf`: where reports are wanted, and what of it cannot be used.
public struct ReportURIList: Sendable, Equatable {
  /// A member that cannot be used.
  public struct Skipped: Sendable, Equatable {
    /// The member as it stood there, as printable text of bounded length.
    public var text: String
    /// Why.
    public var problem: ReportURIProblem
  }

  /// The destinations in the order of the list, each address once.
  ///
  /// Of two limits on one address the weaker one stands.
  public var uris: [ReportURI] = []
  /// The members that cannot be used, in the order of the list.
  public var skipped: [Skipped] = []

  /// Makes an empty list.
  public init() {}

  /// Parses a value; an empty one has no members.
  ///
  /// This never fails: one bad member must not harm the others (RFC 9990 section 3.5).
  public init(_ value: String) { take(value) }

  /// The destinations that a policy asks for.
  ///
  /// `ruf` of a public suffix must not be used (RFC 9991 section 2): all of it is skipped.
  public init(_ tag: StoredAuthorization.Tag, of policy: StoredPolicy) {
    take(Self.published(tag, by: policy))
    if tag == .ruf, policy.record.isPublicSuffix == true {
      skipped = uris.map { Skipped(text: $0.address, problem: .publicSuffix) } + skipped
      uris = []
    }
  }

  /// The value of a tag that a policy has, with size limits and with members that cannot be used as
  /// far as they are known; empty when it has none.
  public static func published(
    _ tag: StoredAuthorization.Tag, by policy: StoredPolicy
  ) -> String {
    // The text is cut where it is long; the record is not, but has no size limits.
    if let text = policy.text, text.utf8.count < 4096,
      let value = DMARCPolicyRecord.publishedValue(of: tag.rawValue, in: text)
    {
      return value
    }
    let interpreted =
      tag == .rua ? policy.record.aggregateReportURIs : policy.record.failureReportURIs
    return interpreted.joined(separator: ",")
  }

  /// The usable part as the value of a tag; parsing it gives the same destinations.
  public var text: String { uris.map(\.description).joined(separator: ",") }

  /// Adds the members of another value.
  private mutating func take(_ value: String) {
    guard !value.isEmpty else { return }
    // Octets, not characters: a combining mark must not hide a comma.
    for member in value.utf8.split(
      separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    {
      let text = String(decoding: member, as: UTF8.self)
      do throws(ReportURIProblem) {
        append(try ReportURI(text))
      } catch {
        let shown = text.utf8.trimmingBlanks().printable(limit: 300)
        skipped.append(Skipped(text: shown, problem: error))
      }
    }
  }

  private mutating func append(_ uri: ReportURI) {
    if let index = uris.firstIndex(where: { $0.address == uri.address }) {
      uris[index] = uris[index].merged(with: uri)
    } else {
      uris.append(uri)
    }
  }
}
