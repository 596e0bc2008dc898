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
    record.envelope.recipients = envelope.distinctRecipientDomains.map { [at] + $0 }
    for index in evaluation.dkim.indices {
      record.evaluation.dkim[index].identity = evaluation.dkim[index].identity?.withoutLocalPart
    }
    record.evaluation.arc = evaluation.arc.withoutLocalParts
    return record
  }
}

extension Envelope {
  /// The domain of each recipient that has one, each once.
  var distinctRecipientDomains: [[UInt8]] {
    let domains = recipientDomains
    // As a rule there is one.
    guard domains.count > 1 else { return domains }
    var seen: Set<[UInt8]> = []
    return domains.filter { seen.insert($0).inserted }
  }
}

extension ARCOutcome {
  /// The outcome with every address in the results of its sets as `@domain`.
  var withoutLocalParts: ARCOutcome {
    var outcome = self
    for set in sets.indices {
      for result in sets[set].results.indices {
        for index in sets[set].results[result].properties.indices {
          let value = sets[set].results[result].properties[index].value
          outcome.sets[set].results[result].properties[index].value = value.withoutLocalPart
        }
      }
    }
    return outcome
  }
}

extension String {
  /// An address from its last "@" on; a text without one as it is.
  var withoutLocalPart: String {
    guard let last = utf8.lastIndex(of: UInt8(ascii: "@")) else { return self }
    return String(decoding: utf8[last...], as: UTF8.self)
  }
}
