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
  public init(_ value: String) { self.init(Self.members(of: value)) }

  /// Parses members that were taken apart before.
  public init(_ members: [String]) {
    for member in members {
      do throws(ReportURIProblem) {
        append(try ReportURI(member))
      } catch {
        let shown = member.utf8.trimmingBlanks().printable(limit: 300)
        skipped.append(Skipped(text: shown, problem: error))
      }
    }
  }

  /// The destinations that a policy asks for.
  ///
  /// `ruf` of a public suffix must not be used (RFC 9991 section 2): all of it is skipped.
  public init(_ tag: StoredAuthorization.Tag, of policy: StoredPolicy) {
    self.init(Self.published(tag, by: policy))
    if tag == .ruf, policy.record.isPublicSuffix == true {
      skipped = uris.map { Skipped(text: $0.address, problem: .publicSuffix) } + skipped
      uris = []
    }
  }

  /// The members of the list that a policy has, with size limits and with those that cannot be used
  /// as far as they are known.
  public static func published(
    _ tag: StoredAuthorization.Tag, by policy: StoredPolicy
  ) -> [String] {
    // The text is cut where it is long; the record is not, but has no size limits.
    if let text = policy.text, text.utf8.count < 4096,
      let value = DMARCPolicyRecord.publishedValue(of: tag.rawValue, in: text)
    {
      return members(of: value)
    }
    return tag == .rua ? policy.record.aggregateReportURIs : policy.record.failureReportURIs
  }

  /// The usable part as the value of a tag; parsing it gives the same destinations.
  public var text: String { uris.map(\.description).joined(separator: ",") }

  private static func members(of value: String) -> [String] {
    guard !value.isEmpty else { return [] }
    // Octets, not characters: a combining mark must not hide a comma.
    return value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      .map { String(decoding: Array($0).trimmingBlanks(), as: UTF8.self) }
  }

  private mutating func append(_ uri: ReportURI) {
    if let index = uris.firstIndex(where: { $0.address == uri.address }) {
      uris[index] = uris[index].merged(with: uri)
    } else {
      uris.append(uri)
    }
  }
}
