import MailAuth

/// A message as it comes back out of the ledger.
public struct StoredMessage: Sendable, Equatable {
  /// The number of the row; stable, without meaning elsewhere.
  public var id: Int64
  /// The record, as ``MessageRecord/withoutLocalParts`` makes it.
  public var record: MessageRecord

  /// Makes a message.
  public init(id: Int64, record: MessageRecord) {
    self.id = id
    self.record = record
  }
}

extension MessageRecord {
  /// The record as the ledger keeps it: addresses lose their local parts.
  ///
  /// A reverse-path becomes `@domain`, or `@` when it has no domain; the null reverse-path stays
  /// empty. Recipients become `@domain`, each domain once; those without a domain are dropped. A
  /// signature's `i=` becomes `@domain`, and so does every address in the results of ARC sets.
  public var withoutLocalParts: MessageRecord {
    var record = self
    let at = UInt8(ascii: "@")
    if !envelope.hasNullReversePath {
      record.envelope.mailFrom = [at] + (envelope.mailFromDomain ?? [])
    }
    var seen: Set<[UInt8]> = []
    record.envelope.recipients = envelope.recipientDomains
      .filter { seen.insert($0).inserted }
      .map { [at] + $0 }
    for index in evaluation.dkim.indices {
      guard let identity = evaluation.dkim[index].identity?.utf8,
        let last = identity.lastIndex(of: at)
      else { continue }
      record.evaluation.dkim[index].identity = String(decoding: identity[last...], as: UTF8.self)
    }
    for set in record.evaluation.arc.sets.indices {
      for result in record.evaluation.arc.sets[set].results.indices {
        record.evaluation.arc.sets[set].results[result].dropLocalParts()
      }
    }
    return record
  }
}

extension ReportedResult {
  fileprivate mutating func dropLocalParts() {
    for index in properties.indices {
      let value = properties[index].value.utf8
      guard let last = value.lastIndex(of: UInt8(ascii: "@")) else { continue }
      properties[index].value = String(decoding: value[last...], as: UTF8.self)
    }
  }
}
