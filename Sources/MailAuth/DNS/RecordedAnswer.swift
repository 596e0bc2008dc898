/// An answer of the DNS, kept so that a message can be evaluated with it again.
public struct RecordedAnswer: Sendable, Equatable {
  /// The owner name asked for.
  public var name: String
  /// The record type asked for.
  public var type: DNSRecordType
  /// How the question ended.
  public var outcome: DNSOutcome
  /// The records; empty unless `outcome` is ``DNSOutcome/answer``.
  public var records: [DNSRecord]
  /// What the resolver added to a failure; nil when there is nothing.
  public var detail: String?

  /// Makes an answer.
  public init(
    name: String, type: DNSRecordType, outcome: DNSOutcome, records: [DNSRecord] = [],
    detail: String? = nil
  ) {
    self.name = name
    self.type = type
    self.outcome = outcome
    self.records = records
    self.detail = detail
  }

  init(_ question: DNSQuestion, _ answer: DNSAnswer) {
    self.init(
      name: question.name, type: question.type, outcome: answer.outcome, records: answer.records,
      detail: answer.detail)
  }

  /// The question.
  public var question: DNSQuestion { DNSQuestion(name, type) }
}

extension RecordedAnswer: Codable {
  private enum Key: String, CodingKey { case name, type, outcome, records, detail }

  /// Decodes an answer.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    name = try container.decode(String.self, forKey: .name)
    type = try container.decode(DNSRecordType.self, forKey: .type)
    outcome = try container.decode(DNSOutcome.self, forKey: .outcome)
    records =
      try container.decodeIfPresent([StoredDNSRecord].self, forKey: .records)?.map(\.record) ?? []
    detail = try container.decodeIfPresent(String.self, forKey: .detail)
  }

  /// Encodes the answer; what is empty is left out.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try container.encode(type, forKey: .type)
    try container.encode(outcome, forKey: .outcome)
    if !records.isEmpty {
      try container.encode(records.map(StoredDNSRecord.init), forKey: .records)
    }
    try container.encodeIfPresent(detail, forKey: .detail)
  }
}

/// A record as JSON: an object with one key for its kind.
private struct StoredDNSRecord: Codable {
  let record: DNSRecord

  init(_ record: DNSRecord) { self.record = record }

  private enum Key: String, CodingKey { case address, mx, preference, ptr, txt, txtBase64 }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    if let address = try container.decodeIfPresent(IPAddress.self, forKey: .address) {
      record = .address(address)
    } else if let host = try container.decodeIfPresent(String.self, forKey: .mx) {
      record = .mx(
        preference: try container.decode(UInt16.self, forKey: .preference), host: host)
    } else if let name = try container.decodeIfPresent(String.self, forKey: .ptr) {
      record = .ptr(name)
    } else if let strings = try container.decodeIfPresent([String].self, forKey: .txt) {
      record = .txt(strings.map { Array($0.utf8) })
    } else {
      let strings = try container.decode([String].self, forKey: .txtBase64)
      record = .txt(
        try strings.map { text in
          if let octets = Base64.decode(text) { return octets }
          throw DecodingError.dataCorruptedError(
            forKey: .txtBase64, in: container, debugDescription: "not base64")
        })
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch record {
    case .address(let address): try container.encode(address, forKey: .address)
    case .mx(let preference, let host):
      try container.encode(preference, forKey: .preference)
      try container.encode(host, forKey: .mx)
    case .ptr(let name): try container.encode(name, forKey: .ptr)
    case .txt(let strings):
      let texts = strings.compactMap { String(validating: $0, as: UTF8.self) }
      if texts.count == strings.count {
        try container.encode(texts, forKey: .txt)
      } else {
        // What is published need not be text.
        try container.encode(strings.map(Base64.encode), forKey: .txtBase64)
      }
    }
  }
}
