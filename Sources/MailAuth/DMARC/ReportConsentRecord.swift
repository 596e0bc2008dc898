/// A TXT record by which a host agrees to take the reports about another organization's domain
/// (RFC 9990 section 4).
public struct ReportConsentRecord: Sendable, Equatable {
  /// The value of `rua` as published; nil when the record has none.
  public var aggregateReportURIs: String?
  /// The value of `ruf` as published (RFC 9991 section 5); nil when the record has none.
  public var failureReportURIs: String?

  /// Reads the text of a TXT record.
  ///
  /// Nil when it is no such record: not a list of tags with `v=DMARC1` first, or a tag in it twice.
  /// Anything less than a well-formed record is not taken for consent. Other tags do not matter,
  /// not even a missing `p`.
  public init?(_ text: [UInt8]) {
    var sections = text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
    if sections.count > 1, sections.last?.allSatisfy(\.isWhitespace) == true {
      sections.removeLast()
    }
    let tags = sections.compactMap(DMARCPolicyRecord.Tag.init)
    guard let version = tags.first, version.name == "v", version.value == Array("DMARC1".utf8),
      tags.count == sections.count, Set(tags.map(\.name)).count == tags.count
    else { return nil }
    aggregateReportURIs = Self.value(of: "rua", in: tags)
    failureReportURIs = Self.value(of: "ruf", in: tags)
  }

  private static func value(of name: String, in tags: [DMARCPolicyRecord.Tag]) -> String? {
    tags.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }
}

extension DMARCPolicyRecord {
  /// The value of a tag as it stands in the text of a policy record.
  ///
  /// This is for what ``DMARCPolicyRecord`` does not keep, such as the size limits of URIs in
  /// records that were written for RFC 7489.
  ///
  /// - Parameters:
  ///   - name: The tag's name in lower case.
  ///   - text: The record.
  /// - Returns: The value, the first where there are several; nil when there is none.
  public static func publishedValue(of name: String, in text: String) -> String? {
    text.utf8.split(separator: UInt8(ascii: ";")).lazy
      .compactMap { Tag(Array($0)[...]) }
      .first { $0.name == name }
      .map { String(decoding: $0.value, as: UTF8.self) }
  }
}
