public import MailAuth

/// What is kept of a message, if the configuration says so, to evaluate it again later.
///
/// It is the only place where the ledger keeps a whole reverse-path, a header or a body, so it goes
/// after some days; see ``expiresAt``. While the database cannot be written nothing is kept: the
/// journal, from which nothing is erased in time, takes the record alone.
public struct MessageCapture: Sendable, Equatable {
  /// A setting that the message was evaluated under.
  public struct Setting: Sendable, Equatable, Codable {
    /// The key, such as `policy.enforce`.
    public var key: String
    /// Its values; more than one for a list.
    public var values: [String]
    /// Whether it is a list, be it of one value or none.
    public var isList: Bool

    /// Makes a setting.
    public init(key: String, values: [String], isList: Bool = false) {
      self.key = key
      self.values = values
      self.isList = isList
    }
  }

  /// When it is to be erased, seconds since the epoch.
  public var expiresAt: Int64
  /// The settings that held at the time, as far as they were not the defaults.
  public var settings: [Setting]
  /// The reverse-path with its local part; empty for the null reverse-path.
  public var mailFrom: [UInt8]
  /// Every DNS answer of the evaluation.
  public var dns: [RecordedAnswer]
  /// The header as it came, from the top down; nil when it was too large.
  public var header: [HeaderField]?
  /// The body as it came; nil when it was not to be kept, or too large.
  public var body: [UInt8]?
  /// The hashes of the body that its signatures need.
  public var bodyHashes: BodyHashes

  /// Makes a capture.
  public init(
    expiresAt: Int64, settings: [Setting], mailFrom: [UInt8], dns: [RecordedAnswer],
    header: [HeaderField]?, body: [UInt8]?, bodyHashes: BodyHashes
  ) {
    self.expiresAt = expiresAt
    self.settings = settings
    self.mailFrom = mailFrom
    self.dns = dns
    self.header = header
    self.body = body
    self.bodyHashes = bodyHashes
  }
}

extension MessageCapture {
  /// The header as octets: each field as it came, with CRLF behind it.
  static func octets(of header: [HeaderField]) -> [UInt8] {
    header.flatMap { $0.name + [UInt8(ascii: ":")] + $0.value + [0x0D, 0x0A] }
  }

  /// The fields of such octets; a field ends at a CRLF that no white space follows.
  static func header(of octets: [UInt8]) -> [HeaderField] {
    var fields: [HeaderField] = []
    var start = 0
    var index = 0
    while index < octets.count {
      let isEnd =
        octets[index] == 0x0A && index > start && octets[index - 1] == 0x0D
        && (index + 1 == octets.count || ![0x20, 0x09].contains(octets[index + 1]))
      if isEnd {
        let line = octets[start..<(index - 1)]
        if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
          fields.append(
            HeaderField(name: Array(line[..<colon]), value: Array(line[(colon + 1)...])))
        }
        start = index + 1
      }
      index += 1
    }
    return fields
  }
}
