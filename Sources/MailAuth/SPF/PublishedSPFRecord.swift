/// An SPF record that a check used, as it was published.
public struct PublishedSPFRecord: Sendable, Equatable, Codable {
  /// The name that holds it.
  public var domain: String
  /// Its text, character-strings joined; printable ASCII, cut where it is very long.
  public var text: String

  /// How many octets of a record's text are kept.
  public static let mostOctets = 900
  /// How many records of one check are kept; more than the allowed lookups can use.
  public static let mostRecords = 12

  /// Makes a record.
  public init(domain: String, text: String) {
    self.domain = domain
    self.text = text
  }

  /// The SPF records in an answer (RFC 7208 section 4.5).
  static func records(_ answer: DNSAnswer, at name: String) -> [PublishedSPFRecord] {
    answer.joinedTexts.filter { text in
      text.prefix(6).equalsIgnoringASCIICase("v=spf1")
        && (text.count == 6 || text[6] == UInt8(ascii: " "))
    }.map { PublishedSPFRecord(domain: name, text: $0.printable(limit: mostOctets)) }
  }
}
